"""Do two models' streams point the same way at the same tokens?"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from strata.probes.errors import StrataError
from strata.probes.numerics.double_precision import exact


def cosine_by_item(
    x: Float[Tensor, "item stream d_model"], y: Float[Tensor, "item stream d_model"]
) -> Float[Tensor, "item stream"]:
    """Cosine of each item's two vectors at every stream, float32; NaN where one of them is zero.

    A direction that all items share dominates it: read it beside CKA, which is centred. Means over items are the
    caller's, by cluster. Raises StrataError for sets of unlike shape.
    """
    if x.shape != y.shape:
        raise StrataError(
            f"Activations of shape {tuple(x.shape)} are compared with {tuple(y.shape)}",
            "Give the same items and streams of two models of one width",
        )
    first, second = exact(x), exact(y)
    sizes = torch.linalg.vector_norm(first, dim=-1) * torch.linalg.vector_norm(second, dim=-1)
    return ((first * second).sum(-1) / sizes).clamp(-1, 1).float()
