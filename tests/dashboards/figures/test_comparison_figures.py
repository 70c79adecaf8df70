"""Do the figures of a comparison and of a probe hold what their views hold, in every layout, and say why something isn't drawn?"""

from __future__ import annotations

from pathlib import Path

import pytest
from synthetic_comparison import write_synthetic_comparison
from synthetic_probe import write_synthetic_probe

from strata.dashboards.figures.comparison_figures import comparison_figures
from strata.dashboards.figures.figure_values import Drawn, Figures
from strata.dashboards.figures.figures_of_run import figures_of_run
from strata.dashboards.figures.line_panels import ROLE_STYLES
from strata.dashboards.figures.palette import PALETTES
from strata.dashboards.figures.swap_lines import layer_swaps
from strata.dashboards.view.comparison.build import build_comparison
from strata.dashboards.view.comparison.files import read_comparison
from strata.dashboards.view.comparison.schema import ComparisonView

VIEWS = {"stages", "layermap", "layers", "layer_swaps", "crossed", "weights", "similarity", "contrasts", "transfer"}


@pytest.fixture(scope="module")
def view(comparison_run: Path) -> ComparisonView:
    return build_comparison(read_comparison(comparison_run))


@pytest.fixture(scope="module")
def figures(view: ComparisonView) -> Figures:
    return comparison_figures(view, None)


def drawn_of(figures: Figures) -> list[Drawn]:
    return [drawn for choices in figures.values() for widths in choices.values() for drawn in widths.values()]


def test_every_view_has_figures_that_plotly_takes_with_words_and_a_table(figures: Figures) -> None:
    assert set(figures) == VIEWS and all(choices for name, choices in figures.items() if name != "stages")
    for drawn in drawn_of(figures):
        rows = drawn.table.rows()
        assert not drawn.data or (rows and {len(row) for row in rows} == {len(drawn.table.head)}), drawn.title
        assert drawn.data or drawn.note, drawn.title
    for choices in figures.values():
        for widths in list(choices.values())[:1]:
            assert len(widths["wide"].figure(as_depth=True).data) == len(widths["wide"].data)


def test_lines_are_those_of_the_view_one_look_a_model(view: ComparisonView) -> None:
    drawn = layer_swaps(view, "into_base", "value", "logit_difference")
    named = [trace for trace in drawn.data if trace.get("name")]
    wanted = [
        line
        for line in view.layer_swaps.lines
        if (line.direction, line.score, line.measure) == ("into_base", "value", "logit_difference")
    ]
    assert sorted(tuple(t["y"]) for t in named) == sorted(line.mean for line in wanted)
    looks = {t["name"]: (t["line"]["color"], t["line"]["dash"], t["marker"]["symbol"]) for t in named}
    assert len(set(looks.values())) == len(looks) >= 3
    assert all(
        f"n {n}" in text
        for line, t in zip(wanted[:1], named[:1], strict=True)
        for n, text in zip(line.n, t["customdata"], strict=True)
    )


def test_a_narrow_page_has_the_same_lines_under_each_other(figures: Figures) -> None:
    wide, phone = (figures["similarity"]["last"][width] for width in ("wide", "phone"))
    assert len([t for t in wide.data if t.get("name")]) == len([t for t in phone.data if t.get("name")])
    domains = [axis["domain"] for name, axis in phone.layout.items() if name.startswith("xaxis")]
    assert {tuple(domain) for domain in domains} == {(0, 1)} and phone.layout["height"] > wide.layout["height"]


def test_a_row_that_counts_blocks_says_so_among_rows_of_streams(figures: Figures) -> None:
    for drawn in figures["contrasts"]["all"].values():
        titles = {
            axis: drawn.layout[axis]["title"]["text"].partition(" ")[0]
            for axis in drawn.layout
            if axis.startswith("xaxis")
        }
        counts = {axis: counted for axis, counted in drawn.layout["meta"]["counts"].items() if titles[axis]}
        assert set(counts.values()) == {"stream", "block"} and counts == {axis: titles[axis] for axis in counts}
        assert "stream or block" in drawn.table.head


def test_heads_of_panels_have_lines_as_long_as_their_panels(figures: Figures) -> None:
    for width, pixels in (("wide", 1000), ("narrow", 600)):
        layout = figures["contrasts"]["all"][width].layout
        for note in layout["annotations"]:
            if note["text"].startswith("<b>"):
                start, end = layout[f"xaxis{note['xref'].removesuffix(' domain')[1:]}"]["domain"]
                title = note["text"].partition("</b>")[0].removeprefix("<b>")
                assert max(map(len, title.split("<br>"))) * 7.5 < (end - start) * (pixels - 92), title


def test_no_model_s_colour_tells_two_ways_of_reading_apart(figures: Figures) -> None:
    models = {PALETTES["light"].ink(style.ink) for role, style in ROLE_STYLES.items() if role in ("base", "distilled")}
    lines = [trace for widths in figures["transfer"].values() for trace in widths["wide"].data if trace.get("name")]
    assert lines and not models & {trace["line"]["color"] for trace in lines}
    looks = {(trace["name"], trace["line"]["dash"], trace["marker"]["symbol"]) for trace in lines}
    assert len({look[1:] for look in looks}) == len({look[0] for look in looks}) == 3


def test_the_colours_of_weights_have_a_title(figures: Figures) -> None:
    for widths in figures["weights"].values():
        for drawn in widths.values():
            title = drawn.data[0]["colorbar"]["title"]["text"]
            assert title.replace("<br>", " ").strip() in drawn.note


def test_what_cannot_be_drawn_is_told_in_its_stead(tmp_path: Path) -> None:
    run = read_comparison(write_synthetic_comparison(tmp_path / "run", without={"recovery"}))
    drawn = layer_swaps(build_comparison(run), "into_base", "recovery", "logit_difference")
    assert not drawn.data and "differ by 0.02" in drawn.note


def test_a_probe_has_its_accuracy_and_a_confusion_a_stream(tmp_path: Path) -> None:
    found = figures_of_run(write_synthetic_probe(tmp_path / "run"))
    assert "tiny" in found.named and "0|accuracy" in found.figures["accuracy"]
    confusion = found.figures["confusion"]["0|2"]["wide"]
    assert sum(int(str(row[2])) for row in confusion.table.rows()) == 40
    assert len(found.figures["accuracy"]["0|accuracy"]["wide"].figure().data) >= 3
