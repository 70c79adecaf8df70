"""Does a number lead to the items behind it: a range of blocks, a cell, a bar, a family, a word; by pointer, by keys, by link?"""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from open_pages import opened, point_and_click, settled, shown_with, until

pytestmark = pytest.mark.browser
REASONING = 3
"""The panel of reasoning stands third in the map of kinds: knowledge, its control, reasoning, its control."""


def _rows(tab: Any) -> list[dict[str, str]]:
    heads = tab.evaluate("[...document.querySelector('#item-table').tHead.rows[0].cells].map((c) => c.dataset.sort)")
    cells = tab.evaluate("[...document.querySelectorAll('#item-table tbody tr')].map((r) => [...r.cells].map((c) => c.textContent))")  # fmt: skip
    return [dict(zip(heads, row, strict=True)) for row in cells]


def _spot(tab: Any, view: str, panel: int, x: float, y: float) -> list[float]:
    """Pixels of a point in a figure's panel."""
    place = "" if panel == 1 else str(panel)
    spot: list[float] = tab.evaluate(
        f"""() => {{ const gd = document.querySelector('#{view}-panel .plot'), f = gd._fullLayout, r = gd.getBoundingClientRect();
        const x = f.xaxis{place}, y = f.yaxis{place}; return [r.x + x._offset + x.d2p({x}), r.y + y._offset + y.d2p({y})] }}"""
    )
    return spot


def _gained(run: Path, component: str, *, last: bool, blocks: range) -> dict[str, float]:
    """By item: the sum of what the run's own table says is gained there."""
    sums: dict[str, float] = {}
    for row in pq.read_table(run / "profiles.parquet").to_pylist():
        if row["measure"] == "gained" and row["component"] == component and (row["position"] == "last") == last:
            sums[row["item"]] = sums.get(row["item"], 0.0) + (row["value"] if row["layer"] in blocks else 0.0)
    return sums


def test_a_range_dragged_over_the_stage_map_ranks_the_items_of_its_panel(tab: Any, synthetic: Path) -> None:
    shown_with(tab)
    tab.locator("#stages").scroll_into_view_if_needed()
    work_out = 4.0  # height of the last row
    tab.mouse.move(*_spot(tab, "stages", REASONING, 5.6, work_out))
    tab.mouse.down()
    tab.mouse.move(*_spot(tab, "stages", REASONING, 7.0, work_out + 0.1), steps=4)
    tab.mouse.move(*_spot(tab, "stages", REASONING, 8.4, work_out + 0.2), steps=4)
    tab.mouse.up()
    until(tab, "/lo=6/.test(location.hash)")
    settled(tab)
    fragment = tab.evaluate("location.hash")
    assert "lo=6" in fragment and "hi=8" in fragment and "ikind=reasoning" in fragment
    assert tab.locator("#cell").input_value() == "work_out" and tab.locator("#lo").input_value() == "6"
    rows = _rows(tab)
    assert {row["kind"] for row in rows} == {"reasoning"}
    shown = [
        (row["item"].lstrip("◆▮ "), float(row["effect"].replace("−", "-"))) for row in rows if row["effect"] != "–"
    ]
    truth = _gained(synthetic, "mlp_out", last=True, blocks=range(6, 9))
    assert len(shown) > 10 and [value for _, value in shown] == sorted((value for _, value in shown), reverse=True)
    for item, value in shown:
        assert value == pytest.approx(truth[item], abs=0.02), item
    boxes = tab.evaluate("document.querySelector('#stages-panel .plot').layout.shapes.filter((s) => s.opacity === 0.16).map((s) => [s.x0, s.x1])")  # fmt: skip
    assert boxes == [[5.5, 8.5]] * 4, "the range stands on every panel"
    tab.locator("#items-filters button", has_text="ranked by").click()
    settled(tab)
    assert "lo=" not in tab.evaluate("location.hash") and "effect" in _rows(tab)[0], "the kind stays, the range goes"
    assert not tab.locator("#item-table th[data-sort=effect]").is_visible()


