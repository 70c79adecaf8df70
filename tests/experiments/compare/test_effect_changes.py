"""Did a cell change its effect? On made-up measurements of two models, whose effects are known."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from strata.experiments.compare.cells.claims import changed_cells, corrected_p
from strata.experiments.compare.cells.effect_changes import LEAST_CHANGE, WHOLE, EffectChanges, effect_changes
from strata.experiments.locate.causal.family_decision import FamilyPairs
from strata.experiments.locate.causal.family_measurements import FamilyMeasurements, WindowShifts
from strata.experiments.statistics.holm import holm, holm_over_groups
from strata.probes.interventions.cells import Cell

N_LAYERS, PAIRS = 6, 14
Shares = Mapping[Cell, tuple[float, ...]]
SPAN: tuple[float, ...] = (0.0, 0.1, 0.6, 0.0, 0.0, 0.0)
LAST: tuple[float, ...] = (0.0, 0.0, 0.0, 0.0, 0.3, 0.2)
MOVE: tuple[float, ...] = (0.0, 0.0, 0.0, 1.0, 0.0, 0.0)
BASE: Shares = {"enrich": SPAN, "gather": (0.0,) * 6, "move": MOVE, "work_out": LAST}


def pairs() -> FamilyPairs:
    names = tuple(f"entity {number}" for number in range(PAIRS))
    return FamilyPairs("sum", "reasoning", (), names, (), "operand", True, PAIRS, 1.0)


def model(shares: Shares, *, noise: float = 0.05, seed: int = 0) -> FamilyMeasurements:
    """Blocks that add up, each with its share of the answer, in every pair a little more or less."""
    rng = np.random.default_rng(seed)
    sizes = 4 + rng.random(PAIRS)
    measured = FamilyMeasurements(N_LAYERS, [f"sum:{number}" for number in range(PAIRS)], sizes / 2, -sizes / 2)
    for cell, by_block in shares.items():
        of_pairs = np.array(by_block) + noise * rng.normal(size=(PAIRS, N_LAYERS)) * (np.array(by_block) != 0)
        first = int(cell in ("enrich", "gather"))
        windows = [(first, last) for last in range(first, N_LAYERS)]
        windows += [(start, N_LAYERS - 1) for start in range(first + 1, N_LAYERS)]
        effect = np.stack([of_pairs[:, a : b + 1].sum(axis=1) for a, b in windows], axis=1) * sizes[:, None]
        measured.effects[cell] = WindowShifts(windows, {"denoise": effect, "noise": effect})
    return measured


def changes(after: Shares, *, before: Shares = BASE, seed: int = 1) -> EffectChanges:
    return effect_changes(pairs(), model(before), model(after, seed=seed), draws=300, seed=0)


def named(change: EffectChanges) -> list[tuple[Cell, bool, list[int]]]:
    found = changed_cells({("reasoning", "sum"): change}, None, {("reasoning", "sum"): "operand"})
    return [(cell.cell, cell.whole, [block.block for block in cell.blocks]) for cell in found.changed]


def test_a_model_and_itself_differ_by_exactly_nothing() -> None:
    same = effect_changes(pairs(), model(BASE), model(BASE), draws=300, seed=0)
    assert all((same.by_block(cell) == 0).all() for cell in BASE)
    assert set(same.p.values()) == {1.0} and named(same) == []


def test_two_models_that_differ_by_chance_alone_differ_nowhere() -> None:
    assert named(changes(BASE)) == []


def test_the_changed_cell_is_named_with_its_block() -> None:
    change = changes({**BASE, "work_out": (0.0, 0.0, 0.0, 0.0, 0.3, 0.7)})
    assert named(change) == [("work_out", True, [5])]
    before, after = change.values("work_out")
    assert (before, after) == pytest.approx((0.5, 1.0), abs=0.05)
    difference = change.difference("work_out")
    assert difference.interval is not None and difference.interval[0] < 0.5 < difference.interval[1]


def test_a_lookup_that_moved_to_another_block_is_named_at_both_and_not_as_a_whole() -> None:
    assert named(changes({**BASE, "enrich": (0.0, 0.1, 0.0, 0.6, 0.0, 0.0)})) == [("enrich", False, [2, 3])]


def test_what_attention_brings_to_the_last_token_is_tested_by_block_alone() -> None:
    change = changes({**BASE, "move": (0.0, 0.0, 1.0, 0.0, 0.0, 0.0)})
    assert ("move", WHOLE) not in change.p and named(change) == [("move", False, [2, 3])]


def test_a_change_of_less_than_a_tenth_is_not_claimed_however_sure_it_is() -> None:
    less = (0.0, 0.0, 0.0, 0.0, 0.3, 0.2 + 0.8 * LEAST_CHANGE)
    change = effect_changes(
        pairs(), model(BASE, noise=0), model({**BASE, "work_out": less}, noise=0), draws=300, seed=0
    )
    ends = change.difference("work_out").interval
    assert ends is not None and ends[0] > 0 and named(change) == []


def test_a_change_that_the_control_shares_is_counted_and_not_claimed() -> None:
    after: Shares = {**BASE, "work_out": (0.0, 0.0, 0.0, 0.0, 0.3, 0.7)}
    name = ("reasoning", "sum")
    change, against_itself = changes(after), changes(after, before=after)
    shared = changed_cells({name: change}, {name: against_itself}, {name: None})
    assert shared.changed == () and shared.not_beyond == 1
    alone = changed_cells({name: change}, {name: changes(after)}, {name: None})
    assert len(alone.changed) == 1 and alone.changed[0].beyond_control is not None
    unasked = changed_cells({name: change}, {}, {name: None})
    assert unasked.changed == () and unasked.not_beyond == 1


def test_of_many_comparisons_of_models_that_differ_by_chance_alone_hardly_any_claims_anything() -> None:
    """Forty comparisons of six families, pairs scattered by a third of what a block does: 960 cells."""
    claiming = 0
    for turn in range(40):
        families = {
            ("reasoning", f"family {number}"): effect_changes(
                pairs(), model(BASE, noise=0.2, seed=1_000 * turn + number),
                model(BASE, noise=0.2, seed=1_000 * turn + 500 + number), draws=50, seed=0,
            )
            for number in range(6)
        }  # fmt: skip
        claiming += bool(changed_cells(families, None, dict.fromkeys(families)).changed)
    assert claiming <= 2


def test_p_is_corrected_over_families() -> None:
    one = changes({**BASE, "work_out": (0.0, 0.0, 0.0, 0.0, 0.3, 0.7)})
    alone, beside = (
        corrected_p({("reasoning", "sum"): one}),
        corrected_p({("reasoning", f"{n}"): one for n in range(20)}),
    )
    smallest = min(alone["reasoning", "sum"].values())
    assert min(beside["reasoning", "0"].values()) == pytest.approx(20 * smallest)


def test_holm_over_groups_of_one_is_holm() -> None:
    p = [0.01, 0.04, 0.002, 0.9]
    assert [group[0] for group in holm_over_groups([[one] for one in p])] == pytest.approx(holm(p))
    assert holm_over_groups([[0.01, 0.5], [0.001]]) == [[0.01, 0.5], [0.002]]
