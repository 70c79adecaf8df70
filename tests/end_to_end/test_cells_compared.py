"""Planted models that differ in where they look facts up: which cell and block changed is known, and that the sums did not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from planted_models import write_planted
from small_comparison import CONFIG, LOCATE, compared, few_items, rows_of

from strata.dashboards.sentences.cell_changes import cell_sentences
from strata.experiments.compare.model_specs import Specs
from strata.experiments.results.cell_changes import CellComparison

BEFORE, AFTER = 2, 3
"""Blocks that look facts up."""
PAIRS = 18
SHAPE: dict[str, Any] = {"n_layers": 7, "mover": 4, "reasoning": 5, "decoy": None}
Finished = tuple[Path, dict[str, Any]]


@pytest.fixture(scope="module")
def moved(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    directory = tmp_path_factory.mktemp("moved")
    base = write_planted(directory / "base", retrieval=BEFORE, **SHAPE)
    other = write_planted(directory / "other", retrieval=AFTER, **SHAPE)
    locate = replace(LOCATE, pairs=PAIRS, draws=200)
    config = replace(CONFIG, locate=locate, swap_pairs=0, contrast_items=0, transferred=0)
    items = few_items(base, directory / "items.jsonl", PAIRS)
    specs = Specs(str(base.checkpoint), str(other.checkpoint), str(base.checkpoint))
    return directory / "run", compared(specs, directory / "run", items, config=config)


@pytest.mark.thorough
def test_the_cell_and_the_blocks_between_which_a_lookup_moved_are_named_and_nothing_else(moved: Finished) -> None:
    cells = CellComparison.model_validate(moved[1]["cells"]["distilled"])
    assert (cells.families, cells.cells, cells.unpaired, cells.not_beyond_control) == (2, 8, {}, 0)
    assert [(c.family, c.cell, c.whole, [b.block for b in c.blocks]) for c in cells.changed] == [
        ("fact", "enrich", False, [BEFORE, AFTER])
    ]
    assert [(m.family, m.before.first, m.after.first, m.overlap) for m in cells.moved] == [("fact", BEFORE, AFTER, 0)]
    assert cells.placed == 2 and cells.stayed == 1, "the sum stayed where it was"


def test_every_block_of_every_cell_stands_in_the_table_with_what_it_gained_before_and_after(moved: Finished) -> None:
    rows = rows_of(moved[0], "cell_changes", contrast="change", pairs="shared", family="fact", cell="enrich")
    gained = {row["block"]: (row["before"], row["after"]) for row in rows}
    assert set(gained) == {None, *range(SHAPE["n_layers"])}
    assert gained[BEFORE] == pytest.approx((1, 0), abs=0.05) and gained[AFTER] == pytest.approx((0, 1), abs=0.05)
    assert gained[None] == pytest.approx((1, 1), abs=0.05)
    mean = rows_of(
        moved[0], "cell_changes", contrast="change", family=None, kind="knowledge", cell="enrich", block=AFTER
    )
    assert len(mean) == 1 and mean[0]["difference"] == pytest.approx(1, abs=0.05)
    places = rows_of(moved[0], "place_changes", contrast="distilled", pairs="shared")
    assert {(row["family"], row["first_before"], row["first_after"]) for row in places} == {
        ("fact", BEFORE, AFTER), ("sum", SHAPE["reasoning"], SHAPE["reasoning"]),
    }  # fmt: skip


def test_a_control_of_the_same_weights_as_the_base_changed_by_exactly_nothing(moved: Finished) -> None:
    rows = rows_of(moved[0], "cell_changes", contrast="control_change")
    assert len(rows) > 100 and all(row["difference"] == 0 for row in rows)
    control = CellComparison.model_validate(moved[1]["cells"]["control"])
    assert control.changed == () and control.moved == () and control.stayed == control.placed == 2


def test_the_sentences_name_it(moved: Finished) -> None:
    cells = CellComparison.model_validate(moved[1]["cells"]["distilled"])
    effects, places = cell_sentences(cells, "distilled", controlled=True)
    assert f"fact, MLP at the subject: block {BEFORE} from 1.00 to 0.00, block {AFTER} from 0.00 to 1.00" in effects
    assert "1 cell changed" in effects and "beyond the control's change" in effects
    assert f"fact: MLP at the subject, block {BEFORE} → MLP at the subject, block {AFTER}" in places
    same = CellComparison.model_validate(moved[1]["cells"]["control"])
    assert "no cell is shown to have changed" in cell_sentences(same, "control", controlled=True)[0]


def test_the_kind_moved_deeper(moved: Finished) -> None:
    change = moved[1]["kinds"]["knowledge"]["location_change"]["distilled"]
    assert change["verdict"] == "deeper" and change["difference"] == pytest.approx(1 / SHAPE["n_layers"])
