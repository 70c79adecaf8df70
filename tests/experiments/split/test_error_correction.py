"""Shares and gaps are corrected as the published arithmetic says, back to what was put in, and refused where they can't come about."""

from __future__ import annotations

import numpy as np
import pytest

from strata.experiments.split.error_correction import Calls, corrected, correction


def test_the_printed_share_means_what_was_recomputed() -> None:
    """Agreement .81 at 32.8 % called reasoning: 22.3 % are, 55 % of those called so, and a gap of 13.4 points was 27.5."""
    found = corrected(0.328, 0.81, 0.81)
    assert found.prevalence[0] == pytest.approx(0.223, abs=5e-4)
    assert found.ppv[0] == pytest.approx(0.55, abs=5e-3)
    assert 1 / found.shrinkage[0] == pytest.approx(2.05, abs=5e-3)
    assert 13.4 / found.shrinkage[0] == pytest.approx(27.5, abs=0.05)


def simulated(
    n: int, prevalence: float, sensitivity: float, specificity: float, gap: float, seed: int
) -> tuple[Calls, float]:
    """Calls of questions with such errors, reasoning answered `gap` less often than knowledge; and the gap that came about."""
    rng = np.random.default_rng(seed)
    truth = np.arange(n) < prevalence * n
    called = np.where(truth, rng.random(n) < sensitivity, rng.random(n) >= specificity)
    outcome = (rng.random(n) < np.where(truth, 0.7 - gap, 0.7)).astype(float)
    made = float(outcome[~truth].mean() - outcome[truth].mean())
    return Calls(called, [str(number) for number in range(n)], truth, outcome), made


def test_share_and_gap_come_back_and_their_intervals_hold_the_truth() -> None:
    held = {"share": 0, "gap": 0}
    for seed in range(40):
        labelled, _ = simulated(400, 0.6, 0.9, 0.7, 0.3, seed)
        applied, made = simulated(600, 0.35, 0.9, 0.7, 0.3, 1_000 + seed)
        found = correction(labelled, applied, draws=400, seed=seed)
        assert found.gap is not None and found.corrected_gap is not None and found.corrected_gap.low is not None
        assert abs(found.gap.value) < abs(found.corrected_gap.value)
        held["share"] += found.prevalence.low <= 0.35 <= found.prevalence.high
        held["gap"] += found.corrected_gap.low <= made <= found.corrected_gap.high
    assert held["share"] >= 35 and held["gap"] >= 35


def test_on_the_labelled_questions_themselves_the_correction_is_their_own_share() -> None:
    labelled, _ = simulated(200, 0.7, 0.9, 0.5, 0.2, 0)
    found = correction(labelled, None, draws=200, seed=0)
    assert labelled.truth is not None
    assert found.prevalence.value == pytest.approx(labelled.truth.mean(), abs=1e-12)
    called, truth = labelled.reasoning, labelled.truth
    assert found.ppv.value == pytest.approx(truth[called].mean(), abs=1e-12)
    assert found.npv.value == pytest.approx((~truth)[~called].mean(), abs=1e-12)


def test_a_share_that_these_errors_cant_make_is_told() -> None:
    labelled, _ = simulated(400, 0.5, 0.9, 0.7, 0.0, 0)
    applied = Calls(np.arange(100) < 5, [str(number) for number in range(100)])
    assert not correction(labelled, applied, draws=100, seed=0).possible
    assert correction(labelled, None, draws=100, seed=0).possible


def test_a_gap_whose_draws_leave_one_kind_empty_has_no_interval() -> None:
    labelled, _ = simulated(60, 0.5, 0.8, 0.7, 0.2, 1)
    few, _ = simulated(60, 0.02, 0.8, 0.7, 0.2, 2)
    found = correction(labelled, few, draws=400, seed=0)
    assert found.corrected_gap is not None and found.corrected_gap.low is None
    assert found.prevalence.low == 0.0
