"""What `behave` is asked to do. Everything here decides numbers, so everything here is part of a run's identity."""

from __future__ import annotations

from dataclasses import dataclass, field

from strata.experiments.items.framing import FRAMINGS, Framing
from strata.experiments.setting import MOST_DRAWS, positive, setting, whole
from strata.experiments.setting import draws as drawn
from strata.probes.errors import StrataError

FEWEST_DRAWS = 100


@dataclass(frozen=True)
class BehaveConfig:
    families: tuple[str, ...] = field(
        default=(),
        metadata=setting(
            "built-in families, kinds, domains, or all (default: a selection)", "questions", metavar="NAME,…"
        ),
    )
    """Built-in families, kinds, domains, or `all`; empty: the default selection. Ignored when items come from a file."""
    per_family: int = field(
        default=80, metadata=setting("items drawn from each built-in family", "questions", positive, metavar="N")
    )
    """Items drawn from each built-in family."""
    difficulty: int | None = field(
        default=None, metadata=setting("difficulty of the reasoning families", "questions", whole, metavar="D")
    )
    """Difficulty of the reasoning families; None: each family's easiest."""
    limit: int | None = field(
        default=None,
        metadata=setting("only the first N items; the run is stamped LIMITED", "questions", positive, metavar="N"),
    )
    """At most this many items, spread over the families; the run is stamped as limited."""
    framing: Framing = field(
        default="raw",
        metadata=setting(
            "what stands before every prompt: raw (nothing), chat (the model's chat template up to its answer), empty-think (the same and an empty think block)",
            "questions",
            choices=FRAMINGS,
        ),
    )
    """What stands before every prompt: nothing, a chat in which the model is answering, or one with an empty think block."""
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
    seed: int = field(default=0, metadata=setting("seed of items and draws", "questions", whole, metavar="N"))
    """Of items, draws and nulls."""
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
        object.__setattr__(self, "families", tuple(dict.fromkeys(self.families)))
        for name in ("draws", "null_draws"):
            given = getattr(self, name)
            option = f"--{name.replace('_', '-')}"
            if given < FEWEST_DRAWS:
                raise StrataError(f"{option} is {given}", f"Give at least {FEWEST_DRAWS}: its ends are rare draws")
            if given > MOST_DRAWS:
                raise StrataError(f"{option} is {given}", f"Give at most {MOST_DRAWS}: more changes nothing")
        if self.framing not in FRAMINGS:
            raise StrataError(f"--framing is {self.framing!r}", f"Choose among: {', '.join(FRAMINGS)}")
