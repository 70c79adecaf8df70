"""How the asked places leave a padded batch, and how edited ones enter it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from strata.probes.backends.contract import SiteEdit

Pick = Callable[[Float[Tensor, "item token width"]], Float[Tensor, "item position width"]]


def picker(where: Int[Tensor, "item position"] | None) -> Pick:
    """A function that copies the columns `where` of every row out of a padded tensor (None: every column)."""
    if where is None:
        return torch.clone
    # One index vector for the whole pass: gathering rows of the flattened batch beats two-index gathers.
    places: dict[tuple[torch.device, int], Tensor] = {}
    n_items, n_positions = where.shape

    def pick(h: Float[Tensor, "item token width"]) -> Float[Tensor, "item position width"]:
        key = (h.device, h.shape[1])
        if key not in places:
            rows = torch.arange(n_items)[:, None] * h.shape[1]
            places[key] = (where.cpu() + rows).reshape(-1).to(h.device)
        return h.reshape(-1, h.shape[-1]).index_select(0, places[key]).reshape(n_items, n_positions, h.shape[-1])

    return pick


def replaced(
    h: Float[Tensor, "item token d_model"],
    edits: Sequence[SiteEdit],
    *,
    beside: Float[Tensor, "item token d_model"] | None = None,
    scale: float = 1.0,
    nothing: bool = False,
) -> Float[Tensor, "item token d_model"]:
    """A copy of `h` with (values − `beside`) / `scale` in the places of every edit; zeros there where `nothing`.

    `scale`: what the block will multiply `h` by before adding it; `beside`: what it adds besides.
    """
    h = h.clone()
    for edit in edits:
        columns = edit.where.to(h.device)
        rows = edit.items.to(h.device)[:, None]
        values = torch.zeros_like(edit.values).to(h) if nothing else edit.values.to(h)
        if beside is not None:
            values = values - beside[rows, columns]
        h[rows, columns] = values / scale if scale != 1 else values
    return h
