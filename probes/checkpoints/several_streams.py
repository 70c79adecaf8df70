"""Architectures whose blocks hand on several streams a token: read as one stream of their joint width, one again at the end."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

_COUNTS = ("hc_mult", "hc_count", "altup_num_inputs")


def n_streams_of(config: Any, block: nn.Module) -> int:
    """How many streams a token has in a model of such blocks."""
    if not any(hasattr(block, name) for name in ("attn_hc", "attn_hyper_connection", "altup")):
        return 1
    return next(int(count) for count in (getattr(config, name, None) for name in _COUNTS) if count)


def joining(body: Any, n_streams: int) -> nn.Module | None:
    """What makes one stream of several behind the last block; None where there is one."""
    if n_streams == 1:
        return None
    if hasattr(body, "hc_head"):  # DeepSeek 4, Hunyuan 4
        return Joined(body.hc_head, n_streams)
    if hasattr(body, "hyper_connection_mixer"):  # Qwen 4
        return Joined(body.hyper_connection_mixer, None)
    if hasattr(body, "altup_unembed_projections"):  # Gemma 3n
        return JoinedAltUp(body.altup_unembed_projections)
    return None


class Joined(nn.Module):
    """A model's own module, called with rows of any shape."""

    def __init__(self, module: nn.Module, n_streams: int | None) -> None:
        """`n_streams`: into how many the joint width is taken apart first; None: into none."""
        super().__init__()
        self.module, self.n_streams = module, n_streams

    def forward(self, h: Float[Tensor, "*row joint"]) -> Float[Tensor, "*row d_model"]:
        rows = h.reshape(1, -1, h.shape[-1])
        given = rows if self.n_streams is None else rows.reshape(1, rows.shape[1], self.n_streams, -1)
        one: Tensor = self.module(given)
        return one.reshape(*h.shape[:-1], one.shape[-1])


class JoinedAltUp(nn.Module):
    """The mean of the first stream and of the others' projections, each scaled to the first one's size (Gemma 3n)."""

    def __init__(self, projections: nn.ModuleList) -> None:
        super().__init__()
        self.projections = projections

    def forward(self, h: Float[Tensor, "*row joint"]) -> Float[Tensor, "*row d_model"]:
        first, *others = h.reshape(*h.shape[:-1], len(self.projections) + 1, -1).unbind(-2)
        size = first.square().mean(-1, keepdim=True).sqrt()
        parts = [first]
        for projection, stream in zip(self.projections, others, strict=True):
            projected = projection(stream)
            own = projected.square().mean(-1, keepdim=True).clamp(min=1e-5).sqrt()
            parts.append(projected * size / own)
        return torch.stack(parts).mean(0)
