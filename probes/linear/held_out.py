"""How well is each held-out item predicted at every stream and penalty? The batched solve over streams x splits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Float, Int
from torch import Tensor

from strata.probes.linear.logistic import TOLERANCE, Fit, Kernel, allowed_gap, solve_path

Split = tuple[np.ndarray, np.ndarray]
"""(train, test) item indices."""

CPU_BUDGET = 96 * 2**20
DEVICE_BUDGET = 8 * 2**30
FEW_ITEMS = 512
"""Training items up to which fits are solved on the CPU wherever the activations lie: a GPU then waits for launches and for many small
decompositions. Measured with 96 items of width 4,096 at 33 streams: 20 s a target on one H200, 3.5 s on one CPU core."""
NEGLIGIBLE_SPREAD = 1e-6
"""A feature whose spread is below this share of its size is rounding noise: it counts as constant."""


@dataclass(frozen=True)
class Precision:
    """When a fit is finished."""

    tolerance: float = TOLERANCE
    """Estimated gap to the minimum, in nats per item, at which a fit stops; less for weak penalties."""
    max_iterations: int = 400
    """Per penalty; what has not converged then is solved again in float64 with ten times as many."""


@dataclass(frozen=True)
class HeldOut:
    """Scores of the test items of every split, one solve for all."""

    log_likelihood: Float[Tensor, "penalty stream split target test"]
    """Natural log of the probability given to the true label; padded with 0 beyond a split's own test items."""
    predicted: Int[Tensor, "penalty stream split target test"]
    """Most probable label; −1 in the padding."""
    gradient_norm: float
    """Largest Frobenius norm of the gradient over all fits."""
    gap: float
    """Largest estimated distance from the minimum over all fits, as a multiple of the gap allowed."""
    n_refined: int
    """Streams that were solved again in float64."""


@dataclass(frozen=True)
class Rows:
    """Index arrays of splits, padded to one length."""

    train: Int[Tensor, "split train"]
    train_mask: Float[Tensor, "split train"]
    test: Int[Tensor, "split test"]
    test_mask: Float[Tensor, "split test"]

    @staticmethod
    def of(splits: Sequence[Split], device: torch.device) -> Rows:
        train, train_mask = _padded([s[0] for s in splits])
        test, test_mask = _padded([s[1] for s in splits])
        return Rows(*(t.to(device) for t in (train, train_mask, test, test_mask)))


@dataclass(frozen=True)
class Standardised:
    """Features of every (stream, split) in units of its training rows; problems run over streams, then splits."""

    train: Float[Tensor, "problem train d_model"]
    """Training rows; padded ones are zero."""
    test: Float[Tensor, "problem test d_model"]
    """Test rows, in the same units."""
    centre: Float[Tensor, "problem d_model"]
    """Mean of the training rows, in the units of the activations."""
    scale: Float[Tensor, "problem d_model"]
    """Their spread; 1 for constant features."""


def standardised(
    x: Float[Tensor, "item stream d_model"], rows: Rows, dtype: torch.dtype
) -> tuple[Float[Tensor, "problem train d_model"], Float[Tensor, "problem test d_model"]]:
    """Train and test features of every (stream, split), in units of the training rows' mean and spread only.

    Constant features get scale 1. Padded rows are zero. Problems run over streams, then splits.
    """
    features = standardise(x, rows, dtype)
    return features.train, features.test


def standardise(x: Float[Tensor, "item stream d_model"], rows: Rows, dtype: torch.dtype) -> Standardised:
    """`standardised` with the units themselves."""
    mask = rows.train_mask.to(dtype)[None, :, :, None]
    count = mask.sum(2, keepdim=True)
    by_stream = rearrange(x, "item stream d_model -> stream item d_model").to(dtype)
    train, test = by_stream[:, rows.train], by_stream[:, rows.test]
    # The first row is taken off before averaging: outlier dimensions sit far from 0 and would eat the digits.
    origin = train[:, :, :1]
    train = (train - origin) * mask
    mean = train.sum(2, keepdim=True) / count
    train = (train - mean) * mask
    train -= train.sum(2, keepdim=True) / count * mask
    scale = (train.square().sum(2, keepdim=True) / count).sqrt()
    size = (mean + origin).abs()
    scale = torch.where(scale <= NEGLIGIBLE_SPREAD * size, torch.ones_like(scale), scale)
    scale = torch.where(scale == 0, torch.ones_like(scale), scale)
    test = (test - origin - mean) / scale * rows.test_mask.to(dtype)[None, :, :, None]
    return Standardised(
        rearrange(train / scale, "stream split train d_model -> (stream split) train d_model"),
        rearrange(test, "stream split test d_model -> (stream split) test d_model"),
        rearrange(mean + origin, "stream split 1 d_model -> (stream split) d_model"),
        rearrange(scale, "stream split 1 d_model -> (stream split) d_model"),
    )


