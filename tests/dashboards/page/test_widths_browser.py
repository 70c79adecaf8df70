"""Do the pages fit where they are read? At 1400 px no table is cut; at 375 px the page stays, and the row's name with it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from open_pages import opened
from synthetic_run import write_synthetic_run

from strata.dashboards.page import write_comparison, write_report
from strata.dashboards.page.escaping import prose

pytestmark = pytest.mark.browser
SCROLLING = ".wide, .table-scroll, .verdict-table"


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory, plain_comparison_run: Path) -> dict[str, Path]:
    run = write_synthetic_run(tmp_path_factory.mktemp("pages") / "run", hostile=False, items_per_family=2)
    compared = Path(shutil.copytree(plain_comparison_run, tmp_path_factory.mktemp("compared") / "run"))
    return {"locate": write_report(run), "compare": write_comparison(compared)}


@pytest.mark.parametrize("name", ["locate", "compare"])
def test_no_table_is_cut_at_1400_pixels(browser: Any, pages: dict[str, Path], name: str) -> None:
    with opened(browser, pages[name], viewport={"width": 1400, "height": 900}) as tab:
        cut = tab.evaluate(
            f"[...document.querySelectorAll('{SCROLLING}')].filter((e) => e.scrollWidth > e.clientWidth + 1).map((e) => e.innerText.slice(0, 60))"
        )
        assert tab.locator(SCROLLING).count() > 2 and cut == []


def test_at_800_pixels_the_answers_fit_and_a_table_that_goes_on_has_a_shadow(
    browser: Any, pages: dict[str, Path]
) -> None:
    with opened(browser, pages["compare"], viewport={"width": 800, "height": 900}) as tab:
        cut = tab.evaluate(
            "[...document.querySelectorAll('#answers :is(.wide, .table-scroll)')].filter((e) => e.scrollWidth > e.clientWidth + 1).map((e) => e.innerText.slice(0, 60))"
        )
        assert cut == []
        assert tab.locator("#answers .head-difference_in_differences").first.is_visible()
        tables = tab.locator("#answers table.format")
        assert tables.count() == 1 and tables.locator("tbody").count() > 1, "kinds share the widths of columns"
        shadows = tab.evaluate("getComputedStyle(document.querySelector('#items .table-scroll')).backgroundAttachment")
        assert shadows.count("local") == 2 and shadows.count("scroll") >= 2


@pytest.mark.parametrize("name", ["locate", "compare"])
def test_on_a_phone_the_page_stays_and_the_name_of_a_row_with_it(
    browser: Any, pages: dict[str, Path], name: str
) -> None:
    with opened(browser, pages[name], viewport={"width": 375, "height": 800}) as tab:
        assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
        table = ".behaviour" if name == "locate" else ".families"
        head = tab.locator(f"{table} tbody tr:not(.kindrow) th").first
        before = head.bounding_box()
        assert before["width"] < 375 * 0.45
        tab.evaluate(f"document.querySelector('{table}').parentElement.scrollLeft = 150")
        after = head.bounding_box()
        assert before["x"] == pytest.approx(after["x"], abs=2), "the family's name scrolled away from its numbers"


def test_no_line_ends_between_the_dashes_of_an_option(browser: Any, pages: dict[str, Path]) -> None:
    """Wherever the option would come to stand."""
    assert str(prose("x (--causal-map none)")) == 'x (<span class="option">--causal-map</span> none)'
    with opened(browser, pages["locate"], viewport={"width": 375, "height": 800}) as tab:
        lines = tab.evaluate(
            """() => { const list = document.querySelector('.caveats ul');
            list.replaceChildren(...Array.from({length: 24}, (_, n) => { const li = document.createElement('li'), option = document.createElement('span');
              option.className = 'option'; option.textContent = '--causal-map'; li.append('x'.repeat(n + 20), ' (', option, ' none)'); return li; }));
            return [...list.querySelectorAll('.option')].map((e) => e.getClientRects().length); }"""
        )
        assert lines == [1] * 24
