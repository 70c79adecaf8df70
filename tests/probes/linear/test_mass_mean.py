"""The mass-mean probe is its closed form, and the shrinkage is scikit-learn's."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from plain_sklearn import standardise
from planted_items import planted
from sklearn.covariance import ledoit_wolf
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from strata.probes.linear.folds import assign_folds, splits_of
from strata.probes.linear.mass_mean import score_mass_mean, shrunk_covariance


@pytest.mark.parametrize(("n", "d"), [(200, 8), (30, 60), (50, 50)])
def test_the_shrunk_covariance_is_scikit_learns(n: int, d: int) -> None:
    rng = np.random.default_rng(n)
    residual = rng.normal(size=(n, d)) @ rng.normal(size=(d, d))
    residual -= residual.mean(0)
    reference, _ = ledoit_wolf(residual, assume_centered=True)
    padded = np.concatenate([residual, np.zeros((7, d))])[None]
    ours = shrunk_covariance(torch.from_numpy(padded), torch.tensor([float(n)]))
    np.testing.assert_allclose(ours[0].numpy(), reference, rtol=1e-6, atol=1e-8 * np.abs(reference).max())


@pytest.mark.parametrize("d_model", [6, 90])
def test_two_labels_are_read_along_the_shrunk_difference_of_means(d_model: int) -> None:
    items = planted(n_labels=2, d_model=d_model, strength=0.6, n_streams=2)
    splits = splits_of(assign_folds(items.labels, items.clusters, 4, 0))
    scored = score_mass_mean(items.x, torch.from_numpy(items.labels)[None], 2, splits)
    for stream in range(2):
        for fold, (train, test) in enumerate(splits):
            x, y = items.x[:, stream].double().numpy(), items.labels
            z, z_test = standardise(x[train], x[test])
            mean = np.stack([z[y[train] == k].mean(0) for k in (0, 1)])
            covariance, _ = ledoit_wolf(z - mean[y[train]], assume_centered=True)
            theta = np.linalg.solve(covariance, mean[1] - mean[0])
            share = np.bincount(y[train]) / len(train)
            logit = (z_test - mean.mean(0)) @ theta + np.log(share[1] / share[0])
            where = (0, stream, fold, 0, slice(len(test)))
            assert np.array_equal(scored.predicted[where].numpy(), (logit > 0).astype(int))
            sign = np.where(y[test] == 1, 1, -1)
            np.testing.assert_allclose(
                scored.log_likelihood[where].numpy(), -np.logaddexp(0, -sign * logit), rtol=1e-3, atol=1e-4
            )


def test_many_labels_are_linear_discriminants_with_the_same_covariance() -> None:
    items = planted(n_labels=4, d_model=10, strength=0.8, n_streams=1, first=0, n_clusters=40)
    splits = splits_of(assign_folds(items.labels, items.clusters, 4, 0))
    scored = score_mass_mean(items.x, torch.from_numpy(items.labels)[None], 4, splits)
    x, y = items.x[:, 0].double().numpy(), items.labels
    for fold, (train, test) in enumerate(splits):
        z, z_test = standardise(x[train], x[test])
        means = np.stack([z[y[train] == k].mean(0) for k in range(4)])
        covariance, _ = ledoit_wolf(z - means[y[train]], assume_centered=True)

        class Given:
            covariance_ = covariance

            def fit(self, _: np.ndarray) -> Given:
                return self

        reference = LinearDiscriminantAnalysis(solver="lsqr", covariance_estimator=Given()).fit(z, y[train])
        log_p = reference.predict_log_proba(z_test)[np.arange(len(test)), y[test]]
        ours = scored.log_likelihood[0, 0, fold, 0, : len(test)].numpy()
        np.testing.assert_allclose(ours, log_p, rtol=1e-3, atol=1e-3)


def test_a_label_without_training_items_is_not_predicted() -> None:
    items = planted(n_labels=3)
    split = (np.flatnonzero(items.labels != 2), np.flatnonzero(items.labels == 2))
    scored = score_mass_mean(items.x, torch.from_numpy(items.labels)[None], 3, [split])
    assert not (scored.predicted == 2).any()
    np.testing.assert_allclose(scored.log_likelihood.numpy(), -np.log(len(split[0]) + 1), rtol=1e-5)
