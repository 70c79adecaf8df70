"""May prompts share a row in this model? Asked of the model itself, because architectures place tokens in many ways."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.foreign_types import ForeignJson
from strata.probes.model_diff.body_run import BodyRun, run_body
from strata.probes.numerics.tolerance import differences, running_scale, tolerance_of
from strata.probes.prompts.prompt import Prompt
from strata.probes.prompts.row_layout import Layout, apart, together

_ATTENTION = frozenset({"sdpa", "eager"})
"""Attention implementations that take a mask of any form."""


def shares_rows(checkpoint: Checkpoint, prompts: Sequence[Prompt]) -> bool:
    """Whether `prompts` get the streams in one row that each gets in a row of its own.

    Tried on the prompts themselves and on one that lies across the whole row, which costs one forward pass of the shared
    row and one of at most four prompts alone. So give the longest row that will be made, with the longest prompt in it:
    what holds there holds in a shorter one. A model that looks back over a window shorter than a prompt shares no rows: its
    window would have to be cut into the shared row's mask block by block. Neither does one whose position embeddings change
    with the length of a prompt, once a prompt is that long, nor one that fails, in whatever way.
    """
    if not prompts or checkpoint.attention not in _ATTENTION:
        return False
    longest = max(len(prompt.ids) for prompt in prompts)
    # One row has one position embedding, that of its longest prompt.
    if shortest_window(checkpoint) < longest or checkpoint.is_stretched(longest):
        return False
    try:
        tried = [*prompts, _across(prompts)]
        shared = together(tried)
        chosen = _most_strained(tried, shared)
        alone = apart([tried[index] for index in chosen], checkpoint.pad_id)
        wanted = _ends(run_body(checkpoint, alone), alone)
        read = _ends(run_body(checkpoint, shared), shared)[:, chosen]
        _, relative = differences(read, wanted, running_scale(wanted))
    except Exception:
        # A body is foreign code: no position ids, masks of one form only, tables that are too short, too little memory.
        # Whatever it is, rows of their own are right, and an error that they share is raised by them.
        return False
    return relative <= tolerance_of(checkpoint.dtype).stream


def shortest_window(checkpoint: Checkpoint) -> float:
    """Tokens that the block with the shortest window looks back over, by the model's configuration; infinite without one.

    Every key that speaks of windows or chunks counts, because architectures name theirs in many ways; a key that means
    something else can only make the answer shorter than it is.
    """
    settings: ForeignJson = checkpoint.model.config.get_text_config().to_dict()
    skipped = {"sliding_window"} if settings.get("use_sliding_window", True) is False else set()
    windows = (
        size
        for name, value in settings.items()
        # `max_window_layers` and `sliding_window_pattern` count blocks.
        if ("window" in name or "chunk" in name) and not name.endswith(("layers", "pattern")) and name not in skipped
        for size in _sizes(value)
    )
    return min(windows, default=float("inf"))


def _sizes(value: Any) -> Iterator[float]:
    if isinstance(value, (list, tuple)):
        for element in value:
            yield from _sizes(element)
    elif isinstance(value, (int, float)) and not isinstance(value, bool) and value > 0:
        yield float(value)


def _across(prompts: Sequence[Prompt]) -> Prompt:
    """Begins where the row begins and goes on where it ends: as far apart as tokens of one prompt can lie."""
    longest = max(prompts, key=lambda prompt: len(prompt.ids))
    return Prompt("across", (prompts[0].ids[0], *longest.ids[:0:-1]))


def _most_strained(prompts: Sequence[Prompt], shared: Layout) -> list[int]:
    """Indices of the longest prompt, the one that ends the row, the most stretched one and the one that begins last."""
    assert shared.sees is not None
    first = shared.sees[0, 0, shared.columns].long().argmax(1)
    lengths = torch.tensor([len(prompt.ids) for prompt in prompts])
    return sorted({int(strain.argmax()) for strain in (lengths, shared.columns, shared.columns - first, first)})


def _ends(run: BodyRun, layout: Layout) -> Float[Tensor, "stream prompt d_model"]:
    rows, columns = layout.rows, layout.columns
    return torch.stack([h[rows.to(h.device), columns.to(h.device)].cpu() for h in run.streams])
