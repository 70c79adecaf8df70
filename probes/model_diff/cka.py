"""How alike is the geometry of two models' streams over the same tokens? Debiased linear CKA.

Plain CKA of independent vectors is far from 0 where there are fewer items than dimensions; the debiased form isn't.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from strata.probes.errors import StrataError
from strata.probes.numerics.double_precision import exact

FEWEST_ITEMS = 4
_ROUNDING = 1e-12


def debiased_cka(x: Float[Tensor, "item width"], y: Float[Tensor, "item other_width"]) -> float:
    """`HSIC₁(K, L) / √(HSIC₁(K, K) HSIC₁(L, L))` of the linear kernels of `x` and `y`; at most 1, and 1 for `y = x`.

    CKA is 1905.00414's. HSIC₁ is the unbiased estimator with zeroed diagonals (Song et al. 2012; in CKA 2010.15327): its
    mean is 0 for independent sets, so small values of either sign are noise. Unmoved by rotations, shifts and overall
    scale of either set, and moved by a single large dimension: see `dominant`. Works in float64; memory is the smaller
    of items² and width².
    NaN where a set has no variation left. Raises StrataError for fewer than four items, unequal numbers of items
    and values that are not finite.
    """
    _check(x, y)
    x_centred, y_centred = _centred(x), _centred(y)
    own = _hsic(x_centred, x_centred) * _hsic(y_centred, y_centred)
    if own <= 0:
        return float("nan")
    return float(_hsic(x_centred, y_centred) / own**0.5)


def debiased_cka_of_subsets(
    x: Float[Tensor, "item width"], y: Float[Tensor, "item other_width"], kept: Bool[Tensor, "subset item"]
) -> Float[Tensor, " subset"]:
    """`debiased_cka` of the items that each row of `kept` keeps, from one pair of kernels; float64.

    For delete-one-cluster jackknives: time is subsets × items², memory items². NaN where a set has no variation left.
    Raises StrataError as `debiased_cka` does, and for a subset of fewer than four items.
    """
    _check(x, y)
    return _of_subsets(_Kernel(x, kept), _Kernel(y, kept))


@dataclass(frozen=True)
class Contrasts:
    """Debiased CKA by subset of the items and stream, of the states behind two kinds of prompt at the same final token."""

    fast_slow: Float[Tensor, "subset stream"]
    """Answering straight away against reasoning first."""
    fast_fast: Float[Tensor, "subset stream"]
    """Answering straight away behind two instructions: how much other words alone takes away."""
    slow_slow: Float[Tensor, "subset stream"]
    """Reasoning first behind two instructions."""
    fast_other: Float[Tensor, "subset stream"]
    """Answering straight away against as much reasoning with another next token (answer in French)."""
    excess: Float[Tensor, "subset stream"]
    """`fast_other − fast_slow`: only what the first contrast falls below the fourth is evidence of reasoning."""


def four_contrasts(
    fast: Float[Tensor, "item stream d_model"],
    fast_reworded: Float[Tensor, "item stream d_model"],
    slow: Float[Tensor, "item stream d_model"],
    slow_reworded: Float[Tensor, "item stream d_model"],
    other: Float[Tensor, "item stream d_model"],
    kept: Bool[Tensor, "subset item"],
) -> Contrasts:
    """The four contrasts that a fall of similarity between fast and slow prompts has to be read against, float64.

    Every set holds the same questions in the same order, read at the question's final token; each row of `kept` says
    which of them count. A fall that the templates, or another next token, bring about as well says nothing about
    reasoning (the claim tested: 2507.18178). Raises StrataError as `debiased_cka_of_subsets` does.
    """
    by_stream = []
    for stream in range(fast.shape[1]):
        sets = [activations[:, stream] for activations in (fast, fast_reworded, slow, slow_reworded, other)]
        for activations in sets[1:]:
            _check(sets[0], activations)
        kernels = [_Kernel(activations, kept) for activations in sets]
        pairs = ((0, 2), (0, 1), (2, 3), (0, 4))
        by_stream.append(torch.stack([_of_subsets(kernels[first], kernels[second]) for first, second in pairs]))
    fast_slow, fast_fast, slow_slow, fast_other = torch.stack(by_stream, -1)
    return Contrasts(fast_slow, fast_fast, slow_slow, fast_other, fast_other - fast_slow)


class _Kernel:
    """A linear kernel with zeroed diagonal and what every subset of its items needs of it."""

    def __init__(self, x: Float[Tensor, "item width"], kept: Bool[Tensor, "subset item"]) -> None:
        centred = _centred(x)
        self.entries = (centred @ centred.T).fill_diagonal_(0)
        self.kept = exact(kept)
        self.rows = self.kept @ self.entries
        self.sums = (self.rows * self.kept).sum(1)
        self.own = self.hsic(self)

    def hsic(self, other: _Kernel) -> Float[Tensor, " subset"]:
        """HSIC₁ by subset; 0 where it is rounding, since a kernel without variation has none."""
        n = self.kept.sum(1)
        both = ((self.kept @ (self.entries * other.entries)) * self.kept).sum(1)
        rows = (self.kept * self.rows * other.rows).sum(1)
        estimate = both + self.sums * other.sums / ((n - 1) * (n - 2)) - 2 / (n - 2) * rows
        return torch.where(estimate.abs() > _ROUNDING * both.abs(), estimate, 0) / (n * (n - 3))


def _of_subsets(first: _Kernel, second: _Kernel) -> Float[Tensor, " subset"]:
    sizes = first.kept.sum(1)
    if float(sizes.min()) < FEWEST_ITEMS:
        raise StrataError(f"CKA needs {FEWEST_ITEMS} items, and a subset has {int(sizes.min())}", "Add items")
    own = first.own * second.own
    return torch.where((first.own > 0) & (second.own > 0), first.hsic(second) / own.clamp_min(0).sqrt(), torch.nan)


def _hsic(x: Float[Tensor, "item width"], y: Float[Tensor, "item other_width"]) -> float:
    """The unbiased estimator from centred features, whose kernels' rows sum to 0 before the diagonal is taken out."""
    n = len(x)
    size_x, size_y = x.square().sum(1), y.square().sum(1)
    both = float((size_x * size_y).sum())
    # ‖XᵀY‖² is the sum over all entries of K ∘ L: the smaller of both matrices is formed.
    few_items = n <= max(x.shape[1], y.shape[1])
    cross = float(((x @ x.T) * (y @ y.T)).sum() if few_items else (x.T @ y).square().sum())
    without_diagonal = cross - both
    sums = float(size_x.sum() * size_y.sum()) / ((n - 1) * (n - 2))
    return (without_diagonal + sums - 2 / (n - 2) * both) / (n * (n - 3))


def _centred(x: Float[Tensor, "item width"]) -> Float[Tensor, "item width"]:
    # Less an item first, so that items without variation become 0 and not rounding.
    wide = exact(x) - exact(x[0])
    return wide - wide.mean(0)


def _check(x: Tensor, y: Tensor) -> None:
    if len(x) != len(y):
        raise StrataError(f"{len(x)} items are compared with {len(y)}", "Give the same items in the same order")
    if len(x) < FEWEST_ITEMS:
        raise StrataError(f"CKA needs {FEWEST_ITEMS} items, and these are {len(x)}", "Add items")
    for values in (x, y):
        bad = int((~torch.isfinite(values).all(1)).sum())
        if bad:
            raise StrataError(f"{bad} activation(s) are not finite", "Capture in float32 or bfloat16")
