"""The area under the curve is scikit-learn's where one fold holds all, the mean over strata elsewhere, and one half for noise."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from strata.experiments.split.ranking import Ranking, quartiles

N = 90


def ranking(folds: int, strata: int, seed: int = 0) -> Ranking:
    rng = np.random.default_rng(seed)
    return Ranking(
        rng.random(N) < 0.4,
        [str(number) for number in range(N)],
        np.stack([rng.permutation(N) % folds for _ in range(2)]),
        np.arange(N) % strata,
    )


def test_in_one_fold_it_is_scikit_learns() -> None:
    of = ranking(folds=1, strata=1)
    scores = np.random.default_rng(1).integers(0, 5, size=(1, N)) + 2.0 * of.reasoning
    one = Ranking(of.reasoning, of.clusters, of.folds[:1], of.stratum)
    found = one.auc(scores, within=False, draws=500, seed=0)
    expected = roc_auc_score(of.reasoning, scores[0])
    assert found.value == pytest.approx(expected, abs=1e-12)
    assert found.low is not None and found.high is not None and found.low < expected < found.high


def test_within_strata_it_is_their_mean_weighted_by_pairs() -> None:
    of = ranking(folds=1, strata=3)
    scores = np.random.default_rng(2).normal(size=(1, N)) + of.reasoning
    one = Ranking(of.reasoning, of.clusters, of.folds[:1], of.stratum)
    aucs, pairs = [], []
    for stratum in range(3):
        inside = of.stratum == stratum
        aucs.append(roc_auc_score(of.reasoning[inside], scores[0][inside]))
        pairs.append(of.reasoning[inside].sum() * (~of.reasoning[inside]).sum())
        assert one.auc_in(scores, stratum, draws=100, seed=0).value == pytest.approx(aucs[-1], abs=1e-12)
    assert one.auc(scores, within=True, draws=100, seed=0).value == pytest.approx(np.average(aucs, weights=pairs))
    assert one.difference(scores, scores, draws=100, seed=0).low == 0.0


def test_offsets_of_folds_alone_rank_nothing() -> None:
    """A score that is the share of the other label among the rest, as an uninformed classifier gives it: far below one half pooled."""
    of = ranking(folds=9, strata=1)
    scores = np.zeros((2, N))
    for repeat in range(2):
        for fold in range(9):
            held_out = of.folds[repeat] == fold
            scores[repeat, held_out] = of.reasoning[~held_out].mean()
    assert roc_auc_score(of.reasoning, scores[0]) < 0.4
    assert of.auc(scores, within=False, draws=100, seed=0).value == 0.5


def test_quartiles_keep_equal_lengths_together() -> None:
    assert quartiles(np.array([5] * 10)).tolist() == [0] * 10
    assert np.bincount(quartiles(np.arange(100))).tolist() == [25, 25, 25, 25]
