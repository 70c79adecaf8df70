"""What `behave` is asked to do. Everything here decides numbers, so everything here is part of a run's identity."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from strata.experiments.declared_setting import MOST_DRAWS, positive, setting, whole
from strata.experiments.declared_setting import draws as drawn
from strata.experiments.items.chain_steps import STEP_ENDS, StepEnd
from strata.experiments.question_choice import QuestionChoice
from strata.probes.errors import StrataError

FEWEST_DRAWS = 100
_SAMPLED_AT = 0.6


@dataclass(frozen=True)
class BehaveConfig(QuestionChoice):
    confidence_items: int = field(
        default=400,
        metadata=setting(
            "most items of each kind whose options are scored, families in turn; 0 for none",
            "questions",
            whole,
            metavar="N",
        ),
    )
    """Most items of each kind whose options are scored, families in turn: as many as resolve a calibration error."""
    pressure_items: int = field(
        default=150,
        metadata=setting(
            "most items before which another answer is put, spread over the families; 0 for none",
            "questions",
            whole,
            metavar="N",
        ),
    )
    """Most items before which another answer is put, spread over the families; each is run four times."""
    pressure_pairs: int = field(
        default=14,
        metadata=setting(
            "most pairs of a kind, wrong against right answer before the question, that are intervened on; 0 for none",
            "questions",
            whole,
            metavar="N",
        ),
    )
    """Most pairs of a kind, wrong against right answer before the question, that are intervened on."""
    chain_items: int = field(
        default=24,
        metadata=setting(
            "most chains of each of one to five links, beside the built-in families; 0 for none",
            "questions",
            whole,
            metavar="N",
        ),
    )
    """Most chains of each of one to five links; each is run twice. Not asked where items come from a file."""
    thinking_problems: int = field(
        default=100,
        metadata=setting(
            "problems asked fast (think block closed) and slow (opened), and whose steps are read; 0 for none",
            "thinking",
            whole,
            metavar="N",
        ),
    )
    """Problems to reason about that are asked with the think block closed and opened; 0: none."""
    thinking_facts: int = field(
        default=40,
        metadata=setting("questions of knowledge asked fast and slow; 0 for none", "thinking", whole, metavar="N"),
    )
    """Questions of knowledge that are asked fast and slow; 0: none."""
    chain_tokens: int = field(
        default=96,
        metadata=setting(
            "most tokens of a chain of thought; R1 models need thousands", "thinking", positive, metavar="N"
        ),
    )
    """At most how many tokens a chain of thought has."""
    samples: int = field(
        default=1,
        metadata=setting("answers drawn of each problem, at --temperature", "thinking", positive, metavar="N"),
    )
    """Answers drawn of each problem, fast and slow."""
    temperature: float | None = field(
        default=None,
        metadata=setting(
            "of written answers; 0: the likeliest token each time (default: 0 for one sample, 0.6 for several)",
            "thinking",
            float,
            metavar="T",
        ),
    )
    """Of written answers; None: 0 for one sample, 0.6 for several."""
    steps: StepEnd = field(
        default="comma",
        metadata=setting("where a step of a chain ends: comma, line, sentence", "thinking", choices=STEP_ENDS),
    )
    """Where a step of a chain ends."""
    think_tags: str = field(
        default="",
        metadata=setting(
            "what a chain of thought stands between (default: what vocabulary or chat template name, else <think>,</think>)",
            "thinking",
            metavar="OPEN,CLOSE",
        ),
    )
    """Opening and closing tag with a comma between; empty: those that vocabulary or chat template name."""
    draws: int = field(
        default=10_000,
        metadata=setting("cluster-bootstrap draws behind every interval", "measuring", drawn, metavar="N"),
    )
    """Cluster-bootstrap draws behind every interval."""
    null_draws: int = field(
        default=1_000,
        metadata=setting("draws of a calibrated model of that size", "measuring", drawn, metavar="N"),
    )
    """Draws of a calibrated model of that size, behind the nulls of Brier score and calibration error."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("draws", "null_draws"):
            given = getattr(self, name)
            option = f"--{name.replace('_', '-')}"
            if given < FEWEST_DRAWS:
                raise StrataError(f"{option} is {given}", f"Give at least {FEWEST_DRAWS}: its ends are rare draws")
            if given > MOST_DRAWS:
                raise StrataError(f"{option} is {given}", f"Give at most {MOST_DRAWS}: more changes nothing")
        if self.temperature is not None and not 0 <= self.temperature < math.inf:
            raise StrataError(f"--temperature is {self.temperature:g}", "Give 0 to decode greedily, or more to draw")
        if self.samples > 1 and self.temperature == 0:
            raise StrataError(
                f"--samples is {self.samples}, but at --temperature 0 every draw is the same",
                "Give a --temperature above 0, such as 0.6, or one sample",
            )
        if self.think_tags:
            parts = [part.strip() for part in self.think_tags.split(",")]
            if len(parts) != 2 or not all(parts) or parts[0] == parts[1]:
                raise StrataError(
                    f"--think-tags is {self.think_tags!r}",
                    "Give the opening and the closing tag with a comma between: <think>,</think>",
                )

    @property
    def only_confidence(self) -> bool:
        """Whether no other measure is made."""
        return not (self.pressure_items or self.chain_items or self.thinking_problems or self.thinking_facts)

    @property
    def drawn_at(self) -> float:
        """Temperature of written answers."""
        return self.temperature if self.temperature is not None else 0.0 if self.samples == 1 else _SAMPLED_AT
