"""What `behave` is asked to do. Everything here decides numbers, so everything here is part of a run's identity."""

from __future__ import annotations

from dataclasses import dataclass, field

from strata.experiments.question_choice import QuestionChoice
from strata.experiments.setting import MOST_DRAWS, setting, whole
from strata.experiments.setting import draws as drawn
from strata.probes.errors import StrataError

FEWEST_DRAWS = 100


@dataclass(frozen=True)
class BehaveConfig(QuestionChoice):
    pressure_items: int = field(
        default=240,
        metadata=setting(
            "most items before which another answer is put, spread over the families; 0 for none",
            "questions",
            whole,
            metavar="N",
        ),
    )
    """Most items before which another answer is put, spread over the families; each is run four times."""
    pressure_pairs: int = field(
        default=18,
        metadata=setting(
            "most pairs of a kind, wrong against right answer before the question, that are intervened on; 0 for none",
            "questions",
            whole,
            metavar="N",
        ),
    )
    """Most pairs of a kind, wrong against right answer before the question, that are intervened on."""
    chain_items: int = field(
        default=32,
        metadata=setting(
            "most chains of each of one to five links, beside the built-in families; 0 for none",
            "questions",
            whole,
            metavar="N",
        ),
    )
    """Most chains of each of one to five links; each is run twice. Not asked where items come from a file."""
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
