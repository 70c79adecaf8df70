"""Does every item that was asked open a lens map, and every family its attention heads; by pointer, by keys, by link, from files beside?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from open_pages import opened, point_and_click, settled, shown_with, until
from synthetic_run import write_synthetic_run

from strata.dashboards.page import write_report

pytestmark = pytest.mark.browser
LIGHT = {"tuned", "emergence", "probes"}


@pytest.mark.thorough
def test_an_item_without_a_whole_map_opens_the_one_of_its_read_positions(browser: Any, report: Path) -> None:
    kept = json.loads((report.parent / "lens_maps.json").read_text())
    whole, read = ({one["item"] for one in of} for of in (kept["maps"], kept["read"]["items"]))
    asked = {
        row["item"] for row in pq.read_table(report.parent / "behaviour.parquet").to_pylist() if row["rank"] is not None
    }
    assert whole | read == asked and not whole & read
    one = kept["read"]["items"][1]
    with opened(browser, report) as tab:
        marks = tab.evaluate(
            "[...document.querySelectorAll('#item-table tbody tr')].map((r) => r.cells[0].textContent[0])"
        )
        assert (marks.count("◆"), marks.count("▮")) == (len(whole), len(read))
        tab.locator("#q").fill(one["item"])
        until(tab, "document.querySelectorAll('#item-table tbody tr[tabindex]').length === 1")
        tab.locator("#item-table tbody tr").first.focus()
        tab.keyboard.press("Enter")
        settled(tab)
        assert tab.evaluate("document.activeElement.classList.contains('lensbox')")
        reading = tab.locator("#lens .reading")
        assert f"position {one['at']['last']} (last)" in reading.inner_text() and "w22 0.497" in reading.inner_text()
        tab.keyboard.press("ArrowLeft")
        tab.keyboard.press("ArrowDown")
        settled(tab)
        assert f"position {one['at']['subject']} (subject)" in reading.inner_text() and "w21" in reading.inner_text()
        link = tab.evaluate("location.hash").removeprefix("#")
    with opened(browser, report, link) as tab:
        assert (
            "Stream 11" in tab.locator("#lens .reading").inner_text()
            and "(subject)" in tab.locator("#lens .reading").inner_text()
        )
        drawn = tab.evaluate("document.querySelector('#lens-panel .plot').layout.xaxis.ticktext.length")
        assert drawn == len(one["at"])
        shown_with(tab, "item=currency-007")
        assert "No lens map was kept for currency-007" in tab.locator("#lens-panel").inner_text()


@pytest.mark.thorough
def test_maps_of_read_positions_lie_beside_the_page_where_it_has_no_room(browser: Any, tmp_path: Path) -> None:
    run = write_synthetic_run(tmp_path / "run", without=LIGHT, hostile=False)
    page = write_report(run, max_bytes=write_report(run).stat().st_size - 1)
    beside = run / "report_assets" / "lens-read.js"
    assert [file.name for file in beside.parent.iterdir()] == [beside.name]
    with opened(browser, page, "item=addition-003") as tab:
        assert "(last)" in tab.locator("#lens .reading").inner_text()
    away = beside.rename(tmp_path / "away.js")
    tab = browser.new_page()
    tab.goto(f"{page.resolve().as_uri()}#item=addition-003")
    tab.wait_for_selector("html[data-ready=true]")
    assert "lens-read.js is not beside this page" in tab.locator("#lens-panel").inner_text()
    away.rename(beside)
    tab.locator("#lens-panel button", has_text="Try again").click()
    until(tab, "document.querySelector('#lens .reading') !== null")
    tab.close()


def test_a_head_is_read_by_keys_and_ranks_the_items_by_its_block(tab: Any, synthetic: Path) -> None:
    shown_with(tab, "hfamily=addition")
    rows = [row for row in pq.read_table(synthetic / "heads.parquet").to_pylist() if row["family"] == "addition"]
    block = min(row["block"] for row in rows)
    figure = tab.evaluate(
        "(gd => [gd.data[0].z, gd.data[0].meta.blocks, gd.data.at(-1).x])(document.querySelector('#heads-panel .plot'))"
    )
    values, blocks, ringed = figure
    truth = {(row["block"], row["head"]): row["effect"] for row in rows}
    drawn = {(blocks[y], x): value for y, row in enumerate(values) for x, value in enumerate(row) if value is not None}
    assert drawn == pytest.approx(truth, abs=1e-4) and sorted(ringed) == [0, 2]
    tab.locator("#heads-panel .plotkeys").focus()
    for key in ("Home", "ArrowUp", "ArrowRight"):
        tab.keyboard.press(key)
    says = tab.locator("#heads-panel .cellsays").inner_text()
    assert f"block {block}, head 2" in says and "effect 0.60" in says and "attention to the span 0.40" in says
    tab.keyboard.press("Enter")
    settled(tab)
    by_keys = tab.evaluate("location.hash")
    assert f"lo={block}" in by_keys and "cell=move" in by_keys and "family=addition" in by_keys
    shown_with(tab, "hfamily=addition")
    tab.locator("#heads-panel").scroll_into_view_if_needed()
    spot = tab.evaluate("""() => { const gd = document.querySelector('#heads-panel .plot'), f = gd._fullLayout, r = gd.getBoundingClientRect();
        return [r.x + f.xaxis._offset + f.xaxis.d2p(1), r.y + f.yaxis._offset + f.yaxis.d2p(1)] }""")
    point_and_click(tab, spot)
    until(tab, "/lo=/.test(location.hash)")
    settled(tab)
    assert tab.evaluate("location.hash") == by_keys, "another head of the same block"
