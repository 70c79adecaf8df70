"""Prompts that begin alike, as a tree: every token that several of them share is there once, and no pad but one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from strata.probes.prompts.batching import Batch

_WORTHWHILE = 0.85
"""Largest share of a rectangle's places that a tree may have to be run instead."""
_MOST_NODES = 4096
"""A body spells out a mask of nodes × nodes."""


@dataclass(frozen=True)
class PromptTree:
    """The tokens of a padded batch, each once. Two places are one node where all tokens up to them are the same."""

    ids: Int[Tensor, "one node"]
    """Node 0 is a pad."""
    mask: Int[Tensor, "one node"]
    position_ids: Int[Tensor, "one node"]
    node: Int[Tensor, "item token"]
    """Which node stands in which place of the rectangle."""
    place: Int[Tensor, " node"]
    """One of each node's places, counted row by row."""
    twins: tuple[Int[Tensor, " twin"], Int[Tensor, " twin"]]
    """Nodes that are the same token at the same position, after other tokens: the first of them, and each of the others."""

    def laid_out(self, nodes: Float[Tensor, " node *width"], first: int = 0) -> Float[Tensor, "item token *width"]:
        """What was computed of the nodes in the places of the rectangle, from column `first` on."""
        return nodes[self.node[:, first:].to(nodes.device)]

    def taken_up(self, rows: Float[Tensor, "item token *width"]) -> Float[Tensor, " node *width"]:
        """What was computed in the rectangle, of each node once."""
        return rows.flatten(0, 1)[self.place.to(rows.device)]


def tree_of(batch: Batch) -> PromptTree | None:
    """The tree of a batch; None where it would hardly be smaller than the rectangle, or too large for one row.

    None too where it has no twins: by them a body shows that it takes a token's position from what it is told, not from the row.
    """
    most = min(_MOST_NODES, int(_WORTHWHILE * batch.ids.numel()))
    known: dict[tuple[int, int], int] = {}
    nodes: list[list[int]] = []
    places = [0]
    width = batch.ids.shape[1]
    for row, (ids, mask) in enumerate(zip(batch.ids.tolist(), batch.mask.tolist(), strict=True)):
        node, of_row = 0, []
        for column, (token, real) in enumerate(zip(ids, mask, strict=True)):
            if real:
                node = known.setdefault((node, token), len(known) + 1)
                if node == len(places):
                    places.append(row * width + column)
            else:
                places[0] = row * width + column
            of_row.append(node if real else 0)
        nodes.append(of_row)
        if len(places) > most:
            return None
    place = torch.tensor(places)
    ids, position_ids = batch.ids.flatten()[place], batch.position_ids.flatten()[place]
    twins = _twins(ids.tolist(), position_ids.tolist())
    if not len(twins):
        return None
    mask_of_nodes = torch.ones_like(place)
    mask_of_nodes[0] = 0
    return PromptTree(
        ids[None], mask_of_nodes[None], position_ids[None], torch.tensor(nodes), place, (twins[:, 0], twins[:, 1])
    )


def _twins(ids: Sequence[int], position_ids: Sequence[int]) -> Int[Tensor, "twin 2"]:
    first: dict[tuple[int, int], int] = {}
    keys = list(zip(ids, position_ids, strict=True))
    pairs = [(first.setdefault(keys[node], node), node) for node in range(1, len(keys))]
    return torch.tensor([pair for pair in pairs if pair[0] != pair[1]], dtype=torch.long).reshape(-1, 2)
