"""Do the blocks that make the answers bring the change? On made-up scores of layer swaps, of which it is known."""

from __future__ import annotations

import numpy as np
import pytest

from strata.experiments.compare.config import CompareConfig
from strata.experiments.compare.place_share import place_share
from strata.experiments.locate.config import LocateConfig
from strata.experiments.results.kinds import Located
from strata.probes.model_diff.layer_swaps import layer_swaps_of

N_LAYERS, ITEMS = 12, 24
CONFIG = CompareConfig(locate=LocateConfig(draws=300))
CLUSTERS = [f"entity {number // 2}" for number in range(ITEMS)]


def located(first: int, last: int) -> Located:
    return Located(
        layer=first, depth=0.5, interval=(first, last), first=first, last=last, cell="work_out", extent="blocks", families=3,
        of=3, general=True,
    )  # fmt: skip


def scores(brought: list[float], *, stride: int = 1) -> tuple[np.ndarray, tuple[object, ...]]:
    """Of models whose blocks bring these shares of a change of about 3 logits, added up."""
    swaps = layer_swaps_of(N_LAYERS, ("nothing", "everything", "prefix", "suffix"), stride=stride)
    whole = 3 + np.random.default_rng(0).random(ITEMS)
    shares = [1.0 if swap.sweep == "everything" else sum(brought[block] for block in swap.blocks) for swap in swaps]
    return 1 + np.outer(whole, shares), swaps


def test_the_place_brings_what_its_blocks_bring_and_other_blocks_the_rest() -> None:
    brought = [0.0] * 7 + [0.5, 0.3] + [0.1, 0.1, 0.0]
    values, swaps = scores(brought)
    told = place_share(located(7, 8), values, CLUSTERS, swaps, N_LAYERS, CONFIG)
    assert told.share is not None and told.share.value == pytest.approx(0.8) and told.why is None
    assert (told.first, told.last, told.equal) == (7, 8, pytest.approx(2 / 12))
    below = place_share(located(1, 3), values, CLUSTERS, swaps, N_LAYERS, CONFIG)
    assert below.share is not None and below.share.value == pytest.approx(0.0)


@pytest.mark.parametrize(("first", "last"), [(0, 3), (9, 11), (0, 11)])
def test_the_outermost_blocks_are_held_against_nothing_exchanged(first: int, last: int) -> None:
    brought = [1 / N_LAYERS] * N_LAYERS
    values, swaps = scores(brought)
    told = place_share(located(first, last), values, CLUSTERS, swaps, N_LAYERS, CONFIG)
    assert told.share is not None and told.share.value == pytest.approx((last - first + 1) / N_LAYERS) == told.equal


def test_a_place_is_widened_to_where_coarse_swaps_end() -> None:
    values, swaps = scores([0.0] * 6 + [1.0] + [0.0] * 5, stride=5)
    told = place_share(located(6, 7), values, CLUSTERS, swaps, N_LAYERS, CONFIG)
    assert (told.first, told.last) == (5, 9)
    assert told.share is not None and told.share.value == pytest.approx(1.0)


def test_nothing_is_told_without_a_place_or_without_a_change() -> None:
    values, swaps = scores([1 / N_LAYERS] * N_LAYERS)
    nowhere = place_share(None, values, CLUSTERS, swaps, N_LAYERS, CONFIG)
    assert nowhere.share is None and nowhere.why is not None and nowhere.why.code == "not-located"
    same = place_share(located(3, 4), np.ones_like(values), CLUSTERS, swaps, N_LAYERS, CONFIG)
    assert same.share is None and same.why is not None and same.why.code == "no-difference"
