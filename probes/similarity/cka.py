"""How alike is the geometry of two models' streams over the same tokens? Debiased linear CKA.

Plain CKA of independent vectors is far from 0 where there are fewer items than dimensions; the debiased form isn't.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from probes.errors import StrataError

FEWEST_ITEMS = 4
Streams = Callable[[int], Float[Tensor, "item d_model"]]
"""Activations of one stream, item by item in the same order for every set: a tensor's column, or read from disk."""


def debiased_cka(x: Float[Tensor, "item width"], y: Float[Tensor, "item other_width"]) -> float:
    """`HSIC₁(K, L) / √(HSIC₁(K, K) HSIC₁(L, L))` of the linear kernels of `x` and `y`; at most 1, and 1 for `y = x`.

    HSIC₁ is the unbiased estimator with zeroed diagonals (Song et al. 2012; for CKA see 2010.15327): its mean is 0 for
    independent sets, so small values of either sign are noise. Unmoved by rotations, shifts and overall scale of
    either set. Works in float64; memory is the smaller of items² and width².
    NaN where a set has no variation left. Raises StrataError for fewer than four items, unequal numbers of items
    and values that are not finite.
    """
    _check(x, y)
    one, two = _centred(x), _centred(y)
    own = _hsic(one, one) * _hsic(two, two)
    if own <= 0:
        return float("nan")
    return float(_hsic(one, two) / own**0.5)


def cka_per_stream(x: Streams, y: Streams, n_streams: int) -> Float[Tensor, " stream"]:
    """`debiased_cka` of every stream, 0 to L; one stream of each set is held at a time. Float64."""
    return torch.tensor([debiased_cka(x(stream), y(stream)) for stream in range(n_streams)], dtype=torch.float64)


@dataclass(frozen=True)
class Contrasts:
    """Debiased CKA per stream of the states behind two kinds of prompt, at the same final token."""

    fast_slow: Float[Tensor, " stream"]
    """Answering at once against reasoning first."""
    fast_fast: Float[Tensor, " stream"]
    """Answering at once in two wordings: how much wording alone takes away."""
    slow_slow: Float[Tensor, " stream"]
    """Reasoning first in two wordings."""
    fast_other: Float[Tensor, " stream"]
    """Answering at once against as much reasoning with another next token (answer in French)."""
    excess: Float[Tensor, " stream"]
    """`fast_other − fast_slow`: only what the first contrast falls below the fourth is evidence of reasoning."""


def four_contrasts(
    fast: Streams, fast_reworded: Streams, slow: Streams, slow_reworded: Streams, other: Streams, n_streams: int
) -> Contrasts:
    """The four contrasts that a fall of similarity between fast and slow prompts has to be read against.

    Every set holds the same questions in the same order, read at the question's or the final token. A fall that the
    wordings, or another next token, bring about as well says nothing about reasoning (the claim tested: 2507.18178).
    """

    def alike(x: Streams, y: Streams) -> Float[Tensor, " stream"]:
        return cka_per_stream(x, y, n_streams)

    fast_slow, fast_other = alike(fast, slow), alike(fast, other)
    return Contrasts(
        fast_slow, alike(fast, fast_reworded), alike(slow, slow_reworded), fast_other, fast_other - fast_slow
    )


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
    wide = x.double()
    return wide - wide.mean(0)


def _check(x: Tensor, y: Tensor) -> None:
    if len(x) != len(y):
        raise StrataError(f"{len(x)} items are compared with {len(y)}", "Give the same items in the same order")
    if len(x) < FEWEST_ITEMS:
        raise StrataError(f"CKA needs {FEWEST_ITEMS} items, and these are {len(x)}", "Add items")
    for one in (x, y):
        bad = int((~torch.isfinite(one).all(1)).sum())
        if bad:
            raise StrataError(f"{bad} activation(s) are not finite", "Capture in float32 or bfloat16")