def test_a_range_on_curves_over_streams_is_that_of_the_blocks_between_them(tab: Any) -> None:
    shown_with(tab, "inst=lens.logit&measure=answer_logprob")
    tab.locator("#curves").scroll_into_view_if_needed()
    tab.mouse.move(*_spot(tab, "curves", 1, 3.6, -6))
    tab.mouse.down()
    tab.mouse.move(*_spot(tab, "curves", 1, 6, -6), steps=4)
    tab.mouse.move(*_spot(tab, "curves", 1, 7.2, -6), steps=4)
    tab.mouse.up()
    until(tab, "/lo=4/.test(location.hash)")
    settled(tab)
    assert "hi=6" in tab.evaluate("location.hash"), "streams 4 to 7 are read and written by blocks 4 to 6"


def test_a_cell_is_chosen_by_pointer_or_by_keys_and_the_table_can_be_taken_away(tab: Any, tmp_path: Path) -> None:
    shown_with(tab)
    tab.locator("#stages").scroll_into_view_if_needed()
    point_and_click(tab, _spot(tab, "stages", 1, 5, 3.0))
    until(tab, "/lo=5/.test(location.hash)")
    settled(tab)
    by_pointer = tab.evaluate("location.hash")
    assert "hi=5" in by_pointer and "cell=move" in by_pointer and "ikind=knowledge" in by_pointer
    shown_with(tab)
    keys = tab.locator("#stages-panel .plotkeys")
    assert keys.get_attribute("tabindex") == "0" and "Arrow keys" in keys.get_attribute("aria-label")
    tab.locator("#stage").focus()
    on_map = "document.activeElement === document.querySelector('#stages-panel .plotkeys')"
    for _ in range(12):  # past the words that the caption explains
        tab.keyboard.press("Tab")
        if tab.evaluate(on_map):
            break
    assert tab.evaluate(on_map)
    for key in ("Home", "ArrowDown", "ArrowDown", *["ArrowRight"] * 5):
        tab.keyboard.press(key)
    says = tab.locator("#stages-panel .cellsays")
    assert says.is_visible() and "(move)" in says.inner_text() and "block 5" in says.inner_text()
    tab.keyboard.press("Enter")
    settled(tab)
    assert tab.evaluate("location.hash") == by_pointer
    tab.keyboard.press("End")
    assert "block 11" in says.inner_text()
    with tab.expect_download() as waiting:
        tab.locator("#pager").get_by_text("CSV").click()
    waiting.value.save_as(tmp_path / "items.csv")
    head, *rows = csv.reader((tmp_path / "items.csv").read_text(encoding="utf-8").splitlines())
    assert head[-1] == "effect of attention at the last token, block 5"
    assert len(rows) == 32 and {row[head.index("kind")] for row in rows} == {"knowledge"}


def test_a_bar_of_the_histogram_lists_its_items(tab: Any, report: Path) -> None:
    shown_with(tab)
    emergence = json.loads((report.parent / "view.json").read_text())["emergence"]
    (reasoning,) = (kind for kind in emergence["kinds"] if kind["kind"] == "reasoning")
    stream = max(range(13), key=lambda s: reasoning["counts"][s])
    tab.locator("#emergence-panel .plotkeys").scroll_into_view_if_needed()
    x, shift = stream, 0.19  # the second bar of a stream
    point_and_click(tab, _spot(tab, "emergence", 1, x + shift, reasoning["counts"][stream] / 2))
    until(tab, "/settled=/.test(location.hash)")
    settled(tab)
    assert f"settled={stream}" in tab.evaluate("location.hash") and "ikind=reasoning" in tab.evaluate("location.hash")
    rows = _rows(tab)
    assert len(rows) == reasoning["counts"][stream] and {row["emergence"] for row in rows} == {f"stream {stream}"}
    shown_with(tab)
    tab.locator("#emergence-panel .plotkeys").focus()
    tab.keyboard.press("End")
    assert "never" in tab.locator("#emergence-panel .cellsays").inner_text()
    tab.keyboard.press("Enter")
    settled(tab)
    assert {row["emergence"] for row in _rows(tab)} == {"never"}