def score_held_out(
    x: Float[Tensor, "item stream d_model"],
    labels: Int[Tensor, "target item"],
    n_labels: int,
    splits: Sequence[Split],
    penalties: Sequence[float],
    *,
    precision: Precision | None = None,
    chunk: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> HeldOut:
    """Fit every stream x split x target x penalty and score its test items.

    `chunk` is the number of streams solved together (found from the memory budget when None); results don't depend on it.
    A label that a training set lacks is scored as if it had been seen once among one more item.
    `progress(done, total)` counts streams.
    """
    precision = precision or Precision()
    rows = Rows.of(splits, x.device)
    n_streams = x.shape[1]
    chunk = chunk or streams_at_once(x, rows, labels.shape[0] * n_labels)
    parts: list[_Part] = []
    refined = 0
    for start in range(0, n_streams, chunk):
        part = x[:, start : start + chunk]
        scored = _score(part, labels, n_labels, rows, penalties, precision, torch.float32)
        stuck = torch.nonzero(scored.gap > 1).flatten().tolist()
        for index in stuck:
            again = _score(
                part[:, index : index + 1], labels, n_labels, rows, penalties,
                Precision(precision.tolerance, 10 * precision.max_iterations), torch.float64,
            )  # fmt: skip
            scored.put(index, again)
        refined += len(stuck)
        parts.append(scored)
        if progress is not None:
            progress(min(start + chunk, n_streams), n_streams)
    return HeldOut(
        torch.cat([p.log_likelihood for p in parts], dim=1),
        torch.cat([p.predicted for p in parts], dim=1),
        max(float(p.gradient_norm.max()) for p in parts),
        max(float(p.gap.max()) for p in parts),
        refined,
    )


@dataclass(frozen=True)
class _Part:
    log_likelihood: Float[Tensor, "penalty stream split target test"]
    predicted: Int[Tensor, "penalty stream split target test"]
    gradient_norm: Float[Tensor, " stream"]
    gap: Float[Tensor, " stream"]

    def put(self, index: int, part: _Part) -> None:
        self.log_likelihood[:, index] = part.log_likelihood[:, 0]
        self.predicted[:, index] = part.predicted[:, 0]
        self.gradient_norm[index] = part.gradient_norm[0]
        self.gap[index] = part.gap[0]


def _score(
    x: Tensor,
    labels: Tensor,
    n_labels: int,
    rows: Rows,
    penalties: Sequence[float],
    precision: Precision,
    dtype: torch.dtype,
) -> _Part:
    n_streams, n_splits = x.shape[1], rows.train.shape[0]
    train, test = standardised(x, rows, dtype)
    mask = rows.train_mask.to(dtype).repeat(n_streams, 1)
    y_train = rearrange(labels[:, rows.train], "target split item -> split target item").repeat(n_streams, 1, 1)
    y_test = rearrange(labels[:, rows.test], "target split item -> split target item").repeat(n_streams, 1, 1)
    device = solver_device(x.device, rows)
    fits = solve_path(
        Kernel.of(train, mask).to(device), y_train.to(device), n_labels, penalties,
        tolerance=precision.tolerance, max_iterations=precision.max_iterations,
    )  # fmt: skip
    cross, y_test = torch.bmm(test, train.mT).to(device), y_test.to(device)
    unseen = -torch.log(mask.sum(1) + 1).view(-1, 1, 1).to(device)
    test_mask = rows.test_mask.repeat(n_streams, 1).unsqueeze(1).to(device)

    def by_stream(t: Tensor) -> Tensor:
        return rearrange(t, "(stream split) ... -> stream split ...", split=n_splits)

    likelihoods, predictions = [], []
    for fit in fits:
        log_likelihood, predicted = _read(fit, cross, y_test, unseen)
        likelihoods.append(by_stream((log_likelihood * test_mask).float()))
        predictions.append(by_stream(torch.where(test_mask > 0, predicted, -1)))
    worst = (1, 2)
    gradients = [by_stream(f.gradient_norm).amax(worst) for f in fits]
    gaps = [by_stream(f.gap).amax(worst) / allowed_gap(f.penalty, precision.tolerance) for f in fits]
    return _Part(
        torch.stack(likelihoods).to(x.device),
        torch.stack(predictions).to(x.device),
        torch.stack(gradients).amax(0).float().to(x.device),
        torch.stack(gaps).amax(0).float().to(x.device),
    )


def _read(fit: Fit, cross: Tensor, y_test: Tensor, unseen: Tensor) -> tuple[Tensor, Tensor]:
    logits = fit.logits(cross)
    log_p = torch.log_softmax(logits, dim=2).gather(2, y_test.unsqueeze(2)).squeeze(2)
    return torch.where(torch.isneginf(log_p), unseen, log_p), logits.argmax(2)


def solver_device(device: torch.device, rows: Rows) -> torch.device:
    """Where the fits of these splits are solved: beside the activations, or on the CPU where training items are few."""
    return torch.device("cpu") if rows.train.shape[1] <= FEW_ITEMS else device


def streams_at_once(x: Tensor, rows: Rows, fits_per_split: int) -> int:
    """Streams whose kernels, features and histories fit in the budget (a cache-friendly one on a CPU)."""
    n_splits, n_train = rows.train.shape
    d_model = x.shape[2]
    square = n_train * (min(n_train, 2 * d_model) + rows.test.shape[1] + d_model)
    per_stream = 4 * n_splits * (square + 40 * fits_per_split * n_train)
    budget = CPU_BUDGET if solver_device(x.device, rows).type == "cpu" else DEVICE_BUDGET
    return max(1, min(x.shape[1], budget // per_stream))


def _padded(indices: Sequence[np.ndarray]) -> tuple[Tensor, Tensor]:
    longest = max(len(i) for i in indices)
    table = torch.zeros(len(indices), longest, dtype=torch.int64)
    mask = torch.zeros(len(indices), longest)
    for row, index in enumerate(indices):
        table[row, : len(index)] = torch.from_numpy(np.ascontiguousarray(index))
        mask[row, : len(index)] = 1
    return table, mask
