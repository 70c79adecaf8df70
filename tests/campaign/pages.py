"""Do a page and the served browser stay what they are, in a real browser, whatever a stranger called his families, items and answers?"""

from __future__ import annotations

import csv
import io
import shutil
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any
from xml.etree import ElementTree

from open_pages import BROWSERS, FLAGS

from campaign.hostile_names import LOCATED, NAMES, PlainRun, as_directory, renamed
from campaign.resumable import Resumable
from campaign.trial import Outcome, Result, Trial

LARGEST = 2_000_000
"""Bytes that a page may have beyond the same one with plain names."""
_MILLISECONDS = 600_000
"""After which a page that isn't ready hangs: it takes a few seconds, and on a busy machine many times as long."""
_MOST_EXPORTS = 3
"""Of a page and kind: every figure's tools are the same."""


def hostile_pages(room: Path, seed: int, n: int, made: Callable[[str], Resumable]) -> Iterator[Result]:
    """`n` runs that hold hostile names: their pages, and every fifth in the served browser. Nothing where there is no browser.

    `made`: makes the small run of a verb.
    """
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        return
    from playwright.sync_api import sync_playwright

    runs = _plain_runs(room, made)  # forks, which is done before there is a browser
    sizes = {run.verb: run.write(run.directory).stat().st_size for run in runs}
    names = Random(f"{seed} pages").sample(NAMES, len(NAMES))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        for number in range(n):
            name, rng = names[number % len(names)], Random(f"{seed} pages {number}")
            place = number % (len(runs) + 1)
            if place == len(runs):
                yield _judged("served browser", f"a run is {name[:40]!r}", _of_server(browser, runs[0], room, name))
                continue
            run, size = runs[place], sizes[runs[place].verb]
            what = rng.choice(list(run.names))
            copy = renamed(run.directory, room / "renamed run", run.names[what], name)
            yield _judged(f"page of {run.verb}", f"{what} is {name[:40]!r}", _of_page(browser, run, copy, size))
        browser.close()


def _plain_runs(room: Path, made: Callable[[str], Resumable]) -> Sequence[PlainRun]:
    from synthetic_comparison import write_synthetic_comparison
    from synthetic_run import write_synthetic_run

    from strata.dashboards.page import write_report
    from strata.dashboards.page.behave_page import write_behave_report
    from strata.dashboards.page.comparison_page import write_comparison
    from strata.dashboards.page.sweep_page import write_sweep_report

    behaved, swept = made("behave"), made("sweep")
    compared = {
        "family": "capital",
        "item": "chemical_symbol-000",
        "model": "/home/someone/models/distilled",
        "answer": " b",
    }
    return (
        PlainRun("locate", write_synthetic_run(room / "plain run", hostile=False), write_report, LOCATED),
        PlainRun("compare", write_synthetic_comparison(room / "plain comparison", hostile=False), write_comparison, compared),
        PlainRun("behave", behaved.copy, write_behave_report, {"family": "letters", "item": "k:a:plain", "answer": " 0", "model": behaved.spec}),
        PlainRun("sweep", swept.copy, write_sweep_report, {"family": "knowledge family 0", "model": swept.spec, "axis": "step"}),
    )  # fmt: skip


def _judged(kind: str, name: str, faults: Iterator[str]) -> Result:
    from strata.probes.errors import StrataError

    trial, began = Trial(kind, name, ("report",)), time.monotonic()
    try:
        said = "\n".join(faults)
        outcome = Outcome.WRONG if said else Outcome.WENT_THROUGH
    except StrataError as error:
        outcome, said = Outcome.REFUSED, str(error)
    except Exception as error:
        outcome = Outcome.HANG if type(error).__name__ == "TimeoutError" else Outcome.TRACEBACK
        said = traceback.format_exc()[-3000:]
    return Result(trial, outcome, 0, time.monotonic() - began, said)