def test_words_are_searched_in_items_and_nothing_is_found_with_a_way_back(tab: Any) -> None:
    shown_with(tab)
    tab.keyboard.press("/")
    tab.keyboard.type("CHEMICAL symbol-00")
    until(tab, "document.querySelectorAll('#item-table [data-state=empty]').length === 1")
    tab.locator("#q").fill("chemical_symbol-00")
    until(tab, "document.querySelectorAll('#item-table tbody tr[tabindex]').length === 8")
    settled(tab)
    assert "q=chemical_symbol-00" in tab.evaluate("location.hash")
    tab.locator("#q").fill("no such thing")
    until(tab, "document.querySelectorAll('#item-table [data-state=empty]').length === 1")
    tab.locator("#item-table [data-state=empty] button").click()
    settled(tab)
    assert len(_rows(tab)) == 88 and tab.locator("#q").input_value() == ""


def test_a_link_restores_filters_range_and_search(browser: Any, report: Path) -> None:
    wanted = "lo=2&hi=4&cell=enrich&ikind=knowledge&q=cap&sort=effect"
    with opened(browser, report, wanted) as tab:
        rows = _rows(tab)
        assert {row["family"] for row in rows} == {"capital"} and tab.locator("#hi").input_value() == "4"
        values = [float(row["effect"].replace("−", "-")) for row in rows if row["effect"] != "–"]
        assert values == sorted(values) and tab.locator("#items-filters button").count() == 3
        assert tab.locator("#item-table th[data-sort=effect]").get_attribute("aria-sort") == "ascending"
        tab.locator("a.more").click()
        settled(tab)
        assert "lo=2" in tab.evaluate("location.hash"), "going to a part of the page keeps what is looked at"


def test_one_key_goes_through_the_models_of_a_comparison(comparison_tab: Any) -> None:
    tab = shown_with(comparison_tab)
    seen = [tab.locator("#show").input_value()]
    for _ in range(6):
        tab.keyboard.press("m")
        settled(tab)
        seen.append(tab.locator("#show").input_value())
    assert seen[0] == seen[-1] and len(set(seen)) == 6
    tab.locator("#help").click()
    assert "m" in tab.locator("#keys kbd").all_inner_texts()
    tab.locator("#keys button").click()


def test_items_of_a_comparison_are_ranked_by_what_changed_in_chosen_blocks(comparison_tab: Any) -> None:
    tab = shown_with(comparison_tab, "became=all&lo=9&hi=9&cell=work_out")
    cells = tab.evaluate("[...document.querySelectorAll('#became-table tbody tr')].map((r) => [r.cells[0].textContent, r.cells[2].childNodes[0].textContent])")  # fmt: skip
    changes = [float(change.replace("−", "-")) for _, change in cells]
    assert changes == pytest.approx([-0.4, -0.3, -0.2, -0.1], abs=0.011), "as the made-up run has it"
    tab.locator("#became-table th[data-sort=change] button").click()
    settled(tab)
    assert "isort=-change" in tab.evaluate("location.hash")
    tab.locator("#q").fill("nothing like it")
    until(tab, "document.querySelectorAll('#became-table [data-state=empty]').length === 1")
    tab.locator("#became-table [data-state=empty] button").click()
    settled(tab)
    tab.locator("#stages").scroll_into_view_if_needed()
    point_and_click(tab, _spot(tab, "stages", 1, 5, 3.0))
    until(tab, "/lo=5/.test(location.hash)")
    settled(tab)
    assert "ikind=knowledge" in tab.evaluate("location.hash") and "cell=move" in tab.evaluate("location.hash")
