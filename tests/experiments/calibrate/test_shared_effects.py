"""From which share of an answer on is the block that writes it seen? Counted by hand, and built so in the weights."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hooked_windows import HookedWindows

from strata.experiments.calibrate.pipeline import POWER_PAIRS, jobs_of
from strata.experiments.calibrate.planted_checkpoint import write_construction
from strata.experiments.calibrate.score import score
from strata.experiments.calibrate.scored_summary import ScoredFamily, ScoredPlace, ScoredSummary
from strata.experiments.calibrate.shared_effects import (
    EFFECT_PAIRS,
    EFFECTS,
    PAIRS_ASKED_OF,
    effect_records,
    shared_effects,
)
from strata.experiments.calibrate.truth import truth_of


def test_a_share_counts_as_seen_from_where_four_fifths_of_the_places_reach_it_on() -> None:
    scored = []
    for construction in shared_effects():
        truth = truth_of(construction)
        families = {}
        for name, family in truth.families.items():
            # Shares of .3 and more are seen, and one of .1 by the first seed.
            seen = family.sizes[0] >= 0.3 or (family.sizes[0] == 0.1 and construction.seed < 1_000)
            low, high = family.hull
            families[name] = ScoredFamily(place=ScoredPlace(cell=family.cell, first=low if seen else high, last=high))
        scored.append((truth, score(ScoredSummary(families=families), truth), EFFECT_PAIRS))
    fewer = [(truth, of_truth, 8) for truth, of_truth, _ in scored if "share 0.3" in truth.name]
    records = {record.cell: record for record in effect_records([*scored, *fewer]) if record.pairs == EFFECT_PAIRS}
    (of_fewer,) = (record for record in effect_records([*scored, *fewer]) if (record.cell, record.pairs) == ("move", 8))
    assert [(one.effect, one.seen.value) for one in of_fewer.shares] == [(0.3, 1.0)]
    assert set(records) == {"enrich", "work_out", "gather", "move"}
    for record in records.values():
        assert [one.effect for one in record.shares] == list(EFFECTS) and record.smallest == 0.3
        assert [one.seen.value for one in record.shares] == pytest.approx([1 / 3, 0, 1, 1, 1])
        assert {one.seen.models for one in record.shares} == {3}


def test_one_share_is_asked_with_every_number_of_pairs_and_none_is_of_a_half() -> None:
    asked = {
        effect: [job.max_pairs for job in jobs_of((), effects=shared_effects((effect,), 1)[:1])] for effect in EFFECTS
    }
    assert asked == {effect: list(POWER_PAIRS) if effect == PAIRS_ASKED_OF else [EFFECT_PAIRS] for effect in EFFECTS}
    assert truth_of(shared_effects()[0]).half == "effects"


@pytest.mark.parametrize("cells", ["MLPs", "attention"])
def test_the_lower_block_writes_the_share(cells: str, tmp_path: Path) -> None:
    """Seen by hooks of the tests' own, in a model without noise."""
    (construction,) = (one for one in shared_effects((0.3,), seeds=1) if one.name.startswith(cells))
    files = write_construction(tmp_path, replace(construction, noise=0.0))
    hooked = HookedWindows(files.checkpoint, files.items, 8)
    for name, family in truth_of(construction).families.items():
        below, above = hooked.effects(name, family.cell, [(block, block) for block in family.blocks])
        assert (below, above) == (pytest.approx(0.3, abs=0.1), pytest.approx(0.7, abs=0.1)), name
