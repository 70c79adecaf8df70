"""Depth and half-mass block: closed forms, and limits that hold for any profile."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from strata.experiments.statistics import effect_depth, half_mass_block

PROFILES = arrays(float, st.integers(1, 20), elements=st.floats(-5, 5, allow_subnormal=False))


@pytest.mark.parametrize("block", range(12))
def test_a_single_block_is_its_own_depth(block: int) -> None:
    profile = np.eye(12)[block] - 0.5 * (1 - np.eye(12)[block])
    assert effect_depth(profile) == pytest.approx((block + 0.5) / 12)
    assert half_mass_block(profile) == block


def test_two_blocks_meet_at_their_weighted_mean() -> None:
    profile = np.array([0, 3.0, 0, -2, 0, 1, 0, 0, 0, 0])
    assert effect_depth(profile) == pytest.approx((3 * 0.15 + 1 * 0.55) / 4)
    assert half_mass_block(profile) == 1
    assert half_mass_block(np.array([0.1, 0.2, 0.3])) == 1, "half is reached exactly, whatever the rounding"


def test_a_profile_without_a_positive_block_has_no_depth() -> None:
    assert np.isnan(effect_depth(np.array([-1.0, 0, 0]))) and np.isnan(half_mass_block(np.zeros(3)))


def test_leading_axes_are_kept() -> None:
    profiles = np.random.default_rng(0).normal(size=(4, 3, 7))
    depths, blocks = effect_depth(profiles), half_mass_block(profiles)
    assert depths.shape == blocks.shape == (4, 3)
    assert depths[2, 1] == effect_depth(profiles[2, 1]) and blocks[2, 1] == half_mass_block(profiles[2, 1])


@given(PROFILES)
def test_depth_lies_within_the_model_and_ignores_scale(profile: np.ndarray) -> None:
    depth, block = effect_depth(profile), half_mass_block(profile)
    if not (profile > 0).any():
        assert np.isnan(depth) and np.isnan(block)
        return
    assert 0 < depth < 1 and profile[int(block)] > 0
    assert effect_depth(4 * profile) == pytest.approx(depth) and half_mass_block(4 * profile) == block


@given(PROFILES.filter(lambda p: bool((p > 1e-3).any())))
def test_the_mirrored_profile_has_the_mirrored_depth(profile: np.ndarray) -> None:
    assert effect_depth(profile[::-1]) == pytest.approx(1 - effect_depth(profile))
