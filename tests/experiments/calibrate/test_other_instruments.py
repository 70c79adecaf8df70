"""Are other instruments scored as they should be, and does the screen keep what is planted and little else?"""

from __future__ import annotations

from pathlib import Path

import pytest

from strata.experiments.calibrate.attribution_screen import Screened, screen_records, screened
from strata.experiments.calibrate.construction import Construction
from strata.experiments.calibrate.instruments import Finding, instrument_records
from strata.experiments.calibrate.planted_checkpoint import write_construction
from strata.experiments.calibrate.similar_families import facts, sums
from strata.experiments.calibrate.truth import truth_of
from strata.experiments.items.jsonl import read_items
from strata.probes.checkpoints.open_spec import open_checkpoint


def test_instruments_are_scored_by_variant() -> None:
    found = [
        Finding("linear probe", "one", "emblem", ("decoy copy",), 2, 5, 5),
        Finding("linear probe", "one", "plus", ("plain",), 8, 8, 8),
        Finding("linear probe", "two", "emblem", ("decoy copy", "blurred"), None, 4, 6),
        Finding("logit lens", "one", "emblem", ("decoy copy",), 6, 5, 5),
    ]
    records = {(one.instrument, one.variant): one for one in instrument_records(found)}
    decoy = records["linear probe", "decoy copy"]
    assert (decoy.within_one.part, decoy.within_one.of, decoy.silent, decoy.error_blocks.mean) == (0, 2, 1, 3.0)
    assert records["linear probe", "plain"].within_one.part == 1 and records["linear probe", "blurred"].silent == 1
    assert records["logit lens", "decoy copy"].within_one.part == 1


@pytest.mark.parametrize("architecture", ["llama", "gpt2"])
def test_the_screen_keeps_what_is_planted(architecture: str, tmp_path: Path) -> None:
    plans = facts([(1, 2)], 3, controls=0, sizes=(0.5, 0.5)) + sums([4], 2, controls=0)
    small = Construction("small", "tune", 6, plans, "llama" if architecture == "llama" else "gpt2", items=8)
    files = write_construction(tmp_path, small)
    checkpoint = open_checkpoint(str(files.checkpoint), dtype="float32", device="cpu")
    items, truth = read_items(files.items), truth_of(small)
    found = [
        screened(checkpoint, "small", name, family, [item for item in items if item.family == name])
        for name, family in truth.families.items()
    ]
    assert [(one.cell, one.true, one.recalled) for one in found] == [("enrich", 2, 2), ("work_out", 1, 1)]
    assert all(one.kept <= 4 for one in found), found
    assert all(not parameter.requires_grad or parameter.grad is None for parameter in checkpoint.model.parameters())


def test_recall_counts_blocks_that_make_answers() -> None:
    records = list(
        screen_records([Screened("a", "emblem", "enrich", 2, 1, 3, 12), Screened("b", "emblem", "enrich", 1, 1, 1, 8)])
    )
    assert [(one.cell, one.recall.part, one.recall.of, one.kept.part, one.kept.of) for one in records] == [("enrich", 2, 3, 4, 20)]  # fmt: skip
