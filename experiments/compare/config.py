"""What `compare` is asked to do. Everything here decides numbers, so everything here is part of a run's identity."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from strata.experiments.generated_answers.problems import SPLITS, Split
from strata.experiments.locate.config import LocateConfig
from strata.probes.errors import StrataError
from strata.probes.model_diff.cross_model_patching import EVERY
from strata.probes.model_diff.layer_swaps import SWEEPS, Sweep


@dataclass(frozen=True)
class CompareConfig:
    locate: LocateConfig = field(default_factory=LocateConfig)
    """How retrieval and reasoning are located in each of the models."""
    swap_pairs: int = 24
    """Minimal pairs of each kind that layer swaps and cross-model patches are scored on; 0: neither is made."""
    swap_sweeps: tuple[Sweep, ...] = ("nothing", "everything", "prefix", "suffix", "single")
    """Which blocks are taken from the other model."""
    swap_stride: int = 1
    """Blocks by which prefixes and suffixes grow."""
    both_ways: bool = True
    """Whether parts of the base are put into the other models as well, beside theirs into the base."""
    crossed_positions: tuple[str, ...] = ("last", "all")
    """Position groups at which contributions of one model are written into another."""
    transferred: int = 3
    """Families of each kind whose answer probes are carried over: those with the most items that both models answer."""
    generated: int = 8
    """Items of each asked family whose answers are generated, chain of thought included; 0: none."""
    generated_splits: tuple[Split, ...] = ("test", "harder", "other")
    """Which problems: of trained families, harder than trained on, of families never trained on."""
    generated_tokens: int = 256
    """At most how many tokens a generated answer has, its chain of thought included."""
    generated_swap_parts: int = 4
    """Stretches of blocks that layer swaps with generated answers are made of; below 2: none."""
    contrast_items: int = 24
    """Items of each kind that every model is asked behind five instructions, for the four contrasts; 0: none."""
    temperature: float = 0.0
    """Of generated answers: 0 decodes greedily, above it they are drawn with the run's seed."""
    samples: int = 1
    """Draws of every generated answer, where they are drawn."""
    spectra: bool = True
    """Whether the spectrum of every changed matrix is measured beside its size."""

    def __post_init__(self) -> None:
        if (
            min(self.swap_pairs, self.generated, self.generated_swap_parts, self.transferred) < 0
            or self.swap_stride < 1
        ):
            raise StrataError(
                "--swap-pairs, --transferred, --generated and --generated-swap-parts can't be negative, and --swap-stride needs at least 1",
                "Give 0 to leave layer swaps, probe transfer or generated answers out",
            )
        if self.contrast_items < 0:
            raise StrataError("--contrast-items can't be negative", "Give 0 to leave the four contrasts out")
        if not self.crossed_positions or set(self.crossed_positions) - {"last", EVERY}:
            raise StrataError("Contributions are exchanged at `last` and at `all` positions", "Choose among these")
        if not self.generated_splits or set(self.generated_splits) - set(SPLITS[1:]):
            raise StrataError(
                f"--generated-splits is {','.join(self.generated_splits) or 'empty'}",
                f"Choose among: {', '.join(SPLITS[1:])}",
            )
        if not 0 <= self.temperature < math.inf:
            raise StrataError(f"--temperature is {self.temperature:g}", "Give 0 to decode greedily, or more to draw")
        if min(self.generated_tokens, self.samples) < 1:
            raise StrataError(
                "--generated-tokens and --samples need at least 1", "Give --generated 0 to generate no answers"
            )
        if self.samples > 1 and self.temperature == 0:
            raise StrataError(
                f"--samples is {self.samples}, but without --temperature every draw is the same",
                "Give a --temperature above 0, such as 0.6, or one sample",
            )
        unknown = [name for name in self.swap_sweeps if name not in SWEEPS]
        if unknown:
            raise StrataError(f"There is no layer-swap sweep {unknown[0]!r}", f"Choose among: {', '.join(SWEEPS)}")
        if not {"nothing", "everything"} <= set(self.swap_sweeps):
            raise StrataError(
                "Layer swaps need `nothing` and `everything`", "Add them: the others are read against them"
            )
