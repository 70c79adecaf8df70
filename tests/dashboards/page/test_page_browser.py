"""Does the page work where it is read: in a real Chromium, from disk, by pointer and by keyboard?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from open_pages import opened, point_and_click, settled, shown_with, until
from synthetic_run import HOSTILE_TOKENS, write_synthetic_run

from strata.dashboards.page import render_lens_page, write_report
from strata.dashboards.view.lens import read_lens_maps
from strata.dashboards.view.tables import read_run
from strata.dashboards.visible_text import visible

pytestmark = pytest.mark.browser
LIGHT = {"probes", "causal", "curves", "format_check", "locations", "emergence"}
"""Tables without which a page is small: where only its lens maps matter."""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_opens_from_disk_and_nothing_hostile_runs(browser: Any, report: Path, scheme: str) -> None:
    with opened(browser, report, color_scheme=scheme, viewport={"width": 800, "height": 900}) as tab:
        assert tab.evaluate("window.pwned") is None
        assert tab.locator("[data-title*='Share'], [aria-label*='Share']").count() == 0
        assert tab.evaluate("document.documentElement.dataset.theme") == scheme
        for name in ("curves", "map", "emergence", "lens"):
            box = tab.locator(f"#{name}-panel [role=group].plotbox").first
            assert any(c.isdigit() for c in box.get_attribute("aria-label"))
        assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_family_then_row_then_lens_map_by_pointer(tab: Any) -> None:
    shown_with(tab)
    tab.locator("#map").scroll_into_view_if_needed()
    first = tab.evaluate(
        """() => { const gd = document.querySelector('#map-panel .plot'), f = gd._fullLayout, r = gd.getBoundingClientRect();
        return [r.x + f.xaxis._offset + f.xaxis.d2p(11), r.y + f.yaxis._offset + f.yaxis.d2p(f.yaxis.range[1] - 0.5)] }"""
    )
    point_and_click(tab, first)
    until(tab, "document.querySelectorAll('#item-table tbody tr').length === 8")
    settled(tab)
    assert "family=capital" in tab.evaluate("location.hash")
    tab.locator("#item-table tbody tr", has_text="◆").first.click()
    settled(tab)
    assert tab.locator("#lens .reading").is_visible()
    assert tab.evaluate("document.querySelector('#lens').getBoundingClientRect().top") < 500


def test_row_and_lens_map_by_keyboard(tab: Any) -> None:
    shown_with(tab)
    tab.locator("#item-table tbody tr").first.focus()
    tab.keyboard.press("ArrowDown")
    tab.keyboard.press("ArrowUp")
    tab.keyboard.press("Enter")
    settled(tab)
    tab.locator("#lens .lensbox").focus()
    tab.keyboard.press("Home")
    tab.keyboard.press("ArrowRight")
    tab.keyboard.press("ArrowDown")
    settled(tab)
    reading = tab.locator("#lens .reading").inner_text()
    assert "Stream 11" in reading and "position 1" in reading and "<think>" in reading
    assert "pos=1" in tab.evaluate("location.hash") and "stream=11" in tab.evaluate("location.hash")


def test_tokens_stand_verbatim_one_column_each_with_the_last_ones_drawn(tab: Any) -> None:
    shown_with(tab)
    drawn = tab.evaluate(
        """() => { const gd = document.querySelector('#lens-panel .plot'), axis = gd.layout.xaxis;
        return [gd.data[0].x.length, axis.ticktext, [...gd.querySelectorAll('.xtick text')].map((t) => t.textContent), gd.data[0].y.length] }"""
    )
    columns, ticks, shown, streams = drawn
    assert columns == len(ticks) == len(shown) == len(HOSTILE_TOKENS)
    assert streams == 13
    for token, text in zip(HOSTILE_TOKENS, shown, strict=True):
        cut = text.rstrip("…")
        assert visible(token).startswith(cut) and cut


def test_a_long_prompt_opens_on_its_end_and_labels_the_last_token(browser: Any, tmp_path: Path) -> None:
    run = write_synthetic_run(tmp_path / "run", long_tokens=512, n_layers=40, n_maps=2, without=LIGHT)
    write_report(run)
    item = [m.item for m in read_lens_maps(read_run(run))][1]
    with opened(browser, run / "report.html", f"item={item}") as tab:
        window = tab.evaluate("(gd => [gd.data[0].x.at(0), gd.data[0].x.at(-1), gd.layout.xaxis.tickvals.at(-1)])(document.querySelector('#lens-panel .plot'))")  # fmt: skip
        assert window == [448, 511, 511]
        tab.locator("#zoomall").click()
        settled(tab)
        ticks = tab.evaluate("document.querySelector('#lens-panel .plot').layout.xaxis.tickvals")
        assert ticks[-1] == 511 and len(ticks) <= 90
        shown_with(tab, "item=currency-007&x0=0&x1=511")
        assert "No lens map was kept for currency-007" in tab.locator("#lens-panel").inner_text()


def test_a_link_restores_the_view_and_junk_is_ignored(browser: Any, report: Path) -> None:
    wanted = "inst=lens.logit&measure=rank&axis=depth&theme=dark&family=addition&sort=-rank&stream=4&pos=2"
    with opened(browser, report, wanted) as tab:
        assert tab.locator("#inst").input_value() == "lens.logit"
        assert tab.locator("#measure").input_value() == "rank"
        assert tab.locator("#curves-panel .plot").count() == 1
        assert tab.locator("#axis").input_value() == "depth"
        assert tab.locator("#family").input_value() == "addition"
        assert "Stream 4" in tab.locator("#lens .reading").inner_text()
        assert tab.evaluate("document.documentElement.dataset.theme") == "dark"
        tab.locator("#axis").select_option("stream")
        settled(tab)
        assert "axis" not in tab.evaluate("location.hash") and "family=addition" in tab.evaluate("location.hash")
    junk = "inst=%3Cscript%3E&measure=nope&axis=9&family=nobody&sort=zz&pos=99999&stream=-3&x0=a&item=gone&lo=-7&hi=zz&settled=99&ikind=nobody&nonsense=1"
    with opened(browser, report, junk) as tab:
        assert tab.locator("#inst").input_value() == "patching"
        assert "not in this report" in tab.locator("#notice").inner_text()


def test_what_did_not_run_says_so_instead_of_empty_axes(browser: Any, tmp_path: Path) -> None:
    run = write_synthetic_run(tmp_path / "run", without={"curves", "lens_maps", "emergence", "locations"}, limited=True)
    with opened(browser, write_report(run)) as tab:
        for name in ("curves", "map", "emergence", "lens"):
            assert tab.locator(f"#{name}-panel [data-state=not_run]").count() == 1
            assert tab.locator(f"#{name}-panel .plot").count() == 0
        assert "LIMITED" in tab.locator(".badge").inner_text()
        assert not tab.locator("#range").is_visible(), "without effects nothing can be ranked by them"


def test_an_instrument_that_did_not_run_can_be_chosen_and_left_again(browser: Any, without_interventions: Path) -> None:
    with opened(browser, without_interventions) as tab:
        tab.locator("#inst").select_option("lens.tuned")
        tab.wait_for_selector("#curves-panel [data-state=not_run]")
        tab.locator("#inst").select_option("lens.logit")
        tab.wait_for_selector("#curves-panel .plot")
        tab.locator("#kind").select_option("all")
        settled(tab)
        assert tab.evaluate("Object.keys(document.querySelector('#curves-panel .plot')._fullLayout).filter((k) => /^xaxis/.test(k)).length") == 4  # fmt: skip


def test_handlers_live_on_after_an_item_without_a_map(tab: Any) -> None:
    shown_with(tab)
    tab.locator("#search").fill("currency-007")
    tab.locator("#search").press("Enter")
    tab.wait_for_selector("#lens-panel [data-state=not_run]")
    tab.locator("#search").fill("currency-006")
    tab.locator("#search").press("Enter")
    tab.wait_for_selector("#lens-panel .reading")
    settled(tab)
    spot = tab.evaluate(
        """() => { const gd = document.querySelector('#lens-panel .plot'), f = gd._fullLayout, r = gd.getBoundingClientRect();
        return [r.x + f.xaxis._offset + f.xaxis.d2p(1), r.y + f.yaxis._offset + f.yaxis.d2p(5)] }"""
    )
    point_and_click(tab, spot)
    until(tab, r"/pos=1\b/.test(location.hash) && /stream=5\b/.test(location.hash)")
    tab.evaluate("window.dispatchEvent(new Event('beforeprint')); window.dispatchEvent(new Event('afterprint'))")
    settled(tab)


def test_numbers_can_be_taken_away_as_table_csv_and_picture(tab: Any, tmp_path: Path) -> None:
    shown_with(tab)
    tools = tab.locator("#curves-panel .plot-tools")
    tools.get_by_text("Show as table").click()
    assert tab.locator("#curves-panel .astable tbody tr").count() >= 26
    for button, start in (("CSV", b"instrument,measure"), ("SVG", b"<svg"), ("PNG", b"\x89PNG")):
        with tab.expect_download() as waiting:
            tools.get_by_text(button, exact=True).click()
        waiting.value.save_as(tmp_path / button)
        assert (tmp_path / button).read_bytes().startswith(start)
    with tab.expect_download() as waiting:
        tab.locator("#pager").get_by_text("CSV").click()
    waiting.value.save_as(tmp_path / "items.csv")
    assert len((tmp_path / "items.csv").read_bytes().split(b"\r\n")) >= 73
    tools.get_by_text("Hide table").click()


def test_without_javascript_the_verdict_and_the_tables_stand(browser: Any, report: Path) -> None:
    with opened(browser, report, java_script_enabled=False) as tab:
        told = tab.locator(".sentence")
        assert told.first.inner_text().startswith("Knowledge answers are made by attention at the last token (move)")
        assert "decodable from stream 6" in told.last.inner_text()
        assert tab.locator(".headline").inner_text().startswith("Knowledge answers are made by attention")
        assert tab.locator(".caveats li").count() >= 4 and tab.locator(".caveats li").first.is_visible()
        assert tab.locator(".madeby tbody tr:not(.kindrow)").count() == 11
        assert tab.locator("#item-table tbody tr").count() == 88
        assert tab.locator("#behaviour .answered-no").count() == 2
        assert not tab.locator("#axis").is_visible()


def test_maps_in_side_files_are_fetched_from_disk_on_demand(browser: Any, tmp_path: Path) -> None:
    run = write_synthetic_run(tmp_path / "run", without=LIGHT)
    whole = write_report(run).stat().st_size
    page = write_report(run, max_bytes=whole - 4_000)
    assert list((run / "report_assets").iterdir())
    item = [m.item for m in read_lens_maps(read_run(run))][-1]
    with opened(browser, page, f"item={item}") as tab:
        assert tab.locator("#lens-panel .reading").is_visible()


def test_a_page_of_one_prompt_works_alone(browser: Any, synthetic: Path, tmp_path: Path) -> None:
    page = tmp_path / "prompt.html"
    page.write_text(render_lens_page(read_lens_maps(read_run(synthetic))[0], model="tiny"), encoding="utf-8")
    with opened(browser, page) as tab:
        tab.locator(".lensbox").focus()
        tab.keyboard.press("ArrowLeft")
        settled(tab)
        assert "position 15" in tab.locator(".reading").inner_text()
        tab.locator("#theme").click()
        settled(tab)
