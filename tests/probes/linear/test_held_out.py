"""The batched solver is scikit-learn's regression, one fit at a time."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from plain_sklearn import probabilities, standardise

from strata.probes.linear import HeldOut, Precision, score_held_out
from strata.probes.linear.folds import assign_folds, splits_of
from strata.probes.linear.held_out import FEW_ITEMS, Rows, solver_device, standardised

GRID = (10.0, 0.1, 0.003)


def _data(name: str) -> tuple[np.ndarray, np.ndarray, int]:
    """(item, stream, d_model) float32, labels, K."""
    rng = np.random.default_rng(sum(map(ord, name)))
    n, d, k = {
        "more dimensions than items": (60, 150, 3),
        "more items than dimensions": (180, 12, 4),
        "two labels": (80, 30, 2),
        "many labels": (120, 40, 12),
    }.get(name, (90, 40, 3))
    y = rng.permutation(np.arange(n) % k)
    if name == "imbalanced":
        y = rng.permutation(np.repeat([0, 1, 2], [70, 12, 8]))
    x = rng.normal(size=(n, 2, d)) + rng.normal(size=(k, 2, d))[y] * np.array([0.4, 1.2])[:, None]
    match name:
        case "collinear features":
            x[..., d // 2 :] = x[..., : d // 2] + 1e-3 * x[..., d // 2 :]
            x[..., 1] = -2 * x[..., 0]
        case "wild scales":
            x[..., 0] = 1e4 * x[..., 0] + 3e4
            x[..., 1] *= 1e-4
        case "constant feature":
            x[..., 3], x[..., 4] = 0, 1234.567
    return x.astype(np.float32), y, k


CASES = [
    "more dimensions than items", "more items than dimensions", "two labels", "many labels", "imbalanced",
    "collinear features", "wild scales", "constant feature",
]  # fmt: skip


def _solved(x: np.ndarray, y: np.ndarray, k: int, penalties: tuple[float, ...] = GRID) -> tuple[HeldOut, list]:
    splits = splits_of(assign_folds(y, np.arange(len(y)), 3, 0))
    return score_held_out(torch.from_numpy(x), torch.from_numpy(y)[None], k, splits, penalties), splits


@pytest.mark.parametrize("name", CASES)
def test_every_fit_is_scikit_learns(name: str) -> None:
    x, y, k = _data(name)
    ours, splits = _solved(x, y, k)
    for at, penalty in enumerate(GRID):
        for stream in range(x.shape[1]):
            difference = []
            for fold, (train, test) in enumerate(splits):
                reference = probabilities(x[train, stream], y[train], x[test, stream], k, penalty)
                where = (at, stream, fold, 0, slice(len(test)))
                log_likelihood = np.log(reference[np.arange(len(test)), y[test]])
                difference.append(ours.log_likelihood[where].numpy() - log_likelihood)
                top = np.sort(reference, axis=1)
                # Two labels that share the first place may come out either way; weak penalties leave W looser.
                decided = top[:, -1] - top[:, -2] > (1e-3 if penalty >= 0.03 else 2e-2)
                assert decided.mean() > 0.5
                assert np.array_equal(ours.predicted[where].numpy()[decided], reference.argmax(1)[decided])
                assert abs(difference[-1].mean()) < 3e-3
            assert abs(np.concatenate(difference).mean()) < 1e-3


@pytest.mark.parametrize("name", ["collinear features", "two labels"])
def test_a_finer_tolerance_brings_every_item_closer(name: str) -> None:
    x, y, k = _data(name)
    train, test = splits_of(assign_folds(y, np.arange(len(y)), 3, 0))[0]
    reference = np.log(probabilities(x[train, 0], y[train], x[test, 0], k, 0.003)[np.arange(len(test)), y[test]])
    labels = torch.from_numpy(y)[None]
    worst = []
    for tolerance in (1e-4, 1e-6, 1e-8):
        precision = Precision(tolerance=tolerance)
        scored = score_held_out(torch.from_numpy(x), labels, k, [(train, test)], (0.003,), precision=precision)
        worst.append(float(np.abs(scored.log_likelihood[0, 0, 0, 0].numpy() - reference).max()))
    assert worst[0] > worst[1] > worst[2] and worst[2] < 1e-2


def test_the_order_of_the_penalties_is_the_callers() -> None:
    x, y, k = _data("two labels")
    falling, _ = _solved(x, y, k, (1.0, 0.1, 0.01))
    mixed, _ = _solved(x, y, k, (0.1, 0.01, 1.0))
    assert torch.equal(falling.log_likelihood[[1, 2, 0]], mixed.log_likelihood)


def test_training_folds_alone_set_the_units() -> None:
    x, y, _ = _data("wild scales")
    splits = splits_of(assign_folds(y, np.arange(len(y)), 4, 1))
    train, test = standardised(torch.from_numpy(x), Rows.of(splits, torch.device("cpu")), torch.float32)
    for stream in range(2):
        for fold, (fit, score) in enumerate(splits):
            row = stream * len(splits) + fold
            z_fit, z_score = standardise(x[fit, stream].astype(float), x[score, stream].astype(float))
            np.testing.assert_allclose(train[row, : len(fit)].numpy(), z_fit, atol=2e-4)
            np.testing.assert_allclose(test[row, : len(score)].numpy(), z_score, atol=2e-4)
            assert not train[row, len(fit) :].any() and not test[row, len(score) :].any()


def test_splits_of_unequal_length_are_padded_without_effect() -> None:
    x, y, k = _data("many labels")
    rng = np.random.default_rng(0)
    order = rng.permutation(len(y))
    uneven = [(order[:90], order[90:]), (order[40:], order[:40]), (order[:60], order[60:65])]
    features, labels = torch.from_numpy(x), torch.from_numpy(y)[None]
    together = score_held_out(features, labels, k, uneven, GRID)
    for fold, split in enumerate(uneven):
        alone = score_held_out(features, labels, k, [split], GRID)
        n = len(split[1])
        assert torch.equal(together.predicted[:, :, fold, :, :n], alone.predicted[:, :, 0])
        torch.testing.assert_close(
            together.log_likelihood[:, :, fold, :, :n], alone.log_likelihood[:, :, 0], atol=1e-2, rtol=0
        )
        assert (together.predicted[:, :, fold, :, n:] == -1).all()
        assert not together.log_likelihood[:, :, fold, :, n:].any()


def test_targets_solved_together_are_the_targets_solved_alone() -> None:
    x, y, k = _data("more items than dimensions")
    other = np.random.default_rng(3).permutation(y)
    splits = splits_of(assign_folds(y, np.arange(len(y)), 3, 0))
    features, labels = torch.from_numpy(x), torch.from_numpy(np.stack([y, other]))
    both = score_held_out(features, labels, k, splits, GRID)
    for target in range(2):
        alone = score_held_out(features, labels[target : target + 1], k, splits, GRID)
        torch.testing.assert_close(
            both.log_likelihood[:, :, :, target], alone.log_likelihood[:, :, :, 0], atol=1e-3, rtol=0
        )


def test_a_label_that_training_lacks_is_never_predicted_and_costs_one_item_more() -> None:
    x, y, k = _data("many labels")
    train, test = np.flatnonzero(y != 5), np.flatnonzero(y == 5)
    scored = score_held_out(torch.from_numpy(x), torch.from_numpy(y)[None], k, [(train, test)], GRID)
    assert not (scored.predicted == 5).any()
    torch.testing.assert_close(
        scored.log_likelihood, torch.full_like(scored.log_likelihood, -float(np.log(len(train) + 1)))
    )


def test_training_items_of_one_label_leave_it_certain() -> None:
    x, y, _ = _data("two labels")
    train, test = np.flatnonzero(y == 1)[:20], np.array([*np.flatnonzero(y == 1)[20:], *np.flatnonzero(y == 0)[:5]])
    scored = score_held_out(torch.from_numpy(x), torch.from_numpy(y)[None], 2, [(train, test)], GRID)
    assert (scored.predicted == 1).all()
    expected = torch.from_numpy(np.where(y[test] == 1, 0.0, -np.log(21))).float()
    torch.testing.assert_close(scored.log_likelihood, expected.expand_as(scored.log_likelihood))


def test_a_stream_that_does_not_finish_is_solved_again_in_double_precision() -> None:
    x, y, k = _data("two labels")
    splits = splits_of(assign_folds(y, np.arange(len(y)), 3, 0))
    features, labels = torch.from_numpy(x), torch.from_numpy(y)[None]
    full = score_held_out(features, labels, k, splits, GRID)
    cut_short = score_held_out(features, labels, k, splits, GRID, precision=Precision(max_iterations=1))
    assert full.n_refined == 0 and cut_short.n_refined == 2
    torch.testing.assert_close(full.log_likelihood, cut_short.log_likelihood, atol=0.1, rtol=0)


def test_progress_counts_streams_up_to_the_last() -> None:
    x, y, k = _data("two labels")
    splits = splits_of(assign_folds(y, np.arange(len(y)), 2, 0))
    seen: list[tuple[int, int]] = []
    score_held_out(
        torch.from_numpy(x), torch.from_numpy(y)[None], k, splits, (1.0,),
        chunk=1, progress=lambda done, total: seen.append((done, total)),
    )  # fmt: skip
    assert seen == [(1, 2), (2, 2)]


def test_fits_on_few_items_are_solved_on_the_cpu_and_on_many_beside_the_activations() -> None:
    gpu, cpu = torch.device("cuda", 0), torch.device("cpu")
    few, many = (Rows.of([(np.arange(n), np.arange(5))], cpu) for n in (FEW_ITEMS, FEW_ITEMS + 1))
    assert solver_device(gpu, few) == cpu and solver_device(gpu, many) == gpu and solver_device(cpu, many) == cpu
