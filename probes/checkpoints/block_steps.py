"""What does a block do to the stream? A description: its steps, and where each of them can be read and replaced."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from torch import Tensor, nn

MixerKind = Literal["attention", "linear attention", "state space", "recurrence", "convolution", "whole block"]
ChannelKind = Literal["MLP", "mixture of experts"]
StepKind = MixerKind | ChannelKind


@dataclass(frozen=True)
class Place:
    """A tensor that passes by while a block runs."""

    module: nn.Module
    at: Literal["input", "output"]
    """The module's first argument, or what it returns (of a tuple the first element)."""
    axis: int | None = None
    """Along which the streams of a token lie side by side, where there are several; they are read as one of their joint width."""


@dataclass(frozen=True)
class Source:
    """A module whose output the block adds to the stream."""

    module: nn.Module
    scale: float = 1.0
    """What the block multiplies the output by first (Granite, MiniCPM 3, Falcon-H1)."""


@dataclass(frozen=True)
class Added:
    """A step that adds the outputs of modules: after it the stream is `keeps` · stream + Σ scale · output + `bias`."""

    kinds: tuple[StepKind, ...]
    """What the modules are, each once."""
    sources: tuple[Source, ...]
    before: Place | None = None
    """The stream before the step; needed only where `keeps` isn't 1."""
    keeps: float | Tensor = 1.0
    """What the block multiplies the stream by meanwhile: a number, or one a coordinate (Doge, Beam)."""
    bias: Tensor | None = None
    """Of the output, where the block adds it outside the module (GPT-NeoX Japanese)."""

    @property
    def rescales(self) -> bool:
        return isinstance(self.keeps, Tensor) or self.keeps != 1

    @property
    def is_exact(self) -> bool:
        """Whether it is one module's output as it is, so that a contribution put back where it was read changes no bit."""
        return len(self.sources) == 1 and self.sources[0].scale == 1 and not self.rescales and self.bias is None


@dataclass(frozen=True)
class Between:
    """A step that is told from outside: it adds what the stream is after it, minus what it was before.

    Blocks that normalise the stream itself (BERT), or whose modules return the stream with their output added (BLOOM).
    """

    kinds: tuple[StepKind, ...]
    before: Place
    after: Place
    """An output, so that what stands there can be replaced."""
    plus: Added | None = None
    """What an earlier step has added to the stream since `before` (OPT, Gemma 4)."""

    @property
    def is_exact(self) -> bool:
        return False


Step = Added | Between


@dataclass(frozen=True)
class BlockParts:
    block: nn.Module
    """Reads stream l, returns stream l+1."""
    mixer: Step | None
    """The step that brings in other tokens: what it adds is `attn_out`. None in a block without one (Nemotron-H)."""
    channel: Step | None
    """The step that works on each token by itself: what it adds is `mlp_out`. None in a block without one (Mamba)."""
    output_projection: nn.Module | None = None
    """Reads the heads' outputs side by side; None where there are no heads, or it has no known name."""
    axis: int | None = None
    """See `Place`: of what enters and leaves the block."""

    @property
    def entering(self) -> Place:
        return Place(self.block, "input", self.axis)

    @property
    def leaving(self) -> Place:
        return Place(self.block, "output", self.axis)

    def step(self, site: str) -> Step | None:
        """What writes `attn_out` or `mlp_out`."""
        return self.mixer if site == "attn_out" else self.channel


def sole_source(step: Step | None) -> Source | None:
    """The one module whose output, times its scale, is all that the step adds; None where it isn't so simple."""
    if not isinstance(step, Added) or len(step.sources) != 1 or step.rescales or step.bias is not None:
        return None
    return step.sources[0]


def written_by(step: Step | None) -> tuple[nn.Module, ...]:
    """The modules whose outputs say what a step adds."""
    if step is None:
        return ()
    return tuple(source.module for source in step.sources) if isinstance(step, Added) else (step.after.module,)


def kinds_of(blocks: Iterable[BlockParts]) -> tuple[tuple[StepKind, ...], tuple[StepKind, ...]]:
    """The kinds of mixers and of channel parts, each once, in depth order."""
    blocks = tuple(blocks)
    mixers = (kind for parts in blocks if parts.mixer for kind in parts.mixer.kinds)
    channels = (kind for parts in blocks if parts.channel for kind in parts.channel.kinds)
    return tuple(dict.fromkeys(mixers)), tuple(dict.fromkeys(channels))
