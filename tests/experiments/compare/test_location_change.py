"""Did it move? On made-up effects, whose blocks are known before and after."""

from __future__ import annotations

import numpy as np
import pytest

from strata.experiments.compare.location_change import location_change
from strata.experiments.items.alignment import EncodedItem
from strata.experiments.items.schema import Item
from strata.experiments.locate.causal.effects import Effects
from strata.experiments.locate.config import LocateConfig
from strata.probes.causal.activation_patching import CONTROLS
from strata.probes.prompts import Prompt

N_LAYERS, PAIRS = 10, 14
CONFIG = LocateConfig(draws=300)
BOTH = {"base": True, "distilled": True}


def pair(number: int) -> EncodedItem:
    item = Item(f"k:{number}", "knowledge", "fact", "", "a", " b", "c", " d", cluster=str(number))
    prompts = [Prompt(item.id, (1, 10 + number + extra, 3), {"last": 2}) for extra in (0, 1)]
    return EncodedItem(item, prompts[0], prompts[1], 1, 2, (1,), (2,), 0, True, None, None, ())


def effects(block: int, *, seed: int = 0, strength: float = 6.0, spread: float = 0.05) -> Effects:
    """Clean and foil run differ by `strength` logits, all of which one block's MLP restores; controls restore nothing."""
    rng = np.random.default_rng(seed)
    raw = {"clean": np.full(PAIRS, strength / 2), "foil": np.full(PAIRS, -strength / 2)}
    for measure in ("denoise", *CONTROLS):
        raw[f"patching/{measure}/mlp_out/last/1"] = spread * rng.normal(size=(PAIRS, N_LAYERS))
    raw["patching/denoise/mlp_out/last/1"][:, block] += strength
    return Effects(tuple(pair(number) for number in range(PAIRS)), raw, N_LAYERS)


@pytest.mark.parametrize(
    ("before", "after", "verdict"), [(2, 7, "deeper"), (7, 2, "shallower"), (5, 5, "unchanged"), (4, 5, "deeper")]
)
def test_a_moved_profile_is_told_with_its_sign_and_size(before: int, after: int, verdict: str) -> None:
    change = location_change(effects(before), effects(after, seed=1), BOTH, CONFIG)
    assert change["verdict"] == verdict, change
    assert change["difference"] == pytest.approx((after - before) / N_LAYERS, abs=0.02)
    low, high = change["interval"]
    assert low - 0.02 <= (after - before) / N_LAYERS <= high + 0.02
    assert change["pairs"] == change["clusters"] == PAIRS and change["reason"] is None


def test_nothing_is_said_where_one_model_has_no_location() -> None:
    change = location_change(effects(2), effects(7), {"base": True, "distilled": False}, CONFIG)
    assert change["verdict"] == "undetermined" and change["reason"] == "not located in distilled"
    assert change["difference"] == pytest.approx(0.5, abs=0.02)


def test_pairs_that_are_weak_in_one_model_count_in_neither() -> None:
    weak = effects(7)
    raw = {name: values.copy() for name, values in weak.raw.items()}
    raw["clean"][:4], raw["foil"][:4] = 0.2, -0.2
    change = location_change(effects(2), Effects(weak.items, raw, N_LAYERS), BOTH, CONFIG)
    assert change["pairs"] == PAIRS - 4
    nowhere = location_change(effects(2), effects(7, strength=0.5), BOTH, CONFIG)
    assert nowhere["verdict"] == "undetermined" and nowhere["reason"] == "no pair is usable in both models"
    assert nowhere["difference"] is None


def test_other_pairs_are_never_compared() -> None:
    some = effects(2)
    with pytest.raises(ValueError, match="same pairs"):
        location_change(some, some.of(list(range(1, PAIRS))), BOTH, CONFIG)
