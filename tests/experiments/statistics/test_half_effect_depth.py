"""Half-mass block: closed forms, and limits that hold for any profile."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from strata.experiments.statistics.half_effect_depth import half_mass_block

PROFILES = arrays(float, st.integers(1, 20), elements=st.floats(-5, 5, allow_subnormal=False))


@pytest.mark.parametrize("block", range(12))
def test_a_single_block_holds_half_of_itself(block: int) -> None:
    assert half_mass_block(np.eye(12)[block] - 0.5 * (1 - np.eye(12)[block])) == block


def test_half_is_reached_exactly_whatever_the_rounding() -> None:
    assert half_mass_block(np.array([0, 3.0, 0, -2, 0, 1, 0, 0, 0, 0])) == 1
    assert half_mass_block(np.array([0.1, 0.2, 0.3])) == 1


def test_a_profile_without_a_positive_block_has_none() -> None:
    assert np.isnan(half_mass_block(np.zeros(3)))


def test_leading_axes_are_kept() -> None:
    profiles = np.random.default_rng(0).normal(size=(4, 3, 7))
    blocks = half_mass_block(profiles)
    assert blocks.shape == (4, 3) and blocks[2, 1] == half_mass_block(profiles[2, 1])


@given(PROFILES)
def test_the_block_carries_something_and_ignores_scale(profile: np.ndarray) -> None:
    block = half_mass_block(profile)
    if not (profile > 0).any():
        assert np.isnan(block)
        return
    assert profile[int(block)] > 0 and half_mass_block(4 * profile) == block
