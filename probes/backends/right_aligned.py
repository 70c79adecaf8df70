"""Rows that begin in column 0, whatever side they came padded on: for models that a pad in front of a prompt would change.

A state or a convolution goes over pads, and positions that a body counts by itself begin with them. Behind the prompt no
token of a causal model sees them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from jaxtyping import Int
from torch import Tensor

from strata.probes.backends.contract import Activations, SiteEdit
from strata.probes.prompts.batching import Batch


def right_aligned(batch: Batch) -> Batch:
    """The same rows, each rolled so that its first token stands in column 0."""
    ids, mask, position_ids = (_rolled(part, batch.start) for part in (batch.ids, batch.mask, batch.position_ids))
    return Batch(ids, mask, position_ids, torch.zeros_like(batch.start))


def where_right_aligned(batch: Batch, where: Int[Tensor, "item position"]) -> Int[Tensor, "item position"]:
    """Columns of `batch` in its rolled rows."""
    return _moved(batch, where, batch.start)


def _moved(batch: Batch, where: Int[Tensor, "item position"], by: Int[Tensor, " item"]) -> Int[Tensor, "item position"]:
    return (where - by.to(where.device)[:, None]) % batch.ids.shape[1]


def edits_right_aligned(batch: Batch, edits: Sequence[SiteEdit]) -> list[SiteEdit]:
    return [
        replace(edit, where=_moved(batch, edit.where, batch.start[edit.items.to(batch.start.device)])) for edit in edits
    ]


def rolled_back(batch: Batch, found: Activations) -> Activations:
    """What was read of every column of rolled rows, in the columns of `batch`."""
    values = {site: _rolled(value, -batch.start) for site, value in found.values.items()}
    return Activations(values, None if found.logits is None else _rolled(found.logits, -batch.start))


def _rolled(rows: Tensor, by: Int[Tensor, " item"]) -> Tensor:
    """Each row moved to the left by its own number of columns, what falls out coming in again on the right."""
    by = by.to(rows.device)
    columns = (torch.arange(rows.shape[1], device=rows.device)[None] + by[:, None]) % rows.shape[1]
    return rows[torch.arange(len(rows), device=rows.device)[:, None], columns]
