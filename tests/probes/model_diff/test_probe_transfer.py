"""Probes go over to a model that keeps their directions, to a turned one only after turning back, and never without the fact."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from torch import Tensor

from strata.probes.errors import StrataError
from strata.probes.linear import probe_streams
from strata.probes.model_diff.probe_transfer import Transfer, probe_transfer
from strata.probes.model_diff.procrustes import fit_orthogonal

N_CLUSTERS, TEMPLATES, D_MODEL = 60, 4, 16
CLUSTERS = np.repeat(np.arange(N_CLUSTERS), TEMPLATES)
LABELS = np.random.default_rng(3).permutation(np.arange(N_CLUSTERS) % 3)[CLUSTERS]
PENALTIES = (1.0, 0.1, 0.01)


def streams(seed: int, directions: Tensor | None) -> Tensor:
    """Two streams of structured noise; the labels stand in the second, along `directions` (none: nowhere)."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(len(LABELS), 2, D_MODEL, generator=generator) * torch.linspace(0.5, 2, D_MODEL)
    if directions is not None:
        x[:, 1] += directions[torch.from_numpy(LABELS)]
    return x


DIRECTIONS = 2.5 * torch.linalg.qr(torch.randn(D_MODEL, D_MODEL, generator=torch.Generator().manual_seed(1)))[0][:3]
X = streams(0, DIRECTIONS)
TURN = torch.linalg.qr(torch.randn(D_MODEL, D_MODEL, generator=torch.Generator().manual_seed(2)))[0]


def transferred(y: Tensor) -> Transfer:
    return probe_transfer(X, y, LABELS.tolist(), CLUSTERS.tolist(), penalties=PENALTIES)


def relative(transferred: np.ndarray, own: np.ndarray) -> float:
    """Accuracy of a carried-over probe at the second stream over the scored model's own."""
    return float(transferred[:, 1].mean() / own[:, 1].mean())


def test_a_model_transfers_to_itself_as_it_reads_itself() -> None:
    transfer = transferred(X)
    for way in (transfer.forth, transfer.back):
        assert np.array_equal(way.direct, way.within)
        assert (way.aligned == way.within).mean() > 0.99


def test_the_same_directions_transfer_as_they_are() -> None:
    transfer = transferred(streams(4, DIRECTIONS))
    for way, own in ((transfer.forth, transfer.back), (transfer.back, transfer.forth)):
        assert own.within[:, 1].mean() > 0.8
        assert relative(way.direct, own.within) > 0.9
        assert abs(way.direct[:, 0].mean() - transfer.majority_correct.mean()) < 0.12


def test_turned_directions_transfer_only_after_turning_back() -> None:
    noise = 0.2 * torch.randn(X.shape, generator=torch.Generator().manual_seed(8))
    transfer = transferred(X @ TURN + noise)
    for way, own in ((transfer.forth, transfer.back), (transfer.back, transfer.forth)):
        assert relative(way.direct, own.within) < 0.75
        assert relative(way.aligned, own.within) > 0.95


def test_a_model_without_the_fact_gives_and_takes_nothing_however_it_is_turned() -> None:
    """A rotation fitted on the probe's own items would carry the labels to where the probe took noise for them."""
    transfers = [transferred(streams(seed, None)) for seed in (9, 10, 11)]
    for way in ("forth", "back"):
        for kind in ("direct", "aligned"):
            right = np.mean([getattr(getattr(transfer, way), kind)[:, 1].mean() for transfer in transfers])
            assert abs(right - 1 / 3) < 0.1, (way, kind)


def test_transfer_is_scikit_learns_fit_on_one_model_scored_on_both() -> None:
    y = streams(4, DIRECTIONS)
    transfer = transferred(y)
    own = probe_streams(X, LABELS.tolist(), CLUSTERS.tolist(), [0] * len(LABELS), penalties=PENALTIES)
    assert own.penalty is not None and np.array_equal(transfer.folds, own.folds)
    for fold in (0, 4):
        test, aside = transfer.folds == fold, transfer.folds == (fold + 1) % 5
        train = ~test & ~aside
        for stream in range(2):
            rows = X[train, stream].double().numpy()
            mean, spread = rows.mean(0), rows.std(0)
            strength = 1 / (train.sum() * own.penalty[stream, fold])
            model = LogisticRegression(C=strength, tol=1e-10, max_iter=5000).fit((rows - mean) / spread, LABELS[train])
            turned = fit_orthogonal(y[aside, stream], X[aside, stream])(y[test, stream])
            for of, right in ((X[test, stream], transfer.forth.within), (y[test, stream], transfer.forth.direct),
                              (turned, transfer.forth.aligned)):  # fmt: skip
                predicted = model.predict((of.double().numpy() - mean) / spread)
                assert np.array_equal(predicted == LABELS[test], right[test, stream])


@pytest.mark.parametrize("n_items", [3, 12, 19, 20, 60])
def test_a_rotation_from_few_items_is_the_whole_procrustes_solution(n_items: int) -> None:
    """Schönemann's solution over all dimensions at once, drawn to the identity a little where the items say nothing."""
    generator = torch.Generator().manual_seed(n_items)
    x, y = torch.randn(2, n_items, 40, generator=generator, dtype=torch.float64)
    cross = (x - x.mean(0)).T @ (y - y.mean(0))
    left, _, right = torch.linalg.svd(cross + 1e-9 * torch.linalg.matrix_norm(cross, 2) * torch.eye(40))
    rotation = fit_orthogonal(x, y).rotation
    torch.testing.assert_close(rotation, left @ right, rtol=0, atol=1e-5)
    torch.testing.assert_close(rotation @ rotation.T, torch.eye(40, dtype=torch.float64), rtol=0, atol=1e-12)


def test_models_of_unlike_width_are_refused() -> None:
    with pytest.raises(StrataError, match="share a probe"):
        transferred(X[:, :, :8])


def test_folds_that_leave_nothing_to_learn_from_are_refused() -> None:
    for n_folds, map_folds in ((2, 1), (5, 4), (5, 0)):
        with pytest.raises(StrataError, match="can't spare"):
            probe_transfer(X, X, LABELS.tolist(), CLUSTERS.tolist(), n_folds=n_folds, map_folds=map_folds)
