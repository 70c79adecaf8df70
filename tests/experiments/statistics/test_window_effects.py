"""Effects of windows: closed forms for contributions that add up, and curves that sum to the whole."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strata.experiments.statistics.loci import (
    block_shares,
    carrying_blocks,
    minimal_windows,
    widest_as_blocks,
    without_overlaps,
)
from strata.experiments.statistics.window_effects import Window, WindowEffects, curves_of, inside

ALL = tuple((first, last) for first in range(6) for last in range(first, 6))


def additive(
    by_block: np.ndarray, windows: tuple[Window, ...] = ALL, clusters: np.ndarray | None = None
) -> WindowEffects:
    """Pairs whose shift is the sum over the blocks of a window; the difference is the sum over all blocks."""
    shift = np.stack([by_block[:, first : last + 1].sum(axis=1) for first, last in windows], axis=1)
    codes = np.arange(len(by_block)) if clusters is None else clusters
    return WindowEffects(by_block.shape[1], windows, shift, shift, by_block.sum(axis=1), codes)


def test_an_effect_is_a_ratio_of_cluster_means() -> None:
    by_block = np.array([[1.0, 3, 0, 0, 0, 0], [2, 2, 0, 0, 0, 0], [0, 1, 1, 0, 0, 0]])
    effects = additive(by_block, clusters=np.array([0, 0, 1]))
    one, other = (1 + 2) / 2, 0.0
    assert effects.effects()[0, ALL.index((0, 0))] == pytest.approx((one + other) / (4 + 2))
    drawn = effects.effects(np.array([[2.0, 0.0], [0.0, 2.0]]))[:, ALL.index((0, 0))]
    assert drawn.tolist() == pytest.approx([one / 4, 0.0])


def test_denoise_and_noise_are_averaged_and_stand_apart() -> None:
    effects = WindowEffects(2, ((0, 1),), np.array([[1.0]]), np.array([[0.5]]), np.array([1.0]), np.array([0]))
    assert effects.effects().item() == 0.75
    assert effects.ratio(effects.denoise).item() == 1 and effects.ratio(effects.noise).item() == 0.5


@given(st.lists(st.floats(0.1, 5), min_size=6, max_size=6))
def test_what_is_gained_at_the_blocks_sums_to_the_whole_effect(gains: list[float]) -> None:
    effects = additive(np.array([gains] * 3))
    values = effects.effects()
    curves = curves_of(effects, values)
    assert curves.gained.sum() == pytest.approx(values[0, effects.whole])
    np.testing.assert_allclose(curves.gained[0], np.array(gains) / sum(gains))


def test_blocks_that_were_not_measured_lie_on_a_line() -> None:
    windows = ((1, 5), (1, 2), (5, 5))
    effects = additive(np.array([[9.0, 1, 1, 1, 1, 4]]), windows)
    curves = curves_of(effects, effects.effects())
    assert curves.up[0, 0] == 0 and curves.up[0, 5] == pytest.approx(8 / 17)
    assert curves.up[0, 3] == pytest.approx(2 / 17 + (8 - 2) / 17 / 3)
    assert curves.down[0, 3] == pytest.approx((8 + (4 - 8) * 0.5) / 17)


def test_a_window_is_inside_a_wider_one_only() -> None:
    windows = ((0, 3), (1, 2), (1, 3), (1, 2))
    holds = inside(windows)
    assert holds[1].tolist() == [True, False, True, False] and not holds[0].any()


def test_minimal_windows_are_the_single_block_the_copies_and_the_split() -> None:
    one = additive(np.eye(6)[[2]])
    assert [ALL[k] for k in np.flatnonzero(minimal_windows(one, one.effects())[0])] == [(2, 2)]
    # Copies: each block alone does all.
    copies = np.array([[1.0 if first <= block <= last else 0 for block in (1, 4)] for first, last in ALL]).max(axis=1)
    both = WindowEffects(6, ALL, copies[None], copies[None], np.array([1.0]), np.array([0]))
    assert [ALL[k] for k in np.flatnonzero(minimal_windows(both, both.effects())[0])] == [(1, 1), (4, 4)]
    split = additive(np.array([[0, 1.0, 0, 0, 1, 0]]))
    assert [ALL[k] for k in np.flatnonzero(minimal_windows(split, split.effects())[0])] == [(1, 4)]
    shares = block_shares(split, split.effects(), curves_of(split, split.effects()))[0]
    assert carrying_blocks((1, 4), 1.0, shares) == (1, 4) and carrying_blocks((2, 3), 1.0, shares) == (2, 3)


def test_an_effect_that_is_spread_thinly_is_carried_by_the_whole_locus() -> None:
    thin = np.full(12, 1 / 12)
    thin[4] = 0.2
    assert carrying_blocks((0, 11), 1.0, thin) == tuple(range(12))
    assert carrying_blocks((0, 11), 1.0, np.eye(12)[4]) == (4,)


def test_of_overlapping_windows_the_shortest_that_codes_is_kept() -> None:
    windows = [(0, 1), (1, 3), (2, 5), (5, 5)]
    none = np.zeros(4, dtype=bool)
    effects = np.array([0.9, 0.9, 0.9, 0.85])
    assert without_overlaps(windows, [0, 1, 2, 3], effects, none) == [0, 3]
    assert without_overlaps(windows, [0, 1, 2], effects, np.array([False, True, True, False])) == [1]
    assert without_overlaps([(0, 0), (0, 0)], [0, 1], np.array([0.8, 0.9]), np.zeros(2, dtype=bool)) == [1]


def test_small_models_say_three_blocks_and_deep_ones_a_quarter() -> None:
    assert [widest_as_blocks(n) for n in (4, 12, 13, 30)] == [3, 3, 3, 7]


def test_a_cell_of_which_only_the_whole_was_measured_gains_as_much_at_every_block() -> None:
    effects = additive(np.array([[9.0, 1, 2, 0, 1, 4]]), ((1, 5),))
    gained = curves_of(effects, effects.effects()).gained[0]
    np.testing.assert_allclose(gained, np.array([0, *[8 / 17 / 5] * 5]), atol=1e-12)


def test_blocks_outside_the_outermost_measured_ones_lie_on_a_line_to_nothing() -> None:
    effects = additive(np.array([[0.0, 0, 3, 0, 0, 3]]), ((0, 5), (0, 2), (3, 5)))
    curves = curves_of(effects, effects.effects())
    np.testing.assert_allclose(curves.up[0], [1 / 6, 2 / 6, 3 / 6, 4 / 6, 5 / 6, 1])
    np.testing.assert_allclose(curves.down[0], [1, 5 / 6, 4 / 6, 3 / 6, 2 / 6, 1 / 6])
