"""What `compare` is asked to do. Everything here decides numbers, so everything here is part of a run's identity."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from strata.experiments.distill.data import SPLITS, Split
from strata.experiments.locate.config import LocateConfig
from strata.probes.causal.cross_model import EVERY
from strata.probes.causal.grafts import SWEEPS, Sweep
from strata.probes.errors import StrataError


@dataclass(frozen=True)
class CompareConfig:
    locate: LocateConfig = field(default_factory=LocateConfig)
    """How retrieval and reasoning are located in each of the models."""
    graft_pairs: int = 24
    """Minimal pairs of each kind that grafts and cross-model patches are scored on; 0: neither is made."""
    graft_sweeps: tuple[Sweep, ...] = ("nothing", "everything", "prefix", "suffix", "single")
    """Which blocks are taken from the other model."""
    graft_stride: int = 1
    """Blocks by which prefixes and suffixes grow."""
    both_ways: bool = True
    """Whether parts of the base are put into the other models as well, beside theirs into the base."""
    crossed_positions: tuple[str, ...] = ("last", "all")
    """Position groups at which contributions of one model are written into another."""
    transferred: int = 3
    """Families of each kind whose answer probes are carried over: those with the most items that both models answer."""
    thoughts: int = 8
    """Items of each asked family that are answered in words, with thinking; 0: none."""
    thought_splits: tuple[Split, ...] = ("test", "harder", "other")
    """Which problems: of trained families, harder than trained on, of families never trained on."""
    thought_tokens: int = 256
    """At most how many tokens an answer in words has, its thinking included."""
    thought_grafts: int = 4
    """Stretches of blocks between which models are cut for grafts that are asked in words; below 2: none."""
    contrast_items: int = 24
    """Items of each kind that every model is asked behind five instructions, for the four contrasts; 0: none."""
    temperature: float = 0.0
    """Of answers in words: 0 decodes greedily, above it they are drawn with the run's seed."""
    samples: int = 1
    """Draws of every answer in words, where they are drawn."""
    spectra: bool = True
    """Whether the spectrum of every changed matrix is measured beside its size."""

    def __post_init__(self) -> None:
        if min(self.graft_pairs, self.thoughts, self.thought_grafts, self.transferred) < 0 or self.graft_stride < 1:
            raise StrataError(
                "--graft-pairs, --transferred, --thoughts and --thought-grafts can't be negative, and --graft-stride needs at least 1",
                "Give 0 to leave grafts, probe transfer or answers in words out",
            )
        if self.contrast_items < 0:
            raise StrataError("--contrast-items can't be negative", "Give 0 to leave the four contrasts out")
        if not self.crossed_positions or set(self.crossed_positions) - {"last", EVERY}:
            raise StrataError("Contributions are exchanged at `last` and at `all` positions", "Choose among these")
        if not self.thought_splits or set(self.thought_splits) - set(SPLITS[1:]):
            raise StrataError(
                f"--thought-splits is {','.join(self.thought_splits) or 'empty'}",
                f"Choose among: {', '.join(SPLITS[1:])}",
            )
        if not 0 <= self.temperature < math.inf:
            raise StrataError(f"--temperature is {self.temperature:g}", "Give 0 to decode greedily, or more to draw")
        if min(self.thought_tokens, self.samples) < 1:
            raise StrataError(
                "--thought-tokens and --samples need at least 1", "Give 0 --thoughts to ask nothing in words"
            )
        if self.samples > 1 and self.temperature == 0:
            raise StrataError(
                f"--samples is {self.samples}, but without --temperature every draw is the same",
                "Give a --temperature above 0, such as 0.6, or one sample",
            )
        unknown = [name for name in self.graft_sweeps if name not in SWEEPS]
        if unknown:
            raise StrataError(f"There is no graft sweep {unknown[0]!r}", f"Choose among: {', '.join(SWEEPS)}")
        if not {"nothing", "everything"} <= set(self.graft_sweeps):
            raise StrataError("Grafts need `nothing` and `everything`", "Add them: the others are read against them")
