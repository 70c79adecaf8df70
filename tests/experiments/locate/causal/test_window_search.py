"""The search against all windows: the same loci, from far fewer edits."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from strata.experiments.locate.causal.window_search import (
    curve_windows,
    finer_curves,
    missing,
    region_of,
    windows_inside,
)
from strata.experiments.statistics.loci import REACHES
from strata.experiments.statistics.window_effects import Window

Effect = Callable[[int, int], float]


def searched(effect: Effect, n_layers: int, first: int = 0) -> dict[Window, float]:
    known: dict[Window, float] = {}

    def measure(windows: list[Window]) -> None:
        known.update({window: effect(*window) for window in windows})

    measure(curve_windows(first, n_layers))
    for step in (finer_curves, windows_inside):
        for _ in range(12):
            wanted = missing(step(known, first, n_layers), known)
            if not wanted:
                break
            measure(wanted)
    assert all(first <= start <= end < n_layers for start, end in known)
    return known


def loci(effects: dict[Window, float], first: int, n_layers: int) -> set[Window]:
    enough = REACHES * effects[first, n_layers - 1] - 1e-9
    reaching = [window for window, value in effects.items() if value >= enough]
    return {
        (a, b) for a, b in reaching if not any(a <= c and d <= b and (c, d) != (a, b) for c, d in reaching)
    }  # fmt: skip


def additive(*blocks: int) -> Effect:
    return lambda first, last: sum(first <= block <= last for block in blocks) / len(blocks)


def copies(*blocks: int) -> Effect:
    return lambda first, last: float(any(first <= block <= last for block in blocks))


def needed_together(*blocks: int) -> Effect:
    return lambda first, last: float(all(first <= block <= last for block in blocks))


@pytest.mark.parametrize("n_layers", [5, 12, 24, 30, 48])
@pytest.mark.parametrize("form", [additive, copies, needed_together])
def test_the_loci_of_one_two_and_three_blocks_are_those_of_all_windows(
    form: Callable[..., Effect], n_layers: int
) -> None:
    rng = np.random.default_rng(n_layers)
    everywhere = [(a, b) for a in range(n_layers) for b in range(a, n_layers)]
    for n_blocks in (1, 2, 3):
        blocks = sorted(rng.choice(n_layers, n_blocks, replace=False).tolist())
        effect = form(*blocks)
        known = searched(effect, n_layers)
        if n_blocks < 3 or form is not copies:  # the middle one of three copies may stay unseen in a wide region
            expected = loci({window: effect(*window) for window in everywhere}, 0, n_layers)
            assert expected <= loci(known, 0, n_layers), (form, blocks)
        low, high = region_of(known, 0, n_layers)
        assert low <= blocks[0] and blocks[-1] <= high


def test_a_place_that_is_spread_is_found_within_a_block_from_few_windows() -> None:
    n_layers = 30

    def effect(first: int, last: int) -> float:
        return max(0, min(last, 11) - max(first, 1) + 1) / 11

    known = searched(effect, n_layers, first=1)
    widths = [last - first + 1 for first, last in loci(known, 1, n_layers)]
    assert min(widths) == 9 and len(known) < 120
    assert searched(additive(23), n_layers).keys() >= {(23, 23)} and len(searched(additive(23), n_layers)) < 45


def test_models_of_one_block_have_one_window() -> None:
    assert searched(additive(0), 1) == {(0, 0): 1.0}
