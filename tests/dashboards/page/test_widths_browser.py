"""Do the pages fit where they are read? At 1400 px no table is cut; at 375 px the page stays, and the row's name with it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from synthetic_comparison import write_synthetic_comparison
from synthetic_run import write_synthetic_run
from test_page_browser import browser, opened

from strata.dashboards.page import write_comparison, write_report

pytestmark = pytest.mark.browser
__all__ = ["browser"]
SCROLLING = ".wide, .table-scroll, .verdict-table"


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    directory = tmp_path_factory.mktemp("pages")
    comparison = write_synthetic_comparison(directory / "comparison", hostile=False)
    return {
        "locate": write_report(write_synthetic_run(directory / "run", hostile=False)),
        "compare": write_comparison(comparison),
    }


@pytest.mark.parametrize("name", ["locate", "compare"])
def test_no_table_is_cut_at_1400_pixels(browser: Any, pages: dict[str, Path], name: str) -> None:
    with opened(browser, pages[name], viewport={"width": 1400, "height": 900}) as tab:
        cut = tab.evaluate(
            f"[...document.querySelectorAll('{SCROLLING}')].filter((e) => e.scrollWidth > e.clientWidth + 1).map((e) => e.innerText.slice(0, 60))"
        )
        assert tab.locator(SCROLLING).count() > 2 and cut == []


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


def test_no_line_ends_between_the_dashes_of_an_option(browser: Any, tmp_path: Path) -> None:
    run = write_synthetic_run(tmp_path / "run", hostile=False)
    summary = json.loads((run / "summary.json").read_text())
    texts = ["x" * length + " (--causal-map none)" for length in range(20, 44)]
    summary["warnings"] = [{"code": "said", "text": text} for text in texts]
    (run / "summary.json").write_text(json.dumps(summary))
    with opened(browser, write_report(run), viewport={"width": 375, "height": 800}) as tab:
        lines = tab.evaluate("[...document.querySelectorAll('.caveats .option')].map((e) => e.getClientRects().length)")
        assert len(lines) >= 24 and set(lines) == {1}
