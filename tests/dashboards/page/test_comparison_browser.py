"""Does the page of a comparison work where it is read: in a real Chromium, from disk, every map for either model and the difference?"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from open_pages import opened, settled, shown_with
from synthetic_comparison import write_synthetic_comparison

from strata.dashboards.page import write_comparison

pytestmark = pytest.mark.browser
FIGURE = "document.querySelector('#{}-panel .plot')"
PANELS = ("stages", "layermap", "layers", "layer_swaps", "crossed", "weights", "similarity", "contrasts", "transfer")


def _heat(tab: Any, panel: str) -> Any:
    return tab.evaluate(f"(({{z, zmin, zmax}}) => ({{z, zmin, zmax}}))({FIGURE.format(panel)}.data[0])")


def _lines(tab: Any, panel: str) -> list[Any]:
    lines: list[Any] = tab.evaluate(
        f"{FIGURE.format(panel)}.data.filter((t) => t.name).map((t) => ({{name: t.name, x: t.xaxis, y: [...t.y], text: t.customdata[0]}}))"
    )
    return lines


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_opens_from_disk_draws_every_view_and_nothing_hostile_runs(
    browser: Any, comparison: Path, scheme: str
) -> None:
    with opened(browser, comparison, color_scheme=scheme, viewport={"width": 800, "height": 900}) as tab:
        assert tab.evaluate("window.pwned") is None
        for name in PANELS:
            label = tab.locator(f"#{name}-panel [role=group].plotbox").get_attribute("aria-label")
            assert any(c.isdigit() for c in label), name
        assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
        tab.evaluate("window.dispatchEvent(new Event('beforeprint')); window.dispatchEvent(new Event('afterprint'))")
        settled(tab)


def test_the_stage_maps_of_all_models_and_the_change_stand_beside_each_other_where_there_is_room(
    browser: Any, comparison: Path, comparison_tab: Any
) -> None:
    titles = f"{FIGURE.format('stages')}.layout.annotations.map((a) => a.text).filter((t) => t.startsWith('<b>'))"
    for width, columns in ((1400, 4), (800, 2)):
        with opened(browser, comparison, viewport={"width": width, "height": 900}) as tab:
            panels = tab.evaluate(
                f"Object.entries({FIGURE.format('stages')}.layout).filter(([n]) => n.startsWith('xaxis')).map(([, a]) => a.domain[0])"
            )
            assert len(panels) == 8 and len({round(start, 3) for start in panels}) == columns
            assert sum("Change: distilled" in text for text in tab.evaluate(titles)) == 2
            assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
            stand = [tab.locator(f"#{name}").bounding_box()["y"] for name in ("stages", "in-full", "pair", "answers")]
            assert stand == sorted(stand) and stand[0] < 600, "it comes first, and begins on the first screen"
    tab = shown_with(comparison_tab)
    tab.locator("#cells summary").click()
    tab.locator("#cells [data-stage='family:addition']").first.click()
    settled(tab)
    assert "stage=family%3Aaddition" in tab.url
    assert any("addition: distilled" in text for text in tab.evaluate(titles))


def test_the_map_shows_either_model_in_one_colour_range_and_their_difference_in_its_own(comparison_tab: Any) -> None:
    tab = shown_with(comparison_tab)
    seen = {}
    for show in ("base", "distilled", "control", "change", "difference_in_differences"):
        tab.locator("#show").select_option(show)
        settled(tab)
        seen[show] = _heat(tab, "layermap")
    ranges = {show: (heat["zmin"], heat["zmax"]) for show, heat in seen.items()}
    assert (
        ranges["base"]
        == ranges["distilled"]
        == ranges["control"]
        != ranges["change"]
        == ranges["difference_in_differences"]
    )
    for before, after, change in zip(*(seen[s]["z"] for s in ("base", "distilled", "change")), strict=True):
        for b, a, c in zip(before, after, change, strict=True):
            assert a - b == pytest.approx(c, abs=2e-4)
    assert "show=difference_in_differences" in tab.evaluate("location.hash")
    names = {line["name"] for line in _lines(tab, "layers")}
    assert names == {"base", "distilled", "control", "distilled − base", "control − base", "distilled − control"}
    assert "n 24" in _lines(tab, "layers")[0]["text"]


def test_layer_swaps_stand_side_by_side_and_turn_around(comparison_tab: Any) -> None:
    tab = shown_with(comparison_tab)
    lines = _lines(tab, "layer_swaps")
    assert {line["name"] for line in lines} == {"distilled", "control"} and len({line["x"] for line in lines}) == 6
    assert lines[0]["y"] == [0.0] * 9 + [1.0] * 3
    tab.locator("#gscore").select_option("value")
    settled(tab)
    assert any("random" in line["name"] for line in _lines(tab, "layer_swaps"))
    tab.locator("#gway").select_option("out_of_base")
    settled(tab)
    assert {line["name"] for line in _lines(tab, "layer_swaps")} == {"distilled", "control"}
    tools = tab.locator("#layer_swaps-panel .plot-tools")
    tools.get_by_text("Show as table").click()
    assert "24" in tab.locator("#layer_swaps-panel .astable tbody").inner_text()


def test_few_points_have_bars_and_a_null_stands_beside_layer_swaps_and_patches(comparison_tab: Any) -> None:
    tab = shown_with(comparison_tab, "gmeasure=generated")
    bars = tab.evaluate(
        f"{FIGURE.format('layer_swaps')}.data.filter((t) => t.name).map((t) => [t.x.length, t.error_y.array[0], t.error_y.arrayminus[0]])"
    )
    assert bars and all(points == 2 and up > 0 and down > 0 for points, up, down in bars)
    assert {line["name"] for line in _lines(tab, "crossed")} == {
        "distilled",
        "control",
        "as far, in a random direction",
    }


def test_a_fall_of_one_dimension_or_one_family_stands_beside_the_lines_that_deny_it(comparison_tab: Any) -> None:
    tab = shown_with(comparison_tab)
    lines = _lines(tab, "similarity")
    # Three rows of two kinds and two models, and what is left of the one that a dimension carries.
    assert len(lines) == 13
    dotted = [line for line in lines if line["name"] == "distilled with base, without dominant dimensions"]
    assert len(dotted) == 1 and min(dotted[0]["y"][:6]) > 0.9
    dips = [line for line in lines if line["name"] == "distilled with base" and line["y"][4] < 0.7]
    assert len(dips) == 2
    panel = tab.locator("#similarity-panel").inner_text()
    assert "CKA without each family in turn" in panel and "one of 3 families excluded at a time" in panel
    band = tab.evaluate(f"{FIGURE.format('similarity')}.data.filter((t) => t.fill === 'toself').map((t) => [...t.y])")
    assert any(min(y) < 0.66 and y[4] > 0.95 for y in band), (
        "the band reaches where the curve would be without the family"
    )
    readings = tab.locator("#similarity .readings").inner_text()
    assert (
        "most of the fall at streams 3–5 goes with it" in readings
        and "only binding makes it fall at streams 3–5" in readings
    )
    assert "12 of 24 reasoning items are scored behind a first answer token" in readings
    tab.locator("#spos").select_option("subject")
    settled(tab)
    assert len(_lines(tab, "similarity")) == 12
    shown = tab.locator("#similarity .readings li:visible").all_inner_texts()
    assert shown and all(", at subject: " in text for text in shown), "sentences are of the position that is drawn"


@pytest.mark.thorough
def test_no_label_of_a_map_is_cut_on_the_left(browser: Any, plain_comparison_run: Path, tmp_path: Path) -> None:
    """With the longest name of a site, as in a run over whole blocks."""
    run = Path(shutil.copytree(plain_comparison_run, tmp_path / "run"))
    table = pq.read_table(run / "changes.parquet")
    rows = [
        {**row, "n_items": 1072, "component": "block_out" if row["component"] == "attn_out" else row["component"]}
        for row in table.to_pylist()
    ]
    pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), run / "changes.parquet")
    with opened(browser, write_comparison(run), viewport={"width": 1400, "height": 900}) as tab:
        labels = tab.evaluate(
            """[...document.querySelectorAll('#layermap-panel .ytick text')]
            .map((e) => [e.textContent, e.getBoundingClientRect().left - e.closest('svg').getBoundingClientRect().left])"""
        )
        assert "knowledge · block (attention + MLP) · n 1072" in [text for text, _ in labels]
        assert min(left for _, left in labels) >= 0


def test_contrasts_show_the_excess_of_all_models_and_the_four_curves_of_each(comparison_tab: Any) -> None:
    tab = shown_with(comparison_tab)
    lines = _lines(tab, "contrasts")
    names = {line["name"] for line in lines}
    assert len(names) == 8 and {"excess, base", "excess, control", "fast – slow", "fast – in French"} <= names
    # Excess (by itself, and with families excluded) and four curves of three models and two kinds, but for the kind that
    # the control could not be asked; the excess of what attention adds; and one excess without the dimension that carries it.
    assert len(lines) == 36
    last = [line["y"][-1] for line in lines if line["name"] == "excess, distilled"]
    assert sorted(last) == pytest.approx([0.05 * 11 / 24] * 2 + [0.05] * 4, rel=1e-4)
    (trimmed,) = [line for line in lines if line["name"] == "excess, base, without dominant dimensions"]
    assert trimmed["y"] == pytest.approx([0.0] * 13)
    readings = tab.locator("#contrasts .readings").inner_text()
    assert "without what is dominant it is gone at streams 3–12" in readings
    assert "without binding it is gone at streams 3–12" in readings
    assert "control, knowledge: 3 items can be asked" in tab.locator("#contrasts-panel").inner_text()


def test_a_link_restores_the_view_and_junk_is_ignored(browser: Any, comparison: Path) -> None:
    wanted = "show=base&inst=lens.logit&measure=answer_logprob&at=last&gscore=value&wmeasure=stable_rank&theme=dark&axis=depth"
    with opened(browser, comparison, wanted) as tab:
        for name, value in (
            ("show", "base"),
            ("inst", "lens.logit"),
            ("gscore", "value"),
            ("wmeasure", "stable_rank"),
            ("axis", "depth"),
        ):
            assert tab.locator(f"#{name}").input_value() == value
        assert tab.evaluate("document.documentElement.dataset.theme") == "dark"
        shown_with(tab, "show=%3Cb%3E&inst=zz&gway=9&tfamily=nobody&isort=zz&lo=a&became=all")
        assert tab.locator("#show").input_value() == "change" and tab.locator("#gway").input_value() == "into_base"


def test_what_is_empty_stands_there_with_its_reason(browser: Any, tmp_path: Path) -> None:
    empty = {
        "layer_swaps",
        "generated_layer_swaps",
        "crossed",
        "similarity",
        "contrasts",
        "transfer",
        "weights",
        "changes",
    }
    run = write_synthetic_comparison(tmp_path / "run", without=empty, control=False)
    with opened(browser, write_comparison(run)) as tab:
        for name in ("layermap", "layer_swaps", "crossed", "weights", "transfer", "similarity", "contrasts"):
            assert len(tab.locator(f"#{name}-panel [data-state]").inner_text()) > 40, name
        assert tab.locator("#similarity-panel [data-state=incomparable]").count() == 1


@pytest.mark.thorough
def test_models_that_hardly_differ_have_scores_and_a_reason_for_no_recovery(browser: Any, tmp_path: Path) -> None:
    run = write_synthetic_comparison(tmp_path / "run", without={"recovery"})
    with opened(browser, write_comparison(run)) as tab:
        assert tab.locator("#gmeasure").input_value() == "generated", "what there is a recovery of comes first"
        tab.locator("#gmeasure").select_option("logit_difference")
        settled(tab)
        assert "differ by 0.02" in tab.locator("#layer_swaps-panel").inner_text()
        tab.locator("#gscore").select_option("value")
        settled(tab)
        assert len(_lines(tab, "layer_swaps")) == 18


def test_without_javascript_the_verdict_stands(browser: Any, comparison: Path) -> None:
    with opened(browser, comparison, java_script_enabled=False) as tab:
        assert "layer-split hypothesis: undetermined" in tab.locator(".verdict").first.inner_text()
        assert tab.locator("#answers table").first.is_visible()


def test_a_measure_made_one_way_says_so_the_other_way(comparison_tab: Any) -> None:
    tab = shown_with(comparison_tab, "gmeasure=generated&gway=out_of_base")
    assert "Not asked this way." in tab.locator("#layer_swaps-panel").inner_text()


def test_items_are_filtered_by_what_became_of_them_and_texts_lie_one_click_away(comparison_tab: Any) -> None:
    tab = shown_with(comparison_tab)
    rows = tab.locator("#became-table tbody tr")
    assert rows.count() == 3
    tab.locator("#became").select_option("format")
    settled(tab)
    assert rows.count() == 1 and "(✓)" in rows.first.inner_text()
    tab.locator("#became").select_option("all")
    settled(tab)
    assert rows.count() == 4
    texts = tab.locator(".problems .written").first
    assert not texts.is_visible()
    tab.locator(".problems summary").first.click()
    assert texts.is_visible() and tab.evaluate("window.pwned") is None
    assert tab.locator(".numbers li").count() == 3
