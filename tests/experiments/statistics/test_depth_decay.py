"""The fit is the maximum that scipy finds, recovers what was put in, and tells falling from flat and from falling otherwise."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize

from strata.experiments.statistics.depth_decay import depth_decay, fit_decay, success

DEPTHS = np.arange(1.0, 6.0)


def test_the_fit_is_the_maximum_that_scipy_finds() -> None:
    rng = np.random.default_rng(0)
    asked = rng.integers(5, 300, size=(12, 5)).astype(float)
    right = np.floor(asked * rng.random((12, 5)) * np.linspace(1, 0.3, 5))
    found = fit_decay(right, asked, DEPTHS)
    for table in range(12):

        def loss(parameters: np.ndarray, table: int = table) -> float:
            rate = np.clip(parameters[0] * (1 - parameters[1]) ** DEPTHS, 1e-12, 1 - 1e-12)
            return float(-(right[table] * np.log(rate) + (asked[table] - right[table]) * np.log1p(-rate)).sum())

        starts = [minimize(loss, (c, p), bounds=[(0, 1), (0, 1)]) for c in (0.3, 0.9) for p in (0.05, 0.5)]
        best = min(starts, key=lambda one: one.fun)
        assert found.log_likelihood[table] == pytest.approx(-best.fun, abs=1e-4)
        assert (found.start[table], found.lost[table]) == pytest.approx(tuple(best.x), abs=5e-3)


def test_exact_rates_give_their_own_parameters() -> None:
    rates = success(np.array([0.9, 0.6]), np.array([0.2, 0.0]), DEPTHS)
    found = fit_decay(1_000 * rates, np.full((2, 5), 1_000.0), DEPTHS)
    assert found.start == pytest.approx([0.9, 0.6], abs=1e-5) and found.lost == pytest.approx([0.2, 0.0], abs=1e-5)
    assert found.ratio[1] == pytest.approx(0, abs=1e-6) and found.ratio[0] > 100
    assert np.isnan(fit_decay(np.zeros((1, 5)), np.full((1, 5), 9.0), DEPTHS).lost[0])


def drawn(rates: np.ndarray, control: np.ndarray, n: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    depth = np.repeat(np.arange(1, 6), n)
    return rng.random(5 * n) < rates[depth - 1], rng.random(5 * n) < control[depth - 1], depth


def test_flat_is_flat_and_links_that_cost_are_told_beyond_the_control() -> None:
    flat, falling = np.full(5, 0.6), success(np.array(0.95), np.array(0.3), DEPTHS)
    false, covered, beyond = 0, 0, 0
    for seed in range(8):
        found = depth_decay(*drawn(flat, flat, 30, seed), draws=100, null_draws=60, seed=seed)
        assert found is not None
        false += found.p_flat <= 0.05
        found = depth_decay(*drawn(falling, flat, 30, seed), draws=100, null_draws=100, seed=seed)
        assert found is not None and found.p_flat <= 0.02
        covered += found.lost_ends[0] <= 0.3 <= found.lost_ends[1]
        beyond += found.beyond_ends[0] > 0
    assert false <= 2 and covered >= 6 and beyond == 8


def test_a_fall_to_a_guess_between_two_ends_is_not_described() -> None:
    guessing = np.array([1.0, 0.5, 0.5, 0.5, 0.5])
    found = depth_decay(*drawn(guessing, np.full(5, 0.9), 100, 0), draws=100, null_draws=200, seed=0)
    assert found is not None and found.p_flat <= 0.01 and found.p_fit <= 0.01
    fits = depth_decay(*drawn(success(np.array(0.95), np.array(0.3), DEPTHS), np.full(5, 0.9), 100, 0), draws=100, null_draws=200, seed=0)  # fmt: skip
    assert fits is not None and fits.p_fit > 0.05
    assert (
        depth_decay(np.zeros(10, bool), np.ones(10, bool), np.repeat([1, 2], 5), draws=100, null_draws=100, seed=0)
        is None
    )
