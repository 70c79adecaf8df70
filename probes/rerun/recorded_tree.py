"""A batch recorded as the tree of its prompts: linear maps over the distinct tokens, attention in the rows they come from.

Few-shot prompts of a family share most of their tokens, and the two prompts of a pair all of them up to the one that differs.
"""

from __future__ import annotations

from typing import Any

import torch
from einops import rearrange
from jaxtyping import Float, Int
from torch import Tensor, nn

from strata.probes.backends.step_hooks import given_beside, stream_given
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.foreign_types import ForeignKwargs
from strata.probes.prompts.batching import Batch
from strata.probes.prompts.prompt_tree import PromptTree, tree_of
from strata.probes.rerun.shared_prefix import Recorder

_ALIKE = 1e-3
"""Two roundings of one number lie nearer, two positions further apart."""


class NoTreeError(Exception):
    """A body whose attention or arguments depend on where in its row a token stands: its prompts are run in a rectangle."""


class RowsOfTree:
    """A tree, and the mask of the rectangle that it stands for."""

    def __init__(self, tree: PromptTree, mask: Int[Tensor, "item token"]) -> None:
        self.tree = tree
        self.n_nodes, self.n_columns = tree.ids.shape[1], mask.shape[1]
        allowed = torch.ones(self.n_columns, self.n_columns, dtype=torch.bool).tril() & mask.bool()[:, None]
        added = torch.zeros(allowed.shape, dtype=torch.float32).masked_fill(~allowed, torch.finfo(torch.float32).min)
        self.mask: Float[Tensor, "item one token token"] = added[:, None]

    def entered(self, block: nn.Module, args: tuple[Any, ...], kwargs: ForeignKwargs) -> None:
        """A hook of the first block. Raises NoTreeError where it is given other things for a token because of where in its row it stands."""
        stream = stream_given(block, args, kwargs)
        self._require_alike("hidden_states", stream[0])
        beside, named = given_beside(block, args, kwargs)
        self.arguments(beside)
        self.named_arguments(named)

    def arguments(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """What a block was given beside the stream, as if for the rectangle."""
        return tuple(self._in_rows("an unnamed argument", value) for value in args)

    def named_arguments(self, kwargs: ForeignKwargs) -> ForeignKwargs:
        return {name: self._in_rows(name, value) for name, value in kwargs.items()}

    def _in_rows(self, name: str, value: Any) -> Any:
        if isinstance(value, tuple):
            return tuple(self._in_rows(name, part) for part in value)
        if not isinstance(value, Tensor) or self.n_nodes not in value.shape:
            return value
        if value.ndim == 4 and value.shape[-1] == self.n_nodes:  # a mask, which whoever calls the block brings
            return None
        if name == "cache_position" and value.ndim == 1:
            return torch.arange(self.n_columns, device=value.device)
        if value.ndim in (2, 3) and value.shape[:2] == (1, self.n_nodes):
            self._require_alike(name, value[0])
            return self.tree.laid_out(value[0])
        raise NoTreeError(name)

    def _require_alike(self, name: str, values: Float[Tensor, " node *width"]) -> None:
        """Before the first block a token is its id and its position: a body that counts positions by itself shows here."""
        one, other = (values[nodes.to(values.device)].float() for nodes in self.tree.twins)
        if not torch.allclose(one, other, rtol=_ALIKE, atol=_ALIKE, equal_nan=True):
            raise NoTreeError(name)


def rows_of_tree(checkpoint: Checkpoint, batch: Batch) -> RowsOfTree | None:
    """The batch as a tree; None where there is none, where tokens meet elsewhere than in attention, or where rows of its length are embedded otherwise than short ones.

    Nodes share one row, and so one position embedding: long rope and dynamic scaling ask for the length of each prompt by itself.
    """
    tree = tree_of(batch)
    if (
        tree is None
        or not checkpoint.anatomy.only_attention
        or checkpoint.is_stretched(max(batch.ids.shape[1], tree.ids.shape[1]))
    ):
        return None
    return RowsOfTree(tree, batch.mask)


class TreeRecorder(Recorder):
    """A `Recorder` of the rectangle, whose attention is handed the nodes of its tree."""

    def __init__(self, rows: RowsOfTree) -> None:
        super().__init__()
        self._rows = rows
        self._mask: Tensor | None = None
        self._plain: Tensor | None = None

    def __call__(
        self,
        module: nn.Module,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        attention_mask: Tensor | None,
        **options: Any,
    ) -> tuple[Tensor, None]:
        if attention_mask is None or attention_mask is not self._plain:
            self._plain = _plain(attention_mask)
        if self._mask is None or self._mask.device != query.device:
            self._mask = self._rows.mask.to(query.device)
        q, k, v = (
            rearrange(self._rows.tree.laid_out(rearrange(part, "1 h n d -> n h d")), "b t h d -> b h t d")
            for part in (query, key, value)
        )
        output, _ = super().__call__(module, q, k, v, self._mask, **options)
        return self._rows.tree.taken_up(output)[None], None


def _plain(mask: Tensor | None) -> Tensor:
    """The mask, if a node may look at all before it: a window of tokens is counted along the row, where other prompts stand between.

    Raises NoTreeError for any other.
    """
    if mask is None or mask.ndim != 4 or len(mask) != 1:
        raise NoTreeError("mask")
    allowed = mask if mask.dtype == torch.bool else mask >= 0
    plain = torch.ones(allowed.shape[-2:], dtype=torch.bool, device=mask.device).tril()
    plain[:, 0] = False
    if not torch.equal(allowed[0, 0, 1:], plain[1:]):
        raise NoTreeError("mask")
    return mask
