"""Families that are odd: one entity, a last token that is replaced too, a cell that stays undecided, pairs without the span."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from tiny_models import tiny_checkpoint

from strata.experiments.items.alignment import EncodedItem
from strata.experiments.items.schema import Item
from strata.experiments.locate.causal import pair_selection
from strata.experiments.locate.causal.causal_tables import window_rows
from strata.experiments.locate.causal.family_decision import FamilyPairs, analyse
from strata.experiments.locate.causal.family_measurements import FamilyMeasurements, WindowShifts
from strata.experiments.locate.causal.measure_family import Effort, measure_family
from strata.experiments.locate.causal.pair_selection import SelectedFamily, _why_weak
from strata.experiments.locate.causal.pipeline import kept_family
from strata.experiments.results.item_exclusions import WhyExcluded
from strata.experiments.results.locate_tables import BehaviourRow
from strata.probes.backends.model_reader import ModelReader
from strata.probes.files.activation_store import ActivationStore
from strata.probes.interventions.cells import CELLS
from strata.probes.interventions.minimal_pairs import Pair
from strata.probes.prompts.prompt import Prompt

N, N_LAYERS, AT = 14, 2, 1


def pair_of(number: int) -> Pair:
    clean, foil = (5 + number, 20, 21, 22), (45 - number, 20, 21, 22)
    positions = {"subject": 0, "last": 3}
    prompts = (Prompt(f"p{number}", ids, positions) for ids in (clean, foil))
    return Pair(f"p{number}", *prompts, 50 + number % 4, 50 + (number + 1) % 4, "one")


def family_of(n: int, *, same_last: bool = True) -> FamilyPairs:
    pairs = tuple(pair_of(number) for number in range(n))
    inputs = tuple(frozenset({pair.clean.ids[:1], pair.foil.ids[:1]}) for pair in pairs)
    return FamilyPairs(
        "one", "knowledge", pairs, tuple(pair.key for pair in pairs), inputs, "subject", same_last, n, 1.0
    )


def measured_by_hand(family: FamilyPairs, donated: float) -> FamilyMeasurements:
    """All of the effect at the last block of `move` and, by the MLPs of the last position, once more; both code the answer."""
    n = len(family.pairs)
    windows = [(0, 1), (0, 0), (1, 1)]
    shift = np.tile([2.0, 0.0, 2.0], (n, 1))
    answers = np.zeros((n, 4))
    for row, pair in enumerate(family.pairs):
        answers[row, pair.answer_id - 50], answers[row, pair.foil_id - 50] = 1, -1
    cosines = np.tile(answers @ answers.T / 2, (3, 1, 1))
    measured = FamilyMeasurements(
        N_LAYERS, [pair.key for pair in family.pairs], np.ones(n), -np.ones(n), np.full(n, np.nan), 1
    )
    noise = np.random.default_rng(0).normal(scale=3, size=(n, 1))
    for cell in CELLS[2:]:
        measured.effects[cell] = WindowShifts(list(windows), {"denoise": 1 * shift, "noise": 1 * shift})
        measured.cosines[cell] = 1 * cosines
    measured.installs["work_out"] = WindowShifts([(0, 1)], {"donated": donated + (noise if donated else 0 * noise)})
    measured.inputs = np.zeros((n, n))
    return measured


def test_a_family_of_one_entity_is_measured_and_its_heads_have_no_p() -> None:
    checkpoint, family = tiny_checkpoint("llama"), family_of(1)
    measured = measure_family(checkpoint, family, effort=Effort(1), seed=0)
    analysis = analyse(family, measured, draws=100, seed=0)
    heads = analysis.result.heads
    assert heads and all(head.p == 1 for head in heads)
    every = {(cell, *head) for cell, of_cell in measured.heads.items() for head in of_cell}
    assert {(head.cell, head.layer, head.head) for head in analysis.heads} == every, (
        "the table has those that the summary hasn't"
    )
    for cell in measured.heads:
        effects = [head.effect.value for head in analysis.heads if head.cell == cell]
        assert effects == sorted(effects, reverse=True)
        assert [head.effect.value for head in heads if head.cell == cell] == effects[:12]


def test_no_handover_is_said_where_the_last_token_is_replaced_too() -> None:
    """There all attention at the last position doesn't restore the clean run, so its curve isn't that of the stream."""
    for same_last in (True, False):
        family = family_of(N, same_last=same_last)
        result = analyse(family, measured_by_hand(family, 0.0), draws=200, seed=0).result
        assert result.loci and (result.handover is not None) is same_last


def test_no_locus_makes_the_answer_of_a_family_of_which_a_cell_is_undecided() -> None:
    family = family_of(N)
    decided = analyse(family, measured_by_hand(family, 0.0), draws=200, seed=0).result
    assert decided.place is not None and "makes" in {locus.role for locus in decided.loci}
    undecided = analyse(family, measured_by_hand(family, 2.0), draws=200, seed=0).result
    assert undecided.why_not_placed is not None and undecided.why_not_placed.code == "install-undecided"
    assert {locus.role for locus in undecided.loci} == {"open"}


@pytest.mark.parametrize(
    ("clean", "foil", "code"),
    [(3.0, -1.0, None), (3.0, 1.0, "foil-not-answered"), (0.4, -0.4, "weak-pair"), (3.0, math.nan, "foil-not-answered"), (math.nan, -1.0, "weak-pair")],
)  # fmt: skip
def test_a_pair_whose_logits_are_no_numbers_is_not_intervened_on(clean: float, foil: float, code: str | None) -> None:
    why = _why_weak(clean, foil)
    assert (why and why.code) == code


def test_what_was_kept_of_other_pairs_is_measured_again(tmp_path: Path) -> None:
    family = family_of(N)
    store = ActivationStore(tmp_path, {"run": "x"})
    measured = measured_by_hand(family, 0.0)
    store.write(measured.keys, measured.as_tensors())
    kept = kept_family(store, SelectedFamily(family, (), True, {}), N_LAYERS)
    assert kept is not None and kept.keys == measured.keys
    other = replace(family, pairs=(family.pairs[0], *family.pairs[2:], family.pairs[1]))
    assert kept_family(store, SelectedFamily(other, (), True, {}), N_LAYERS) is None


def item(number: int, *, named: bool) -> EncodedItem:
    positions = {"last": 3} | ({"subject": AT} if named else {})
    prompts = [Prompt(f"i{number}", ids, positions) for ids in ((1, 5 + number, 2, 3), (1, 30 + number, 2, 3))]
    of_file = Item(f"i{number}", "knowledge", "f", "d", "p", " a", "q", " b", extra={"entity": f"e{number}"})
    return EncodedItem(of_file, *prompts, 1, 2, (1,), (2,), 0, True, None, None, ())


class Answered:
    """Every counterfactual prompt is answered by the foil."""

    def __init__(self, *_: Any) -> None:
        self.ran = 0

    def run(self, items: Sequence[EncodedItem]) -> None:
        self.ran += len(items)

    def difference(self, _: EncodedItem) -> float:
        return -2.0


@pytest.fixture
def answered(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(pair_selection, "_Counterfactuals", Answered)
    yield


@pytest.mark.usefixtures("answered")
def test_pairs_without_the_span_take_no_place_of_those_that_have_it() -> None:
    encoded = [item(number, named=number % 3 > 0) for number in range(30)]
    behaviour = [
        BehaviourRow(
            item=each.key, kind=each.item.kind, family=each.item.family, answered=True, correct_by_likelihood=True,
            logit_difference=2.0,
        )
        for each in encoded
    ]  # fmt: skip
    model: Any = SimpleNamespace(n_layers=2)
    (selected,) = pair_selection.select_pairs(ModelReader(model, model), encoded, behaviour, most=18, seed=0)
    assert selected.pairs.span == "subject" and len(selected.pairs.pairs) == 18
    assert all("subject" in pair.clean.positions for pair in selected.pairs.pairs)
    assert selected.excluded[WhyExcluded(code="span-kept", span="subject")] == 10
    assert 18 + sum(selected.excluded.values()) == 30


def test_a_place_behind_a_cell_that_nearly_counts_is_not_a_sure_one() -> None:
    """The MLPs at the last position come first and code the answer; whether their effect is enough is open from draw to draw."""
    family = family_of(N)
    supports = {}
    for size in (0.0, 0.45):
        measured = measured_by_hand(family, 0.0)
        early = size + size * np.random.default_rng(0).normal(size=N)
        measured.effects["work_out"] = WindowShifts(
            [(0, 1), (0, 0), (1, 1)], {name: 2 * np.stack([early, early, 0 * early], axis=1) for name in ("denoise", "noise")}
        )  # fmt: skip
        result = analyse(family, measured, draws=400, seed=0).result
        assert result.cells["work_out"].why_not == "weak-effect" and result.place is not None
        assert result.place.cell == "move" and result.loci[0].cell == "move"
        supports[size] = result.place.support
    assert supports[0.0] == 1 and 0.5 < supports[0.45] < 0.99


def test_what_is_installed_is_the_same_number_in_the_table_and_in_the_summary() -> None:
    """Entities of unlike numbers of pairs: both are ratios of entity means."""
    family = replace(family_of(N), entities=("many",) * 5 + tuple(f"e{number}" for number in range(N - 5)))
    measured = measured_by_hand(family, 0.0)
    measured.installs["work_out"].values["donated"] += np.linspace(0, 1, N)[:, None]
    analysis = analyse(family, measured, draws=200, seed=0)
    localised: Any = SimpleNamespace(families=(analysis,), measurements={(family.kind, family.name): measured})
    rows = {(row.cell, row.first, row.last): row.install for row in window_rows(localised, draws=200, seed=0)}
    install = analysis.result.cells["work_out"].install
    assert install is not None and rows["work_out", 0, 1] == pytest.approx(install.value)


def test_two_pairs_of_one_entity_are_no_couple_whatever_is_replaced_in_them() -> None:
    apart = family_of(N)
    twice = replace(apart, entities=(*apart.entities[:4], *apart.entities[:4], *apart.entities[8:]))
    couples = {}
    for name, family in (("apart", apart), ("twice", twice)):
        loci = analyse(family, measured_by_hand(family, 0.0), draws=100, seed=0).result.loci
        couples[name] = loci[0].codes.couples
    # Pairs 0 and 4, 1 and 5, … share answer and foil.
    assert couples["apart"] - couples["twice"] == 4
