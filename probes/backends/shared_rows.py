"""May prompts share a row in this model? Asked of the model itself, because architectures place tokens in many ways."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from probes.backends.body_run import BodyRun, run_body
from probes.backends.tolerance import differences, running_scale, tolerance_of
from probes.checkpoints.checkpoint import Checkpoint
from probes.layout import Layout, apart, together
from probes.prompts import Prompt

_ATTENTION = frozenset({"sdpa", "eager"})
"""Attention implementations that take a mask of any form."""
_N_TRIED = 4


def shares_rows(checkpoint: Checkpoint, longest: int) -> bool:
    """Whether prompts of up to `longest` tokens get the streams in one row that each gets in a row of its own.

    Tried on three short made-up prompts, which costs two forward passes. A model that looks back over a window shorter than
    `longest` shares no rows: its window would have to be cut into the shared row's mask block by block.
    """
    if checkpoint.attention not in _ATTENTION or _window(checkpoint) < longest:
        return False
    n = min(checkpoint.vocab_size, 2 * _N_TRIED)
    first, second = tuple(range(n // 2)), tuple(range(n // 2, n))
    tried = [Prompt("a", first + second), Prompt("b", first + second[::-1]), Prompt("c", second)]
    try:
        alone, shared = apart(tried, checkpoint.pad_id), together(tried)
        expected, found = run_body(checkpoint, alone), run_body(checkpoint, shared)
    except (TypeError, ValueError):
        # A body that takes no position ids, or a mask of one form only.
        return False
    read, wanted = _ends(found, shared), _ends(expected, alone)
    _, relative = differences(read, wanted, running_scale(wanted))
    return relative <= tolerance_of(checkpoint.dtype).stream


def _ends(run: BodyRun, layout: Layout) -> Float[Tensor, "stream prompt d_model"]:
    rows, columns = layout.rows, layout.columns
    return torch.stack([h[rows.to(h.device), columns.to(h.device)].cpu() for h in run.streams])


def _window(checkpoint: Checkpoint) -> float:
    config = checkpoint.model.config.get_text_config()
    windows = [getattr(config, name, None) for name in ("sliding_window", "attention_chunk_size")]
    if getattr(config, "use_sliding_window", True) is False:
        windows = windows[1:]
    return min((float(one) for one in windows if one), default=float("inf"))
