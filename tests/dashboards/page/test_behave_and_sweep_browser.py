"""Do the pages of `behave` and `sweep` stand what strangers write, restore what a link says, and give axe nothing to find?"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from open_pages import COLOURS, opened, settled, shown_with, violations
from synthetic_behaviour import ENDLESS, STRANGE, behave_view, sweep_view

from strata.dashboards.page.behave_page import render_behave
from strata.dashboards.page.sweep_page import render_sweep

pytestmark = pytest.mark.browser
PAGES: Mapping[str, Callable[[], str]] = {
    "behave": lambda: render_behave(behave_view()),
    "sweep": lambda: render_sweep(sweep_view()),
}


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    made = {}
    for name, render in PAGES.items():
        made[name] = folder / f"{name}.html"
        made[name].write_bytes(render().encode("utf-8", "replace"))
    return made


@pytest.mark.parametrize("name", ["behave", pytest.param("sweep", marks=pytest.mark.thorough)])
def test_axe_finds_nothing_in_light_and_dark(browser: Any, pages: dict[str, Path], name: str) -> None:
    with opened(browser, pages[name], "theme=light", bypass_csp=True) as tab:
        tab.locator("#main [aria-expanded]").first.click()
        tab.locator("#glossary summary").click()
        assert violations(tab) == []
        shown_with(tab, "theme=dark")
        assert violations(tab, COLOURS) == []


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("width", [1400, 800, 375])
def test_nothing_runs_breaks_or_widens(browser: Any, pages: dict[str, Path], name: str, width: int) -> None:
    with opened(browser, pages[name], viewport={"width": width, "height": 900}) as tab:
        assert tab.evaluate("window.pwned") is None and tab.locator("main img").count() == 0
        assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert len(tab.title()) < 200
        text = tab.locator("#main").inner_text()
        assert "</script><script>window.pwned=1</script>" in text and "\x1b" not in text and "\x00" not in text
        assert tab.evaluate("document.querySelectorAll('.plot .main-svg').length") >= 3


def test_a_link_restores_what_is_chosen_and_junk_is_ignored(browser: Any, pages: dict[str, Path]) -> None:
    with opened(browser, pages["behave"], "ckind=reasoning&axis=depth&pkind=nonsense") as tab:
        assert tab.locator("#ckind").input_value() == "reasoning" and tab.locator("#axis").input_value() == "depth"
        assert "too few items" in tab.locator("#confidence-panel [data-state=empty]").inner_text()
        assert tab.locator("#pkind").input_value() == "knowledge"
        tab.locator("#ckind").select_option("knowledge")
        settled(tab)
        assert tab.evaluate("location.hash") == "#axis=depth"
        assert "depth" in tab.locator("#confidence-panel .xtitle").text_content()
    with opened(browser, pages["sweep"]) as tab:
        tab.locator("#depths-of").select_option(f"knowledge/{STRANGE}")
        settled(tab)
        link = tab.evaluate("location.hash").removeprefix("#")
    with opened(browser, pages["sweep"], link) as tab:
        assert tab.locator("#depths-of").input_value() == f"knowledge/{STRANGE}"
        assert tab.locator("#accuracy-of").input_value() == "knowledge"


@pytest.mark.parametrize("name", PAGES)
def test_keys_are_told_and_answer(browser: Any, pages: dict[str, Path], name: str) -> None:
    with opened(browser, pages[name]) as tab:
        tab.keyboard.press("?")
        assert {"c", "?", "Esc"} == set(tab.locator("#keys kbd").all_inner_texts()), "this page has no map"
        tab.keyboard.press("Escape")
        tab.locator("#keys").wait_for(state="hidden")  # a key that comes before is the sheet's
        tab.keyboard.press("c")
        tab.locator("#notice").wait_for(state="visible")


def test_a_key_answers_while_a_box_has_the_focus_and_where_the_clipboard_never_answers(
    browser: Any, pages: dict[str, Path]
) -> None:
    with opened(browser, pages["sweep"]) as tab:
        tab.evaluate("() => { navigator.clipboard.writeText = () => new Promise(() => {}); }")
        tab.evaluate(
            "const box = document.createElement('input'); box.type = 'checkbox'; document.body.append(box); box.focus()"
        )
        tab.keyboard.press("c")
        tab.locator("#notice").wait_for(state="visible", timeout=5_000)


def test_a_table_says_in_full_what_a_figure_cuts(browser: Any, pages: dict[str, Path]) -> None:
    with opened(browser, pages["sweep"]) as tab:
        tab.locator("#accuracy-panel [aria-expanded]").click()
        assert ENDLESS in tab.locator("#accuracy-panel .astable").inner_text()


@pytest.mark.parametrize("name", PAGES)
def test_a_figure_is_taken_away_as_picture_and_table(browser: Any, pages: dict[str, Path], name: str) -> None:
    with opened(browser, pages[name], accept_downloads=True) as tab:
        for kind, start in (("SVG", b"<svg"), ("CSV", b"")):
            with tab.expect_download() as waiting:
                tab.locator(".plot-tools").get_by_text(kind, exact=True).first.click()
            content = Path(waiting.value.path()).read_bytes()
            assert content.startswith(start) and len(content) > 100
