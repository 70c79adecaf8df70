"""Does one coordinate of the stream carry a similarity by itself? Dimensions that outweigh the rest, and the sets without them.

A few dimensions of a language model's stream, often one to three, are so much larger than the others that similarities
see little else (2109.04404; CKA can be moved at will by a few directions, 2210.16156).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from strata.probes.numerics.double_precision import exact

DOMINANT_SHARE = 0.1
"""From which share on a dimension is dominant: with a tenth of the variance of hundreds of dimensions it can outweigh all
others together in CKA, which weighs them by their squared variance."""

Of = Literal["variance", "length"]
"""What a share is of: the variance over items (what CKA sees) or the mean squared length (what a cosine sees)."""


@dataclass(frozen=True)
class Dominance:
    """What the largest dimensions of one stream hold in several sets of states."""

    shares: tuple[float, ...]
    """Share of the largest dimension, by set; NaN for a set that has nothing to share."""
    largest: tuple[int, ...]
    """Which dimension that is, by set."""
    dominant: tuple[int, ...]
    """Dimensions that are dominant in any of the sets, ascending."""


def least_share(width: int) -> float:
    """From which share on a dimension of `width` is dominant.

    `DOMINANT_SHARE`, and in narrow streams as much as it takes to outweigh, squared, all others with the rest shared
    evenly: there one dimension has a tenth without standing out.
    """
    return max(DOMINANT_SHARE, 1 / (1 + max(width - 1, 1) ** 0.5))


def dominance(sets: Sequence[Float[Tensor, "item d_model"]], of: Of = "variance") -> Dominance:
    """Shares and dominant dimensions of sets of one width, by raw coordinate."""
    sizes = [
        (exact(values).var(0, correction=0) if of == "variance" else exact(values).square().mean(0)) for values in sets
    ]
    shares = torch.stack([size / size.sum() for size in sizes])
    dominant = (shares >= least_share(shares.shape[1])).any(0).nonzero()[:, 0]
    top = shares.max(1)
    return Dominance(tuple(top.values.tolist()), tuple(top.indices.tolist()), tuple(dominant.tolist()))


def without_dimensions(x: Float[Tensor, "item d_model"], dimensions: Sequence[int]) -> Float[Tensor, "item d_model"]:
    """`x` with these coordinates at 0, which for inner products is the same as without them."""
    if not dimensions:
        return x
    left = x.clone()
    left[:, list(dimensions)] = 0
    return left
