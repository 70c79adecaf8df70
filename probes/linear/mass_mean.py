"""What does the simplest linear read-out see? Class means against a shrunk within-class covariance (2310.06824)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from einops import rearrange
from jaxtyping import Float, Int
from torch import Tensor

from strata.probes.linear.held_out import HeldOut, Rows, Split, standardised


def mass_mean_logits(
    train: Float[Tensor, "problem item d_model"],
    mask: Float[Tensor, "problem item"],
    labels: Int[Tensor, "problem item"],
    n_labels: int,
    test: Float[Tensor, "problem test d_model"],
) -> Float[Tensor, "problem test label"]:
    """`z·Σ⁻¹μ_k − ½ μ_kᵀΣ⁻¹μ_k + log π_k`; for two labels its difference is `zᵀΣ⁻¹θ` up to a constant, θ = μ₁ − μ₀.

    Σ is the within-class covariance shrunk towards its mean variance by the Ledoit–Wolf weight. Labels without a training
    item get −inf.
    """
    one_hot = torch.nn.functional.one_hot(labels, n_labels).to(train) * mask.unsqueeze(-1)
    size = one_hot.sum(1)
    means = torch.bmm(one_hot.mT, train) / size.clamp_min(1).unsqueeze(-1)
    residual = (train - torch.bmm(one_hot, means)) * mask.unsqueeze(-1)
    covariance = shrunk_covariance(residual, mask.sum(1))
    directions = torch.cholesky_solve(means.mT, torch.linalg.cholesky(covariance))
    offset = -0.5 * (means.mT * directions).sum(1) + (size / mask.sum(1, keepdim=True)).log()
    return torch.bmm(test, directions) + offset.unsqueeze(1)


def shrunk_covariance(
    residual: Float[Tensor, "problem item d_model"], count: Float[Tensor, " problem"]
) -> Float[Tensor, "problem d_model d_model"]:
    """`(1 − w) S + w (tr S/d) I` with Ledoit–Wolf's w, from residuals that are already centred (zero in the padding).

    scikit-learn's `ledoit_wolf` takes one problem at a time, on the CPU; here are as many as streams, folds and targets.
    """
    d_model = residual.shape[2]
    n = count.view(-1, 1, 1)
    sample = torch.bmm(residual.mT, residual) / n
    variance = sample.diagonal(dim1=1, dim2=2).mean(1).view(-1, 1, 1)
    eye = torch.eye(d_model, dtype=residual.dtype, device=residual.device)
    squared = sample.square().sum((1, 2)).view(-1, 1, 1)
    distance = squared - d_model * variance.square()
    scatter = (residual.square().sum(2).square().sum(1).view(-1, 1, 1) / n - squared) / n
    weight = (scatter / distance.clamp_min(1e-30)).clamp(1e-4, 1)
    # Residuals that are all zero (every class one point) leave the identity, so that means alone decide.
    floor = torch.where(variance > 1e-12, weight * variance, torch.ones_like(variance))
    return (1 - weight) * sample + floor * eye


def score_mass_mean(
    x: Float[Tensor, "item stream d_model"], labels: Int[Tensor, "target item"], n_labels: int, splits: Sequence[Split]
) -> HeldOut:
    """The mass-mean probe on every stream x split x target, in the form the logistic probe reports (one penalty: none)."""
    rows = Rows.of(splits, x.device)
    mask = rows.train_mask
    likelihoods, predictions = [], []
    for stream in range(x.shape[1]):
        train, test = standardised(x[:, stream : stream + 1], rows, torch.float32)
        for_targets = [mass_mean_logits(train, mask, y[rows.train], n_labels, test) for y in labels]
        logits = rearrange(torch.stack(for_targets), "target split test label -> split target test label")
        y_test = rearrange(labels[:, rows.test], "target split test -> split target test")
        log_p = torch.log_softmax(logits, dim=-1).gather(-1, y_test.unsqueeze(-1)).squeeze(-1)
        unseen = -torch.log(mask.sum(1) + 1).view(-1, 1, 1)
        log_p = torch.where(torch.isneginf(log_p), unseen, log_p)
        keep = rows.test_mask.unsqueeze(1)
        likelihoods.append(log_p * keep)
        predictions.append(torch.where(keep > 0, logits.argmax(-1), -1))
    return HeldOut(torch.stack(likelihoods).unsqueeze(0), torch.stack(predictions).unsqueeze(0), 0.0, 0.0, 0)
