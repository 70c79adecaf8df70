"""Do the figures of a run hold what its view holds, in every theme, and does depth move no mark?"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import pytest

from strata.dashboards.figures.causal_curves import ShownIntervention, causal_curves
from strata.dashboards.figures.causal_map import causal_map, pairs_shown
from strata.dashboards.figures.curves import curves, readings_of
from strata.dashboards.figures.family_map import family_map
from strata.dashboards.figures.figure_values import Drawn, Figures
from strata.dashboards.figures.groups import Group
from strata.dashboards.figures.lines import KIND_STYLES
from strata.dashboards.figures.locate_figures import locate_figures
from strata.dashboards.figures.palette import PALETTES, Palette
from strata.dashboards.view.build import Report, build_report


@pytest.fixture(scope="module")
def report(synthetic: Path) -> Report:
    return build_report(synthetic)


@pytest.fixture(scope="module")
def figures(report: Report) -> Figures:
    return locate_figures(report)


def every(figures: Figures) -> Iterator[Drawn]:
    for choices in figures.values():
        for widths in choices.values():
            yield from widths.values()


def test_every_view_has_figures_that_plotly_takes_with_words_and_a_table(figures: Figures) -> None:
    assert set(figures) == {"stages", "heads", "curves", "map", "emergence", "causal"} and all(figures.values())
    for drawn in every(figures):
        rows = drawn.table.rows()
        assert drawn.title and any(letter.isdigit() for letter in drawn.aria), drawn.title
        assert rows and {len(row) for row in rows} == {len(drawn.table.head)}, drawn.title
    for choices in figures.values():
        drawn = next(iter(next(iter(choices.values())).values()))
        assert len(drawn.figure(as_depth=True).data) == len(drawn.data)


def test_a_curve_is_that_of_the_view_with_its_band_and_its_baselines(report: Report) -> None:
    reading = next(r for r in readings_of(report.view) if (r.instrument, r.measure) == ("probe.linear", "accuracy"))
    drawn = curves(report.view, reading, [Group("knowledge"), Group("reasoning")])
    assert drawn is not None
    series = next(
        s
        for s in report.view.series
        if (s.instrument, s.measure, s.kind, s.family) == ("probe.linear", "accuracy", "knowledge", None)
        and (s.target, s.scheme, s.position) == (reading.target, reading.scheme, reading.position)
    )
    line = next(t for t in drawn.data if t.get("name", "").startswith("knowledge"))
    assert line["y"] == list(series.mean) and line["x"] == list(series.layer)
    bands = [t for t in drawn.data if t.get("fill") == "toself"]
    assert bands[0]["y"][: len(series.high)] == [v for v in series.high if v is not None]
    assert {"chance (commonest label)", "control task"} <= {t.get("name") for t in drawn.data}
    assert curves(report.view, reading, [Group("knowledge", "nobody")]) is None


def test_kinds_and_baselines_differ_in_dash_and_mark_so_that_grey_suffices(report: Report) -> None:
    shown = ShownIntervention("patching", "denoise", "mlp_out", "last")
    reading = next(r for r in readings_of(report.view) if (r.instrument, r.measure) == ("probe.linear", "accuracy"))
    kinds = causal_curves(report.view, shown, [Group("knowledge"), Group("reasoning")])
    baselines = curves(report.view, reading, [Group("knowledge")])
    for drawn, at_least in ((kinds, 2), (baselines, 4)):
        assert drawn is not None
        looks = [(t["line"]["dash"], t["marker"]["symbol"]) for t in drawn.data if t.get("name")]
        assert len(looks) >= at_least and len(set(looks)) == len(looks)


def test_knowledge_and_reasoning_differ_in_ink_too(report: Report) -> None:
    inks = {kind: KIND_STYLES[kind].ink for kind in ("knowledge", "reasoning")}
    assert len(set(inks.values())) == 2 and not {"trained", "control"} & set(inks.values()), "those are models'"


def test_a_narrow_family_map_keeps_both_ends_of_its_colours_and_its_kinds_apart_from_names(report: Report) -> None:
    for shown in report.view.maps:
        drawn = family_map(shown, report.view.axes, "narrow")
        bar, margin = drawn.data[0]["colorbar"], drawn.layout["margin"]
        room = (1 - bar["len"]) * (600 - margin["l"] - margin["r"]) + margin["r"]
        assert len(bar["ticktext"][-1]) * 6.5 / 2 < room
        longest = max(len(name) for name in drawn.layout["yaxis"]["ticktext"])
        kinds = [note for note in drawn.layout["annotations"] if note.get("xshift", 0) < -100]
        assert kinds and all(note["xshift"] > -margin["l"] for note in kinds)
        assert longest * 6.8 + 9 * 7.5 < margin["l"] + 8, "the longest kind beside the longest name"


def test_depth_renames_layers_and_moves_nothing(figures: Figures, report: Report) -> None:
    n_layers = report.view.axes.n_layers
    for drawn in every({"curves": figures["curves"], "map": figures["map"]}):
        for name, entries in drawn.depth.items():
            assert set(entries) <= {"title", "tickmode", "tickvals", "ticktext"}
            shift = 0.5 if drawn.layout[name]["unifiedhovertitle"]["text"].startswith("block") else 0
            for place, text in zip(entries["tickvals"], entries["ticktext"], strict=True):
                assert math.isclose((place + shift) / n_layers, float(text))


def test_a_cell_that_cannot_matter_looks_unlike_one_that_was_not_run(report: Report) -> None:
    pairs = pairs_shown(report.view)["kind:knowledge"]
    notes = {}
    for measure in ("denoise", "noise"):
        drawn = causal_map(report.view, pairs, measure)
        assert drawn is not None
        notes[measure] = {str(row[-1]) for row in drawn.table.rows()}
    assert "token identity, not counted" in notes["denoise"] and any(
        "can not matter" in note for note in notes["denoise"]
    )
    assert "not run" in notes["noise"]
    assert causal_map(report.view, pairs, "denoise", "nowhere") is None


def test_hostile_names_are_text(figures: Figures) -> None:
    for drawn in every(figures):
        texts = [note["text"] for note in drawn.layout["annotations"]] + [str(t.get("name", "")) for t in drawn.data]
        assert not any("<img" in text or "<script" in text for text in texts)


@pytest.mark.parametrize("theme", ["dark", "print"])
def test_the_page_can_recolour_the_light_figure_into_any_theme(report: Report, theme: str) -> None:
    """By colours alone: what differs in a theme differs in the light one."""
    light, other = PALETTES["light"], PALETTES[theme]
    swap: dict[str, str] = {}
    for name in Palette.__dataclass_fields__:
        ours, theirs = getattr(light, name), getattr(other, name)
        for a, b in zip(*((v if isinstance(v, tuple) else (v,)) for v in (ours, theirs)), strict=True):
            assert swap.setdefault(a, b) == b, name
    shown = report.view.maps[0]
    drawn = family_map(shown, report.view.axes)
    again = family_map(shown, report.view.axes, theme=theme)
    assert recoloured(drawn.as_json(), swap) == again.as_json()


def recoloured(value: object, swap: dict[str, str]) -> object:
    if isinstance(value, str):
        return swap.get(value, value)
    if isinstance(value, list):
        return [recoloured(one, swap) for one in value]
    return {name: recoloured(one, swap) for name, one in value.items()} if isinstance(value, dict) else value
