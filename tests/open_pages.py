"""How do tests look at a page? In a real Chromium, from disk; nothing may be asked for off the disk and nothing may fail."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
"""The first that is there: the shell draws the same in two thirds of the time."""
READY = "html[data-ready=true]"
_IDLE = "document.getElementById('main') === null || !document.getElementById('main').hasAttribute('aria-busy')"
_FOLLOWED = """(text) => new Promise((heard) => {
    const before = location.href;
    addEventListener('hashchange', () => heard(), { once: true });
    location.hash = text;
    if (location.href === before) heard();
})"""
"""Follows a link within the page; over when every listener has heard of it."""
HASH_WRITTEN = 140
"""Milliseconds after which the address holds what was chosen."""


def chromium() -> Iterator[Any]:
    """One browser; skips where there is none, fails in CI."""
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        if os.environ.get("CI") == "true":
            pytest.fail("no Chromium: apt-get install chromium")
        pytest.skip("no Chromium on PATH")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@contextmanager
def opened(browser: Any, page: Path, fragment: str = "", **context: Any) -> Iterator[Any]:
    """The page, opened from disk; fails on any request off the disk and on any error in the page."""
    context.setdefault("reduced_motion", "reduce")  # a page that still scrolls moves cells away from the pointer
    surroundings = browser.new_context(viewport=context.pop("viewport", {"width": 1280, "height": 900}), **context)
    tab = surroundings.new_page()
    outside: list[str] = []
    errors: list[str] = []
    tab.on("request", lambda r: None if r.url.startswith(("file:", "data:", "blob:")) else outside.append(r.url))
    tab.on("console", lambda m: errors.append(m.text) if m.type == "error" else None)
    tab.on("pageerror", lambda e: errors.append(str(e)))
    tab.goto(page.resolve().as_uri() + (f"#{fragment}" if fragment else ""))
    if context.get("java_script_enabled", True):
        tab.wait_for_selector(READY, timeout=30_000)
    yield tab
    assert outside == [] and errors == []
    surroundings.close()


def settled(tab: Any) -> None:
    """Waits until everything is drawn and the address holds what was chosen."""
    tab.wait_for_timeout(HASH_WRITTEN)
    until(tab, _IDLE)


def until(tab: Any, condition: str) -> None:
    """Waits for a condition; playwright's own waiting needs eval, which the page's policy forbids."""
    for _ in range(300):
        if tab.evaluate(condition):
            return
        tab.wait_for_timeout(20)
    pytest.fail(f"never came true: {condition}")


def shown_with(tab: Any, fragment: str = "") -> Any:
    """The same tab with another address: what a link to it shows."""
    tab.evaluate(_FOLLOWED, fragment or "nothing=1")
    until(tab, _IDLE)
    return tab


def point_and_click(tab: Any, spot: list[float]) -> None:
    tab.mouse.move(*spot)
    tab.wait_for_timeout(150)  # plotly clicks on what it last saw hovered
    tab.mouse.click(*spot)


_RUN_INTO_OTHERS = """(plot) => {
    const drawn = plot.querySelector('.main-svg');
    if (drawn === null) return ['no figure'];
    const area = drawn.getBoundingClientRect();
    const texts = [...plot.querySelectorAll('.annotation-text')].filter((text) => text.textContent !== '▼');
    const boxes = texts.map((text) => [text.textContent, text.getBoundingClientRect()]);
    const out = boxes.filter(([, b]) => b.left < area.left - 1 || b.right > area.right + 1 || b.top < area.top - 1 || b.bottom > area.bottom + 1);
    const found = out.map(([said]) => `${said} leaves the figure`);
    boxes.forEach(([one, a], i) => boxes.slice(i + 1).forEach(([other, b]) => {
        if (a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 3 && b.top < a.bottom - 3) found.push(`${one} runs into ${other}`);
    }));
    return texts.length ? found : ['no text'];
}"""
"""Lines of text overlap by the room that their font keeps above and below its letters."""


def colliding_texts(plot: Any) -> list[str]:
    """Texts of a drawn figure that leave it or run into each other."""
    found: list[str] = plot.first.evaluate(_RUN_INTO_OTHERS)
    return found


COLOURS = ["color-contrast"]
"""The rules of axe that a theme can break."""


def violations(tab: Any, rules: list[str] | None = None, exclude: Sequence[str] = ()) -> list[Any]:
    """What axe finds in a context that is opened with `bypass_csp`: rule and elements. `exclude`: selectors of what isn't looked at."""
    options = {"resultTypes": ["violations"], **({"runOnly": rules} if rules else {})}
    tab.evaluate(files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8"))
    found: list[Any] = tab.evaluate(
        "([exclude, options]) => axe.run({ exclude }, options).then((r) => r.violations.map((v) => [v.id, v.nodes.map((n) => n.target.join(' ')).slice(0, 5)]))",
        [[[selector] for selector in exclude], options],
    )
    return found
