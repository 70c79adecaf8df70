"""At which stream does an item's answer become readable for good? "Never" is an answer.

Two definitions: `settled` asks for the top rank from there to the end, `above_null` only for a margin
over an unrelated answer of the same family that another item's prompt doesn't give, at three streams in a row.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

NEVER = -1
SETTLED, ABOVE_NULL = "settled", "above_null"
DEFINITIONS = {
    SETTLED: "first stream from which the answer is the most likely token at every stream up to the last",
    ABOVE_NULL: (
        "first of three streams in a row at which the answer stands further above an unrelated answer than in another item's prompt"
    ),
}


def settled(ranks: Int[Tensor, "item stream"], *, within: int = 0) -> Int[Tensor, " item"]:
    """First stream from which rank ≤ `within` holds up to the last stream; NEVER if it doesn't hold there."""
    good = (ranks >= 0) & (ranks <= within)
    held = good.flip(1).long().cumprod(1).sum(1)  # length of the unbroken run that ends at the last stream
    return torch.where(held > 0, ranks.shape[1] - held, NEVER)


def above_null(
    margin: Float[Tensor, "item stream"], elsewhere: Float[Tensor, "item stream"], *, run: int = 3
) -> Int[Tensor, " item"]:
    """First stream that starts `run` streams in a row with margin > elsewhere; NEVER if there is none. NaN is never above."""
    return first_run(margin > elsewhere, run)


def first_run(holds: Bool[Tensor, "item stream"], run: int) -> Int[Tensor, " item"]:
    """Where the first `run` consecutive true values begin; NEVER if there are none."""
    if run < 1:
        raise ValueError("a run has at least one stream")
    if holds.shape[1] < run:
        return torch.full((len(holds),), NEVER)
    starts = holds.unfold(1, run, 1).all(-1)
    return torch.where(starts.any(1), starts.long().argmax(1), NEVER)
