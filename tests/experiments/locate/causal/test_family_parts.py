"""Parts of a family's programme: donors with third answers, what is kept on disk, which span is the replaced one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from strata.experiments.items.alignment import EncodedItem
from strata.experiments.items.schema import Item
from strata.experiments.locate.causal.family_measurements import FamilyMeasurements, WindowShifts
from strata.experiments.locate.causal.pair_selection import replaced_span
from strata.experiments.locate.causal.third_answers import donors_of
from strata.probes.files.activation_store import ActivationStore
from strata.probes.interventions.minimal_pairs import Pair
from strata.probes.prompts.prompt import Prompt


def pair(key: str, answer: int, foil: int, length: int = 4) -> Pair:
    ids = tuple(range(length))
    positions = {"last": length - 1, "subject": 1}
    return Pair(key, Prompt(key, ids, positions), Prompt(key, (*ids[:1], 99, *ids[2:]), positions), answer, foil, "g")


def test_donors_have_third_answers_and_those_of_equal_length_come_first() -> None:
    pairs = [pair("a", 0, 1), pair("b", 1, 0), pair("c", 2, 0, 5), pair("d", 2, 1), pair("e", 3, 0)]
    donors = donors_of(pairs, 0, 3)
    assert set(donors[0]) == {2, 3, 4} and donors[0][-1] == 2
    assert donors_of(pairs, 0, 3) == donors and donors_of(pairs[:2], 0, 3) == [[], []]
    assert 1 not in donors[0] and 0 not in donors[0] and len(donors_of(pairs, 0, 1)[0]) == 1


def test_what_was_measured_comes_back_from_the_store(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    n, n_layers = 3, 4
    windows = WindowShifts([(0, 3), (1, 2)], {"denoise": rng.normal(size=(n, 2)), "noise": rng.normal(size=(n, 2))})
    measured = FamilyMeasurements(
        n_layers, ["a", "b", "c"], rng.normal(size=n), rng.normal(size=n), np.array([1.0, np.nan, 2.0]), 2,
        {"move": windows}, {"move": WindowShifts([(0, 3)], {"donated": rng.normal(size=(n, 1))})},
        {"move": WindowShifts([(0, 3)], {"lost": rng.normal(size=(n, 1))})}, {"move": rng.normal(size=(2, n, n))},
        rng.normal(size=(n, n)), {"move": rng.normal(size=(n, n_layers))}, {"move": rng.normal(size=(n, n_layers))},
        {"move": [(1, 0), (2, 3)]}, {"move": {"denoise": rng.normal(size=(n, 2))}}, {"move": rng.normal(size=(2, n, n))},
        rng.normal(size=(n, 2)), {"move": [(2, 3)]}, {"move": {"noise": rng.normal(size=(n, 1))}}, rng.normal(size=n),
    )  # fmt: skip
    store = ActivationStore(tmp_path, {"run": "x"})
    store.write(measured.keys, measured.as_tensors())
    again = FamilyMeasurements.from_tensors(
        n_layers, measured.keys, {name: store.read(name, measured.keys) for name in store.names("a")}
    )
    for name, values in measured.as_tensors().items():
        torch.testing.assert_close(again.as_tensors()[name], values, equal_nan=True)
    assert again.effects["move"].windows == [(0, 3), (1, 2)] and again.heads == measured.heads and again.looks == 2


def encoded(positions: dict[str, int], clean: tuple[int, ...], foil: tuple[int, ...]) -> EncodedItem:
    item = Item("i", "knowledge", "f", "d", "p", " a", "q", " b")
    return EncodedItem(
        item, Prompt("i", clean, positions), Prompt("i", foil, positions), 1, 2, (1,), (2,), 0, True, None, None, ()
    )


def test_the_replaced_span_ends_at_or_behind_the_last_token_that_differs() -> None:
    two_tokens = encoded({"last": 5, "subject": 2, "relation": 4}, (0, 1, 2, 3, 4, 5), (0, 8, 9, 3, 4, 5))
    assert replaced_span([two_tokens]) == "subject"
    first_half = encoded({"last": 5, "subject": 1, "relation": 4}, (0, 1, 2, 3, 4, 5), (0, 8, 9, 3, 4, 5))
    assert replaced_span([first_half]) == "relation"
    assert replaced_span([encoded({"last": 2}, (0, 1, 2), (0, 9, 2))]) is None
    assert replaced_span([encoded({"last": 2, "subject": 2}, (0, 1, 2), (0, 1, 9))]) is None
    assert replaced_span([two_tokens, two_tokens, first_half]) == "subject" and replaced_span([]) is None
