"""From prompts of unequal length to one rectangle: padding, mask and position ids are decided here, once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from strata.probes.arguments.whole_numbers import as_whole_number
from strata.probes.errors import StrataError
from strata.probes.prompts.prompt import Prompt

Side = Literal["right", "left"]


@dataclass(frozen=True)
class Batch:
    ids: Int[Tensor, "item token"]
    """Token ids; padded places hold the checkpoint's pad id."""
    mask: Int[Tensor, "item token"]
    """1 at real tokens."""
    position_ids: Int[Tensor, "item token"]
    """0 at each row's first real token, whatever the padding side: learned positions depend on it."""
    start: Int[Tensor, " item"]
    """Column of each row's first real token: add it to an index into unpadded ids."""

    @property
    def padded(self) -> bool:
        return not bool(self.mask.all())

    def to(self, device: torch.device) -> Batch:
        return Batch(*(t.to(device) for t in (self.ids, self.mask, self.position_ids, self.start)))


def tokens_a_batch(given: int | None, device: torch.device, defaults: Mapping[str, int]) -> int:
    """`given`, or the default of the kind of device (what isn't named is taken for a GPU). Raises StrataError below 1."""
    require_batch_tokens(given)
    return given or defaults.get(device.type, defaults["cuda"])


def require_batch_tokens(given: object) -> None:
    """Raises StrataError for what is no number of tokens; None stands for one that Strata finds."""
    if given is not None and (as_whole_number(given) or 0) < 1:
        raise StrataError(f"batch_tokens is {given!r}", "Give a whole number of at least 1, or leave it out")


def pad(prompts: Sequence[Prompt], pad_id: int, side: Side = "right") -> Batch:
    """One batch of `prompts`. With right padding no real token can see a pad, so a causal model needs no mask."""
    if not prompts:
        raise ValueError("a batch needs at least one prompt")
    longest = max(len(prompt.ids) for prompt in prompts)
    ids = torch.full((len(prompts), longest), pad_id, dtype=torch.long)
    mask = torch.zeros_like(ids)
    start = torch.zeros(len(prompts), dtype=torch.long)
    for row, prompt in enumerate(prompts):
        first = longest - len(prompt.ids) if side == "left" else 0
        ids[row, first : first + len(prompt.ids)] = torch.tensor(prompt.ids, dtype=torch.long)
        mask[row, first : first + len(prompt.ids)] = 1
        start[row] = first
    return Batch(ids, mask, (mask.cumsum(-1) - 1).clamp(min=0), start)


def locate_positions(
    prompts: Sequence[Prompt], names: Sequence[str], batch: Batch
) -> tuple[Int[Tensor, "item position"], Bool[Tensor, "item position"]]:
    """(columns in the padded rows, which of them the prompt really has).

    A prompt without a named position gets its last token's column and False: read, then thrown away.
    """
    where = torch.zeros(len(prompts), len(names), dtype=torch.long)
    present = torch.zeros(len(prompts), len(names), dtype=torch.bool)
    for row, prompt in enumerate(prompts):
        for column, name in enumerate(names):
            index = prompt.positions.get(name)
            present[row, column] = index is not None
            where[row, column] = len(prompt.ids) - 1 if index is None else index
    return where + batch.start.cpu()[:, None], present
