"""The page of `strata probe` in a real Chromium: figures, choices by hash and by hand, dark, narrow, escaped."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from open_pages import opened
from synthetic_probe import HOSTILE, write_synthetic_probe

from strata.dashboards.page import write_probe_report

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    yield write_probe_report(write_synthetic_probe(tmp_path_factory.mktemp("probe") / "run"))


def test_both_figures_are_drawn_and_name_what_they_show(browser: Any, page: Path) -> None:
    with opened(browser, page) as tab:
        assert "At which layer of tiny is “meta.topic” decodable?" in tab.inner_text("h1")
        label = tab.get_attribute("#accuracy-panel .plotbox", "aria-label")
        assert label.startswith("accuracy at last, by stream: stream 0")
        legend = tab.inner_text("#accuracy-panel .plot")
        assert (
            "probe · n 40 items, 20 clusters" in legend and "embedding alone" in legend and "random weights" in legend
        )
        assert "best: 2" in legend
        assert "named rightly" in tab.get_attribute("#confusion-panel .plotbox", "aria-label")


def test_the_stream_of_the_confusion_is_chosen_by_hand_and_kept_in_the_link(browser: Any, page: Path) -> None:
    with opened(browser, page) as tab:
        tab.select_option("#layer", "0")
        tab.wait_for_timeout(400)
        assert tab.get_attribute("#confusion-panel .plotbox", "aria-label").startswith("At stream 0 ")
        assert "layer=0" in tab.evaluate("location.hash")
    with opened(browser, page, "layer=3&at=subject&measure=log_loss&axis=depth") as tab:
        assert tab.get_attribute("#confusion-panel .plotbox", "aria-label").startswith("At stream 3 ")
        assert tab.get_attribute("#accuracy-panel .plotbox", "aria-label").startswith("log-loss at subject")
        assert "depth (0 = embedding" in tab.inner_text("#accuracy-panel .plot")


def test_counts_of_the_confusion_are_those_of_the_predictions(browser: Any, page: Path) -> None:
    view = json.loads((page.parent / "view.json").read_text())
    with opened(browser, page) as tab:
        tab.click("#confusion-panel .plot-tools button:has-text('Show as table')")
        cells = tab.eval_on_selector_all(
            "#confusion-panel .astable tbody tr", "rows => rows.map(r => r.cells[2].textContent)"
        )
    counts = [str(n) for row in view["positions"][0]["confusion"][2] for n in row]
    assert cells == counts and sum(map(int, counts)) == 40


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_it_fits_its_window_in_both_themes(browser: Any, page: Path, scheme: str, width: int) -> None:
    with opened(browser, page, color_scheme=scheme, viewport={"width": width, "height": 800}) as tab:
        assert tab.evaluate("document.documentElement.scrollWidth") <= width
        assert tab.evaluate("document.documentElement.dataset.theme") == scheme


def test_foreign_text_stays_text(browser: Any, page: Path) -> None:
    with opened(browser, page) as tab:
        assert tab.evaluate("document.querySelectorAll('img').length") == 0
        assert HOSTILE in tab.inner_text("#hardest") and HOSTILE[:20] in tab.inner_text(".verdict")


def test_without_scripts_the_numbers_are_there(browser: Any, page: Path) -> None:
    with opened(browser, page, java_script_enabled=False) as tab:
        assert tab.locator("#table tbody tr").count() == 2 * 4
        assert "Best stream: 2 of 0–3" in tab.inner_text(".verdict")
