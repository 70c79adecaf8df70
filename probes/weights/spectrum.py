"""Is a change of a matrix spread over all its directions, or does it sit in a few?"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

EXACT_SIDE = 1024
"""A Gram matrix of this side is 8 MB and its eigenvalues take a moment."""
_WHOLE_ELEMENTS = 1 << 24
_OVERSAMPLE = 16
_PASSES = 4


@dataclass(frozen=True)
class Spectrum:
    stable_rank: float
    """Squared Frobenius norm over squared largest singular value: 1 for a single direction, at most the rank."""
    top_share: float
    """Share of the squared Frobenius norm in the `top` largest singular values."""
    top: int
    """How many were counted: what was asked for, or all there are."""
    method: Literal["exact", "randomised"]
    """Exact for a side of at most 1,024; randomised values are too small rather than too large."""


def spectrum_of(
    chunks: Callable[[], Iterator[Float[Tensor, "rows columns"]]],
    shape: tuple[int, int],
    *,
    top: int = 16,
    seed: int = 0,
) -> Spectrum | None:
    """The spectrum of a matrix that is only ever seen in row chunks; None when the matrix is zero.

    `chunks` starts anew at every call and yields the rows in order. With at most 1,024 columns the Gram matrix is
    summed up and its eigenvalues are exact; so they are for at most 1,024 rows while the whole has at most 2²⁴
    elements. Larger matrices go through randomised subspace iteration on DᵀD (arXiv 0909.4061, algorithm 4.4) with
    `top` + 16 seeded directions and 4 passes over the rows before the Rayleigh–Ritz step, in memory for
    columns × (top + 16) float64. Ritz values never exceed the true ones. A low-rank change is found to single precision; pure
    noise, whose spectrum is flat, is the worst case: measured at 4,096 × 4,096 its top share comes out 11 % too small
    and its stable rank 11 % too large (at 28,672 × 8,192 13 % too large).
    """
    rows, columns = shape
    exact: Literal["exact", "randomised"] = "exact"
    if columns <= EXACT_SIDE:
        total, squares = _gram(chunks, columns)
    elif rows <= EXACT_SIDE and rows * columns <= _WHOLE_ELEMENTS:
        whole = torch.cat([chunk.double() for chunk in chunks()])
        total, squares = float(whole.square().sum()), torch.linalg.eigvalsh(whole @ whole.T)
    else:
        exact = "randomised"
        total, squares = _subspace(chunks, columns, min(top + _OVERSAMPLE, rows, columns), seed)
    if total == 0.0:
        return None
    largest = squares.clamp(min=0).sort(descending=True).values[: min(top, rows, columns)]
    return Spectrum(
        stable_rank=total / float(largest[0]),
        top_share=min(1.0, float(largest.sum()) / total),
        top=len(largest),
        method=exact,
    )


def _gram(chunks: Callable[[], Iterator[Tensor]], columns: int) -> tuple[float, Tensor]:
    gram = torch.zeros(columns, columns, dtype=torch.float64)
    for chunk in chunks():
        double = chunk.double()
        gram.addmm_(double.T, double)
    return float(gram.trace()), torch.linalg.eigvalsh(gram)


def _subspace(chunks: Callable[[], Iterator[Tensor]], columns: int, width: int, seed: int) -> tuple[float, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    basis = torch.randn(columns, width, dtype=torch.float64, generator=generator)
    for _ in range(_PASSES):
        single = torch.linalg.qr(basis).Q.float()
        # DᵀD times the basis in a single pass: neither D nor a product as tall as D is ever held. The basis only has
        # to point the right way, so single precision will do; sums over chunks are double.
        basis = torch.zeros_like(basis)
        for chunk in chunks():
            narrow = chunk.float()
            basis += (narrow.T @ (narrow @ single)).double()
    final = torch.linalg.qr(basis).Q.float()
    total, small = 0.0, torch.zeros(width, width, dtype=torch.float64)
    for chunk in chunks():
        flat = chunk.flatten().double()
        total += float(flat @ flat)
        seen = (chunk.float() @ final).double()
        small.addmm_(seen.T, seen)
    return total, torch.linalg.eigvalsh(small)
