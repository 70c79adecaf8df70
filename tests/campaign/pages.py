"""Does a page stay a page, in a real browser, whatever a stranger called his families, items and answers?"""

from __future__ import annotations

import csv
import io
import json
import shutil
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any
from xml.etree import ElementTree

import pyarrow as pa
import pyarrow.parquet as pq

from campaign.trial import Outcome, Result, Trial

NAMES = (
    "</script><script>window.pwned=1</script>", "<img src=x onerror=window.pwned=1>", "</style><svg onload=window.pwned=1>",
    "\"onmouseover=window.pwned=1 x=\"", "javascript:window.pwned=1", "${window.pwned=1}", "<!--", "]]>", "__proto__", "constructor",
    "\u202etxt.exe", "العربية", "東京 😀 👩‍👩‍👧", "e\u0301" * 40, "\x1b]0;owned\x07\x1b[31m", "a\x00b\x01c\x7fd", "\x85\u2028\u2029",
    "a" * 100_000, "<b>" * 30_000, "\u0300" * 20_000, "\n\r\t", " ", "=cmd|' /C calc'!A0", "a,b;\"c\"\r\nd", "<a href=https://example.com/>x</a>",
    "<a href=\"javascript:window.pwned=1\">x</a>", "%3Cscript%3E", "$x^2$ <sub>a</sub>", "\ufeff\ufffe\uffff", "[/]",
)  # fmt: skip
LARGEST = 2_000_000
"""Bytes that a page may have beyond the same one with plain names."""
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
]
_MILLISECONDS = 30_000
_RENAMED = {"family": "capital", "domain": "geography", "answer_token": " Paris", "item": "capital-005"}
"""What is called otherwise: the fields of the tables, and the name that plain runs have there."""


def hostile_pages(room: Path, seed: int, n: int) -> Iterator[Result]:
    """Nothing where there is no browser."""
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if path is None:
        return
    from playwright.sync_api import sync_playwright
    from synthetic_run import write_synthetic_run

    from strata.dashboards.page import write_report

    plain = write_synthetic_run(room / "plain run", hostile=False)
    size = write_report(plain).stat().st_size
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        names = Random(f"{seed} pages").sample(NAMES, len(NAMES))
        for number in range(n):
            rng = Random(f"{seed} pages {number}")
            field = rng.choice(list(_RENAMED))
            name = names[number % len(names)]
            yield _judged(browser, plain, room / "renamed run", field, name, size)
        browser.close()


def _judged(browser: Any, plain: Path, copy: Path, field: str, name: str, size: int) -> Result:
    from strata.dashboards.page import write_report
    from strata.probes.errors import StrataError

    trial = Trial("pages", f"{field} is {name[:40]!r}", ("report",))
    began = time.monotonic()
    try:
        renamed(plain, copy, field, name)
        page = write_report(copy)
        faults = [*_faults(browser, page), *(["the page is large"] if page.stat().st_size > size + LARGEST else [])]
        outcome, said = (Outcome.WRONG, "\n".join(faults)) if faults else (Outcome.WENT_THROUGH, "")
    except StrataError as error:
        outcome, said = Outcome.REFUSED, str(error)
    except Exception as error:
        outcome, said = _of_exception(error), traceback.format_exc()[-3000:]
    return Result(trial, outcome, 0, time.monotonic() - began, said)


def _of_exception(error: Exception) -> Outcome:
    return Outcome.HANG if type(error).__name__ == "TimeoutError" else Outcome.TRACEBACK


def _faults(browser: Any, page: Path) -> Iterator[str]:
    surroundings = browser.new_context(accept_downloads=True, reduced_motion="reduce")
    try:
        tab = surroundings.new_page()
        seen: list[str] = []
        tab.on(
            "request",
            lambda r: None if r.url.startswith(("file:", "data:", "blob:")) else seen.append(f"asks for {r.url[:200]}"),
        )
        tab.on("console", lambda m: seen.append(f"says {m.text[:200]}") if m.type == "error" else None)
        tab.on("pageerror", lambda e: seen.append(f"fails with {str(e)[:200]}"))
        tab.on("dialog", lambda d: (seen.append("opens a dialog"), d.dismiss()))
        tab.goto(page.resolve().as_uri(), timeout=_MILLISECONDS)
        tab.wait_for_selector("html[data-ready=true]", timeout=_MILLISECONDS)
        for box in ("#curves-panel .plot-tools", "#map-panel .plot-tools", "#pager"):
            for kind in ("CSV", "SVG"):
                button = tab.locator(box).get_by_text(kind, exact=True)
                if button.count():
                    with tab.expect_download(timeout=_MILLISECONDS) as waiting:
                        button.first.click()
                    yield from _of_export(kind, Path(waiting.value.path()).read_bytes())
        if tab.evaluate("window.pwned") is not None:
            yield "a script of the name ran"
        if not tab.evaluate("document.documentElement.scrollWidth <= innerWidth"):
            yield "the page is wider than its window"
        yield from seen
    finally:
        surroundings.close()


def _of_export(kind: str, content: bytes) -> Iterator[str]:
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


def renamed(plain: Path, copy: Path, field: str, name: str) -> Path:
    """A copy of a run in which what a field holds for the first family is called `name` instead."""
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(plain, copy)
    before = _RENAMED[field]
    for file in copy.glob("*.parquet"):
        table = pq.read_table(file)
        for at, column in enumerate(table.schema):
            if pa.types.is_string(column.type) and before:
                values = [name if value == before else value for value in table.column(at).to_pylist()]
                table = table.set_column(at, column, pa.array(values, column.type))
        pq.write_table(table, file)
    for file in copy.glob("*.json*"):
        if file.name in ("view.json", "progress.json"):
            continue
        lines = file.read_text().splitlines() if file.suffix == ".jsonl" else [file.read_text()]
        file.write_text(
            "".join(f"{json.dumps(_renamed(json.loads(line), before, name), ensure_ascii=False)}\n" for line in lines)
        )
    return copy


def _renamed(value: Any, before: str, name: str) -> Any:
    if isinstance(value, dict):
        return {
            name if before and key == before else key: _renamed(inner, before, name) for key, inner in value.items()
        }
    if isinstance(value, list):
        return [_renamed(inner, before, name) for inner in value]
    return name if before and value == before else value