def _of_page(browser: Any, run: PlainRun, copy: Path, size: int) -> Iterator[str]:
    page = run.write(copy)
    if page.stat().st_size > size + LARGEST:
        yield "the page is large"
    with _watched(browser, ("file:", "data:", "blob:")) as (tab, seen):
        tab.goto(page.resolve().as_uri())
        tab.wait_for_selector("html[data-ready=true]")
        for kind in ("CSV", "SVG", "PNG"):
            buttons = tab.locator(".plot-tools, #pager").get_by_text(kind, exact=True)
            shown = [button for button in buttons.all() if button.is_visible()]
            for button in shown[:_MOST_EXPORTS]:
                with tab.expect_download() as waiting:
                    button.click()
                yield from _of_export(kind, Path(waiting.value.path()).read_bytes())
        yield from _of_tab(tab)
        yield from seen


def _of_server(browser: Any, run: PlainRun, room: Path, name: str) -> Iterator[str]:
    """The list of runs, the run chosen there, and its own page in its sandbox."""
    from strata.dashboards.app.access import Access
    from strata.dashboards.app.server import listening, make_app
    from strata.experiments.run.listing import RunList

    root = room / "served"
    shutil.rmtree(root, ignore_errors=True)
    run.write(renamed(run.directory, root / as_directory(name), run.names["family"], name))
    access = Access("127.0.0.1", None)
    server = listening(make_app(RunList(root), access), access, 0)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    here = f"http://127.0.0.1:{server.port}/"
    try:
        with _watched(browser, (here, "data:", "blob:")) as (tab, seen):
            tab.goto(here)
            tab.locator("table.runs a.choose").first.click()
            tab.locator("#chosen li").first.wait_for()
            yield from _of_tab(tab)
            yield from seen
        with _watched(browser, (here, "data:", "blob:")) as (tab, seen):
            tab.goto(here)
            tab.goto(here.rstrip("/") + tab.locator("table.runs tbody th a[href^='/run/']").first.get_attribute("href"))
            tab.wait_for_selector("html[data-ready=true]")
            yield from _of_tab(tab)
            yield from seen
    finally:
        server.shutdown()


def _of_tab(tab: Any) -> Iterator[str]:
    if tab.evaluate("window.pwned") is not None:
        yield "a script of the name ran"
    if not tab.evaluate("document.documentElement.scrollWidth <= innerWidth"):
        yield "the page is wider than its window"


@contextmanager
def _watched(browser: Any, within: tuple[str, ...]) -> Iterator[tuple[Any, list[str]]]:
    """A tab, and what it does that it may not: whatever it asks for elsewhere, its errors and dialogs."""
    surroundings = browser.new_context(accept_downloads=True, reduced_motion="reduce")
    try:
        surroundings.set_default_timeout(_MILLISECONDS)
        tab = surroundings.new_page()
        seen: list[str] = []
        tab.on("request", lambda r: None if r.url.startswith(within) else seen.append(f"asks for {r.url[:200]}"))
        tab.on("console", lambda m: seen.append(f"says {m.text[:200]}") if m.type == "error" else None)
        tab.on("pageerror", lambda e: seen.append(f"fails with {str(e)[:200]}"))
        tab.on("dialog", lambda d: (seen.append("opens a dialog"), d.dismiss()))
        yield tab, seen
    finally:
        surroundings.close()


def _of_export(kind: str, content: bytes) -> Iterator[str]:
    if kind == "PNG":
        if not content.startswith(b"\x89PNG\r\n"):
            yield "the picture is no PNG"
        return
    text = content.decode("utf-8-sig")
    if kind == "SVG":
        try:
            ElementTree.fromstring(text)
        except ElementTree.ParseError as error:
            yield f"the picture is no XML: {error}"
        return
    rows = list(csv.reader(io.StringIO(text, newline="")))
    if len({len(row) for row in rows if row}) != 1:
        yield f"the table has rows of {sorted({len(row) for row in rows})} cells"
