"""Overlaid runs have one colour each, a line a cell and a bar a place; a small picture has the stage map's colours and boxes."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent))

from synthetic_localisation import localisation, without_interventions

from strata.dashboards.figures.overlaid_runs import NamedLocalisation, NamedPlaces, overlaid_places, overlaid_profiles
from strata.dashboards.figures.palette import PALETTES, Theme
from strata.dashboards.figures.run_colours import run_colours
from strata.dashboards.figures.small_picture import small_picture
from strata.dashboards.figures.stage_map import stage_map_json

HOSTILE = "</script><b>x\x1b" + "y" * 300


def test_models_of_other_sizes_stand_on_one_axis_of_depth() -> None:
    small, large = localisation(12), localisation(30)
    figure = overlaid_profiles([NamedLocalisation("small", small), NamedLocalisation(HOSTILE, large)], "knowledge")
    assert len(figure.data) == 8 and {len(trace.x) for trace in figure.data} == {11, 12, 29, 30}
    assert all(0 < x < 1 for trace in figure.data for x in trace.x)
    assert sum(bool(trace.showlegend) for trace in figure.data) == 2
    assert "<b>x" not in figure.to_json() and "\\u001b" not in figure.to_json()
    move = small.kinds["knowledge"].cells["move"].profile
    assert any(list(trace.y) == list(move) for trace in figure.data)


def test_a_place_is_a_bar_with_its_interval_and_none_is_said() -> None:
    found = localisation(12).kinds["knowledge"].located
    assert found is not None
    figure = overlaid_places(
        [NamedPlaces("one", 12, {"knowledge": found}), NamedPlaces("two", 12, {"knowledge": None})]
    )
    ends = [tuple(trace.x) for trace in figure.data]
    assert ends == [
        (found.interval[0] / 12, (found.interval[1] + 1) / 12), (found.first / 12, (found.last + 1) / 12),
    ]  # fmt: skip
    assert [note.text for note in figure.layout.annotations] == ["<b>knowledge</b>", "undetermined"]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_run_keeps_its_colour_and_no_two_have_the_same(theme: Theme) -> None:
    names = [f"run {number}" for number in range(8)]
    assert len(set(run_colours(names, theme))) == 8
    assert run_colours(["run 5"], theme) == run_colours(["run 5", "run 6"], theme)[:1]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_small_picture_has_the_colours_and_boxes_of_the_stage_map(theme: Theme) -> None:
    figure = stage_map_json(localisation(12), None, theme)
    svg = small_picture(figure)
    cells = sum(
        value is not None
        for trace in figure["data"]
        if trace["type"] == "heatmap"
        for row in trace["z"]
        for value in row
    )
    assert svg.count('fill="#') >= cells and svg.count('stroke-width="1.6"') == sum(
        shape["type"] == "rect" and shape["line"].get("width", 0) >= 2 and "color" in shape["line"]
        for shape in figure["layout"]["shapes"]
    )
    assert PALETTES[theme].card in svg and "<script" not in svg and "<text" not in svg
    nothing = small_picture(stage_map_json(without_interventions(localisation(12)), None, theme))
    assert PALETTES[theme].card in nothing and "no stage map" in nothing
