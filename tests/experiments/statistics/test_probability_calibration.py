"""Brier score and calibration error against tables worked out by hand, and what a calibrated model is called."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from strata.experiments.behave.confidence import leaning
from strata.experiments.statistics.probability_calibration import (
    brier_score,
    calibrated_null,
    calibration_bins,
    calibration_error,
    option_probabilities,
)
from strata.probes.statistics.bootstrap import cluster_bootstrap

PROBABILITIES = np.array([[0.9, 0.1, 0.0], [0.2, 0.7, 0.1], [0.4, 0.35, 0.25], [0.1, 0.1, 0.8], [0.5, 0.3, 0.2]])
RIGHT = np.array([0, 0, 2, 2, 1])
BY_HAND = [0.01 + 0.01, 0.64 + 0.49 + 0.01, 0.16 + 0.1225 + 0.5625, 0.01 + 0.01 + 0.04, 0.25 + 0.49 + 0.04]


def test_the_brier_score_is_that_of_the_table() -> None:
    assert brier_score(PROBABILITIES, RIGHT) == pytest.approx(BY_HAND, abs=1e-12)


def test_the_calibration_error_is_that_of_the_table() -> None:
    confidence, correct = PROBABILITIES.max(1), PROBABILITIES.argmax(1) == RIGHT
    # In falling confidence: .9 right, .8 right, .7 wrong, .5 wrong, .4 wrong; two bins hold three and two items from below.
    low, high = (0.4 + 0.5 + 0.7) / 3, (0.8 + 0.9) / 2
    assert calibration_error(confidence, correct, bins=2) == pytest.approx(0.6 * low + 0.4 * (1 - high), abs=1e-12)
    bins = calibration_bins(confidence, correct, bins=2)
    assert [(one.n, one.accuracy) for one in bins] == [(3, 0.0), (2, 1.0)]
    assert [one.confidence for one in bins] == pytest.approx([low, high], abs=1e-12)
    assert calibration_error(confidence, correct, bins=1) == pytest.approx(abs(3.3 / 5 - 0.4), abs=1e-12)


def test_more_bins_than_items_are_one_an_item() -> None:
    assert len(calibration_bins(np.array([0.5, 0.6]), np.array([True, False]), bins=10)) == 2
    with pytest.raises(ValueError, match="no items"):
        calibration_error(np.array([]), np.array([], dtype=bool))


def test_a_temperature_of_one_changes_no_bit_and_absent_options_get_nothing() -> None:
    log_probs = np.array([[-1.0, -2.0, np.nan], [-3.0, -3.0, -700.0]])
    plain = np.exp([-1.0, -2.0]) / np.exp([-1.0, -2.0]).sum()
    assert option_probabilities(log_probs)[0] == pytest.approx([*plain, 0.0], abs=1e-12)
    assert (option_probabilities(log_probs, 1.0) == option_probabilities(log_probs)).all()
    assert option_probabilities(log_probs, 0.5)[0, 0] > option_probabilities(log_probs)[0, 0]
    with pytest.raises(ValueError, match="temperature"):
        option_probabilities(log_probs, 0.0)


def simulated(seed: int, temperature: float, n: int = 400) -> tuple[np.ndarray, np.ndarray]:
    """Options of a model that is right as often as it says at temperature 1."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(n, 4)) * 1.5
    ends = option_probabilities(logits).cumsum(1)[:, :-1]
    right = (rng.random(n)[:, None] >= ends).sum(1)
    return option_probabilities(logits, temperature), right


def called(seed: int, temperature: float) -> str:
    probabilities, right = simulated(seed, temperature)
    over = probabilities.max(1) - (probabilities.argmax(1) == right)
    return leaning(cluster_bootstrap(over, range(len(over)), draws=400, seed=seed)[0])


def test_a_calibrated_model_is_seldom_called_overconfident_and_a_sharpened_one_nearly_always() -> None:
    assert sum(called(seed, 1.0) == "overconfident" for seed in range(200)) <= 10
    assert sum(called(seed, 0.5) == "overconfident" for seed in range(40)) >= 38


def test_the_null_is_that_of_a_calibrated_model_of_that_size() -> None:
    beyond = 0
    for seed in range(40):
        probabilities, right = simulated(seed, 1.0)
        null = calibrated_null(probabilities, right, range(400), draws=200, seed=seed)
        beyond += null.ece_p <= 0.05
        # methods: a calibrated model's 95th percentile over ten bins is .080 at 400 items
        assert 0.05 < null.ece_mean < null.ece_95 < 0.1
    assert beyond <= 6
    sharp = calibrated_null(*simulated(0, 0.5), range(400), draws=200)
    assert sharp.ece_p == sharp.brier_p == 1 / 201


def test_clusters_that_share_their_draw_widen_the_null_and_order_changes_nothing() -> None:
    probabilities, right = simulated(1, 1.0)
    alone = calibrated_null(probabilities, right, range(400), draws=400)
    together = calibrated_null(probabilities, right, [n // 20 for n in range(400)], draws=400)
    assert together.ece_95 > 1.5 * alone.ece_95
    backwards = [
        calibration_error(p.max(1), p.argmax(1) == r)
        for p, r in ((probabilities, right), (probabilities[::-1], right[::-1]))
    ]
    assert backwards[0] == pytest.approx(backwards[1], abs=1e-12)
    assert replace(alone, draws=400) == calibrated_null(probabilities, right, range(400), draws=400)
