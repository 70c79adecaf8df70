"""Do the stage maps of a comparison stand beside each other in one scale, in every layout?"""

from __future__ import annotations

from pathlib import Path

import pytest

from strata.dashboards.figures.comparison_figures import comparison_figures
from strata.dashboards.figures.figure_values import Choices
from strata.dashboards.view.comparison.build import build_comparison
from strata.dashboards.view.comparison.cells import maps_of_models
from strata.dashboards.view.comparison.files import read_comparison


@pytest.fixture(scope="module")
def stages(comparison_run: Path) -> Choices:
    run = read_comparison(comparison_run)
    return comparison_figures(build_comparison(run), maps_of_models(run))["stages"]


def test_there_is_a_panel_a_model_and_one_of_the_change(stages: Choices) -> None:
    notes = stages["kinds"]["wide"].layout["annotations"]
    titles = [note["text"] for note in notes if note["font"].get("size") == 13.5]
    assert titles[:4] == ["<b>Knowledge: base</b>", "<b>Knowledge: distilled</b>", "<b>Knowledge: control</b>", "<b>Change: distilled − base</b>"]  # fmt: skip
    assert "family:addition" in stages


def test_all_have_one_scale_in_every_layout(stages: Choices) -> None:
    drawn = [figure for widths in stages.values() for figure in widths.values()]
    axes = [figure.layout["coloraxis"] for figure in drawn]
    assert len(drawn) == 3 * len(stages) and len({(axis["cmin"], axis["cmax"]) for axis in axes}) == 1


def test_the_table_holds_every_panel_cell_and_block(stages: Choices) -> None:
    drawn = stages["kinds"]["wide"]
    rows = drawn.table.rows()
    heats = [trace for trace in drawn.data if trace["type"] == "heatmap"]
    assert len(rows) == len(heats) * 4 * drawn.layout["meta"]["n_layers"]
    assert {len(row) for row in rows} == {len(drawn.table.head)}
