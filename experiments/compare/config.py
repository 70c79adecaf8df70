"""What `compare` is asked to do. Everything here decides numbers, so everything here is part of a run's identity."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from strata.experiments.declared_setting import positive, setting, whole
from strata.experiments.generated_answers.problems import SPLITS, Split
from strata.experiments.generated_answers.prompting import PROMPTS, Prompting
from strata.experiments.locate.config import LocateConfig
from strata.probes.errors import StrataError

if TYPE_CHECKING:
    from strata.probes.model_diff.layer_swaps import Sweep


@dataclass(frozen=True)
class CompareConfig:
    locate: LocateConfig = field(default_factory=LocateConfig)
    """How retrieval and reasoning are located in each of the models."""
    swap_pairs: int = field(
        default=24,
        metadata=setting(
            "pairs of each kind that layer swaps and patches are scored on; 0: none", "comparing", whole, metavar="N"
        ),
    )
    """Minimal pairs of each kind that layer swaps and cross-model patches are scored on; 0: neither is made."""
    swap_sweeps: tuple[Sweep, ...] = ("nothing", "everything", "prefix", "suffix", "single")
    """Which blocks are taken from the other model."""
    swap_stride: int = field(
        default=1, metadata=setting("blocks by which a layer swap grows", "comparing", positive, metavar="N")
    )
    """Blocks by which prefixes and suffixes grow."""
    both_ways: bool = field(default=True, metadata=setting("also put parts of BASE into the other models", "comparing"))
    """Whether parts of the base are put into the other models as well, beside theirs into the base."""
    crossed_positions: tuple[str, ...] = field(
        default=("span", "last", "all"),
        metadata=setting(
            "where contributions are exchanged: span, last, all", "comparing", choices=("span", "last", "all")
        ),
    )
    """Position groups at which contributions of one model are written into another."""
    transferred: int = field(
        default=3,
        metadata=setting(
            "families of each kind whose answer probes are carried over; 0: none", "comparing", whole, metavar="N"
        ),
    )
    """Families of each kind whose answer probes are carried over: those with the most items that both models answer."""
    generated: int = field(
        default=8,
        metadata=setting(
            "problems of each family whose answers are generated, chain of thought included; 0: none",
            "comparing",
            whole,
            metavar="N",
        ),
    )
    """Items of each asked family whose answers are generated, chain of thought included; 0: none."""
    generated_splits: tuple[Split, ...] = field(
        default=("test", "harder", "other"),
        metadata=setting(
            "which problems: of trained families, harder ones, other families", "comparing", choices=SPLITS[1:]
        ),
    )
    """Which problems: of trained families, harder than trained on, of families never trained on."""
    generated_ways: tuple[Prompting, ...] = field(
        default=PROMPTS,
        metadata=setting(
            "in which ways BASE, and a model whose training isn't recorded, is asked: each is scored in its best one",
            "comparing", choices=PROMPTS,
        ),
    )  # fmt: skip
    """In which ways a model is asked whose training doesn't say it, and the base, beside the ways in which the others are asked."""
    generated_tokens: int = field(
        default=256,
        metadata=setting(
            "most tokens of a generated answer, chain of thought included; R1 models need thousands",
            "comparing",
            positive,
            metavar="N",
        ),
    )
    """At most how many tokens a generated answer has, its chain of thought included."""
    generated_swap_parts: int = field(
        default=4,
        metadata=setting(
            "stretches of blocks that layer swaps with generated answers are made of, as many as blocks: every one; below 2: none",
            "comparing",
            whole,
            metavar="N",
        ),
    )
    """Stretches of blocks that layer swaps with generated answers are made of; below 2: none."""
    behaviour: int = field(
        default=0,
        metadata=setting(
            "problems asked fast and slow in every model, beside confidence and pressure (strata behave); 0: none",
            "comparing",
            whole,
            metavar="N",
        ),
    )
    """Problems that every model is asked fast and slow, beside confidence and pressure, as `behave` does; 0: behaviour isn't compared."""
    steered: int = field(
        default=12,
        metadata=setting(
            "problems of each half on which the base is steered by what training changed in its streams; 0, or --generated 0: none",
            "comparing",
            whole,
            metavar="N",
        ),
    )
    """Problems behind a direction, that its stream is chosen on, and that it is judged on; 0: nothing is steered, nor where no answers are
    generated.
    """
    contrast_items: int = field(
        default=24,
        metadata=setting(
            "items of each kind asked behind five instructions (fast, slow, in French); 0: none",
            "comparing",
            whole,
            metavar="N",
        ),
    )
    """Items of each kind that every model is asked behind five instructions, for the four contrasts; 0: none."""
    temperature: float = field(
        default=0.0,
        metadata=setting("of generated answers; 0: the likeliest token each time", "comparing", float, metavar="T"),
    )
    """Of generated answers: 0 decodes greedily, above it they are drawn with the run's seed."""
    samples: int = field(
        default=1,
        metadata=setting("draws of every generated answer, with --temperature", "comparing", positive, metavar="N"),
    )
    """Draws of every generated answer, where they are drawn."""
    spectra: bool = field(default=True, metadata=setting("also the spectrum of every changed matrix", "comparing"))
    """Whether the spectrum of every changed matrix is measured beside its size."""

    @property
    def steers(self) -> bool:
        """Whether the base is steered: that needs problems with traces."""
        return self.steered > 0 and self.generated > 0

    def __post_init__(self) -> None:
        # Here, so that the terminal can name the settings without loading torch.
        from strata.probes.interventions.minimal_pairs import SPAN
        from strata.probes.model_diff.cross_model_patching import EVERY
        from strata.probes.model_diff.layer_swaps import SWEEPS

        if (
            min(self.swap_pairs, self.generated, self.generated_swap_parts, self.transferred) < 0
            or self.swap_stride < 1
        ):
            raise StrataError(
                "--swap-pairs, --transferred, --generated and --generated-swap-parts can't be negative, and --swap-stride needs at least 1",
                "Give 0 to leave layer swaps, probe transfer or generated answers out",
            )
        if min(self.contrast_items, self.behaviour) < 0:
            raise StrataError("--contrast-items and --behaviour can't be negative", "Give 0 to leave them out")
        if not self.crossed_positions or set(self.crossed_positions) - {SPAN, "last", EVERY}:
            raise StrataError(
                "Contributions are exchanged at the replaced `span`, at `last` and at `all` positions",
                "Choose among these",
            )
        if not self.generated_splits or set(self.generated_splits) - set(SPLITS[1:]):
            raise StrataError(
                f"--generated-splits is {','.join(self.generated_splits) or 'empty'}",
                f"Choose among: {', '.join(SPLITS[1:])}",
            )
        if not self.generated_ways or set(self.generated_ways) - set(PROMPTS):
            raise StrataError(
                f"--generated-ways is {','.join(self.generated_ways) or 'empty'}", f"Choose among: {', '.join(PROMPTS)}"
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
