"""Which share of the difference between two models comes over with a piece of one of them?"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True)
class Recovery:
    value: Float[Tensor, ...]
    """0 = the model that receives, 1 = the model that lends; NaN where `reason` says why."""
    reason: str | None
    """Why there is no value; None where there is one."""
    n_items: int | None = None
    """Items the ratio was formed over, where it was formed over items."""


def recovery(base: float, donor: float, grafted: Float[Tensor, ...], *, least: float) -> Recovery:
    """`(S_graft − S_base) / (S_donor − S_base)` of scores that are aggregated already (over clusters, say).

    A ratio over less than `least`, in the unit of the scores, would be noise over noise: it is NaN, with the reason.
    """
    whole = donor - base
    value = (grafted - base) / whole if whole else torch.full_like(grafted, torch.nan)
    if abs(whole) < least or not whole:
        reason = f"the two models' scores differ by {abs(whole):.3g}, less than {least:.3g}"
        return Recovery(torch.full_like(value, torch.nan), reason)
    return Recovery(value, None)


def normalised(
    shift: Float[Tensor, "item ..."], whole: Float[Tensor, " item"], *, least: float, fewest: int = 1
) -> Recovery:
    """`Σ ± shift / Σ |whole|` over the items on which the models differ by `least` or more.

    `shift`: how far a piece moved each item; `whole`: lender − receiver. Every item is turned so that its lender lies
    above, because models that differ in both directions would cancel otherwise. An item without a value at a piece
    (NaN) counts in neither sum there. NaN where fewer than `fewest` items are left.
    """
    differ = whole.abs() >= max(least, torch.finfo(whole.dtype).tiny)
    n_items = int(differ.sum())
    if n_items < fewest or n_items == 0:
        reason = f"the models differ by {least:.3g} or more on {n_items} item(s) of {len(whole)}"
        return Recovery(torch.full(shift.shape[1:], torch.nan, dtype=shift.dtype), reason, n_items)
    sizes = whole[differ].reshape(-1, *[1] * (shift.ndim - 1))
    moved = shift[differ] * sizes.sign()
    there = ~moved.isnan()
    return Recovery(moved.nansum(0) / (sizes.abs() * there).sum(0), None, n_items)
