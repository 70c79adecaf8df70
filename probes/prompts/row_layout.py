"""How prompts lie in the rows of one run: each in a row of its own, or all in one row in which a shared beginning stands once.

A causal model does the same with the same tokens before them. The two prompts of a minimal pair begin alike, and so do
prompts that open with the same examples; laid out as a tree they cost a model only what they have to themselves, and no
pads. The mask lets every token see its own prompt's tokens and no others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from strata.probes.prompts.batching import pad
from strata.probes.prompts.prompt import Prompt


@dataclass(frozen=True)
class Layout:
    ids: Int[Tensor, "row column"]
    rows: Int[Tensor, " prompt"]
    """Where each prompt's last token stands."""
    columns: Int[Tensor, " prompt"]
    position_ids: Int[Tensor, "row column"] | None = None
    sees: Bool[Tensor, "row one column column"] | None = None
    """Whether a token (third axis) sees another one; None: every one before it."""
    mask: Int[Tensor, "row column"] | None = None
    """1 at the tokens of rows that are padded; None where no row has pads, or `sees` says it all."""


def apart(prompts: Sequence[Prompt], pad_id: int) -> Layout:
    """A row each, padded on the right, where no token sees a pad."""
    batch = pad(prompts, pad_id, "right")
    # No pad id: a model may warn of it, and what nobody sees may as well be a word.
    ids = torch.where(batch.mask.bool(), batch.ids, batch.ids[:, :1])
    mask = batch.mask if batch.padded else None
    return Layout(ids, torch.arange(len(prompts)), batch.mask.sum(1) - 1, batch.position_ids, mask=mask)


class Tree:
    """Prompts laid into one row, one after another; a beginning that is there already is not laid out again."""

    def __init__(self) -> None:
        self._nodes: dict[tuple[int, int], int] = {}
        self._before: list[int] = []
        self._last: list[int] = []

    def __len__(self) -> int:
        """Tokens of the row."""
        return len(self._before)

    def adds(self, prompts: Sequence[Prompt]) -> int:
        """Tokens by which `prompts` would lengthen the row."""
        new: dict[tuple[int, int], int] = {}
        for prompt in prompts:
            node = -1
            for token in prompt.ids:
                known = self._nodes.get((node, token))
                node = known if known is not None else new.setdefault((node, token), len(self) + len(new))
        return len(new)

    def add(self, prompt: Prompt) -> None:
        node = -1
        for token in prompt.ids:
            if (node, token) not in self._nodes:
                self._nodes[node, token] = len(self._before)
                self._before.append(node)
            node = self._nodes[node, token]
        self._last.append(node)

    def layout(self) -> Layout:
        """The row. Raises ValueError when no prompt was added."""
        if not self._last:
            raise ValueError("a row needs at least one prompt")
        size = len(self)
        sees = torch.zeros(size, size, dtype=torch.bool)
        depth = torch.zeros(size, dtype=torch.long)
        for node, before in enumerate(self._before):
            if before >= 0:
                sees[node] = sees[before]
                depth[node] = depth[before] + 1
            sees[node, node] = True
        ids = torch.tensor([token for _, token in self._nodes])
        return Layout(
            ids[None], torch.zeros(len(self._last), dtype=torch.long), torch.tensor(self._last), depth[None],
            sees[None, None],
        )  # fmt: skip


def together(prompts: Sequence[Prompt]) -> Layout:
    """One row for all of `prompts`, in which what some of them begin with alike stands once."""
    tree = Tree()
    for prompt in prompts:
        tree.add(prompt)
    return tree.layout()
