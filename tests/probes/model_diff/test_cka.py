"""Debiased CKA against its definition spelled out, and what it must be for the same, turned and independent sets."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from strata.probes.errors import StrataError
from strata.probes.model_diff.cka import debiased_cka, debiased_cka_of_subsets, four_contrasts


def gaussian(n: int, d: int, seed: int) -> Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed))


def spelled_out(x: Tensor, y: Tensor) -> float:
    """The formula on whole Gram matrices with their diagonals set to zero, in numpy."""

    def gram(z: Tensor) -> np.ndarray:
        centred = z.double().numpy() - z.double().numpy().mean(0)
        kernel = centred @ centred.T
        np.fill_diagonal(kernel, 0.0)
        return kernel

    def hsic(k: np.ndarray, m: np.ndarray) -> float:
        n, ones = len(k), np.ones(len(k))
        inner = np.trace(k @ m) + (ones @ k @ ones) * (ones @ m @ ones) / ((n - 1) * (n - 2))
        return float((inner - 2 / (n - 2) * (ones @ k @ m @ ones)) / (n * (n - 3)))

    k, m = gram(x), gram(y)
    return hsic(k, m) / (hsic(k, k) * hsic(m, m)) ** 0.5


def by_quadruples(x: Tensor, y: Tensor) -> float:
    """HSIC as the mean over all ordered quadruples of different items: unbiased by construction."""
    k, m = (z.double() @ z.double().T for z in (x, y))
    values = [
        float(k[a, b] * (m[a, b] + m[c, d] - 2 * m[a, c])) for a, b, c, d in permutations(range(len(x)), 4)
    ]  # fmt: skip
    return sum(values) / len(values)


@pytest.mark.parametrize("shape", [(9, 4, 4), (9, 30, 30), (9, 4, 30), (40, 12, 50)], ids=str)
def test_it_is_the_definition_on_whole_gram_matrices(shape: tuple[int, int, int]) -> None:
    n, d, other = shape
    x = gaussian(n, d, 1) + 5
    y = torch.cat([x, gaussian(n, other, 2)], 1)[:, :other] + 0.5 * gaussian(n, other, 3)
    assert debiased_cka(x, y) == pytest.approx(spelled_out(x, y), rel=1e-9)


def test_its_estimator_is_the_mean_over_quadruples_of_different_items() -> None:
    x, y = gaussian(7, 3, 1), gaussian(7, 3, 1) + gaussian(7, 3, 2)
    expected = by_quadruples(x, y) / (by_quadruples(x, x) * by_quadruples(y, y)) ** 0.5
    assert debiased_cka(x, y) == pytest.approx(expected, rel=1e-9)


@settings(max_examples=30, deadline=None)
@given(st.integers(5, 40), st.integers(2, 60), st.integers(0, 10_000))
def test_a_set_is_wholly_like_itself_turned_moved_and_scaled(n: int, d: int, seed: int) -> None:
    x = gaussian(n, d, seed).double()
    turn = torch.linalg.qr(gaussian(d, d, seed + 1).double())[0]
    assert debiased_cka(x, x) == 1.0
    assert debiased_cka(x, 3 * x @ turn + 7) == pytest.approx(1.0, abs=1e-9)
    y = gaussian(n, d, seed + 2)
    assert debiased_cka(x, y) == pytest.approx(debiased_cka(y, x), rel=1e-9, abs=1e-12)
    assert debiased_cka(x, y) <= 1.0


def test_independent_sets_are_unlike_where_plain_cka_calls_them_alike() -> None:
    pairs = [(gaussian(50, 576, 2 * seed), gaussian(50, 576, 2 * seed + 1)) for seed in range(40)]
    similarities = np.array([debiased_cka(x, y) for x, y in pairs])
    # With many dimensions it is the correlation of n (n − 1) / 2 nearly independent entries.
    expected = (50 * 49 / 2) ** -0.5
    assert abs(similarities.mean()) < 3 * expected / 40**0.5
    assert 0.7 < similarities.std() / expected < 1.3
    plain = []
    for x, y in pairs[:5]:
        k, m = ((z - z.mean(0)) @ (z - z.mean(0)).T for z in (x, y))
        plain.append(float((k * m).sum() / (k.norm() * m.norm())))
    assert np.mean(plain) == pytest.approx(0.92, abs=0.01)


def test_subsets_are_measured_as_if_there_were_no_other_items() -> None:
    x = gaussian(20, 30, 1) + 5
    y = x[:, :8] + gaussian(20, 8, 3)
    kept = torch.rand(12, 20, generator=torch.Generator().manual_seed(4)) < 0.6
    kept[0] = True
    expected = [debiased_cka(x[rows], y[rows]) for rows in kept]
    assert debiased_cka_of_subsets(x, y, kept).tolist() == pytest.approx(expected, rel=1e-9)
    assert debiased_cka_of_subsets(x, x, kept).tolist() == [1.0] * 12


def test_a_subset_without_variation_has_no_similarity_and_four_items_are_needed() -> None:
    x = torch.full((10, 3), 0.1)
    x[0], x[1] = 7.3, 5.1
    kept = torch.ones(2, 10, dtype=torch.bool)
    kept[1, :2] = False
    similarities = debiased_cka_of_subsets(x, x, kept)
    assert float(similarities[0]) == 1.0 and bool(similarities[1].isnan())
    assert np.isnan(debiased_cka(x[2:], x[2:]))
    kept[1, 1:8] = False
    with pytest.raises(StrataError, match="a subset has 2"):
        debiased_cka_of_subsets(x, x, kept)


def test_only_a_fall_that_another_next_token_does_not_bring_is_excess() -> None:
    fast = torch.stack([gaussian(60, 10, seed) for seed in range(2)], 1)
    template = [fast + 0.1 * torch.stack([gaussian(60, 10, 10 + seed)] * 2, 1) for seed in range(2)]
    next_token = torch.stack([gaussian(60, 10, 20)] * 2, 1)
    reasoning = torch.stack([torch.zeros(60, 10), gaussian(60, 10, 30)], 1)
    sets = (fast, template[0], fast + next_token + reasoning, template[1] + next_token + reasoning, fast + next_token)
    kept = torch.ones(2, 60, dtype=torch.bool)
    kept[1, :20] = False
    contrasts = four_contrasts(*sets, kept)
    assert bool((contrasts.fast_fast > 0.95).all()) and bool((contrasts.slow_slow > 0.95).all())
    assert bool((contrasts.fast_slow < 0.8).all())
    assert contrasts.excess[:, 0].tolist() == [0.0, 0.0] and bool((contrasts.excess[:, 1] > 0.1).all())
    named = {"fast_slow": (0, 2), "fast_fast": (0, 1), "slow_slow": (2, 3), "fast_other": (0, 4)}
    for name, (first, second) in named.items():
        for row, subset in enumerate(kept):
            expected = [debiased_cka(sets[first][subset, s], sets[second][subset, s]) for s in range(2)]
            assert getattr(contrasts, name)[row].tolist() == pytest.approx(expected, rel=1e-9), name
    with pytest.raises(StrataError, match="60 items are compared with 59"):
        four_contrasts(*sets[:4], sets[4][:59], kept)


def test_what_has_no_similarity_is_refused_or_undefined() -> None:
    x = gaussian(10, 4, 0)
    assert np.isnan(debiased_cka(x, torch.ones(10, 4)))
    broken = x.clone()
    broken[3, 1] = torch.inf
    for other, reason in ((x[:9], "9"), (broken, "not finite")):
        with pytest.raises(StrataError, match=reason):
            debiased_cka(x, other)
    with pytest.raises(StrataError, match="needs 4 items"):
        debiased_cka(x[:3], x[:3])
