"""Which questions is a model to be asked? Part of the configuration of every experiment that asks them."""

from __future__ import annotations

from dataclasses import dataclass, field

from strata.experiments.declared_setting import positive, setting, whole
from strata.experiments.items.framing import FRAMINGS, Framing
from strata.probes.errors import StrataError


@dataclass(frozen=True)
class QuestionChoice:
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
    prompt_prefix: str | None = None
    """Text before every prompt; None: what the checkpoint's own chat template gives for `framing`."""
    seed: int = field(default=0, metadata=setting("seed of items and draws", "questions", whole, metavar="N"))
    """Of items, and of whatever else is drawn."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "families", tuple(dict.fromkeys(self.families)))
        if self.framing not in FRAMINGS:
            raise StrataError(f"--framing is {self.framing!r}", f"Choose among: {', '.join(FRAMINGS)}")
        if self.prompt_prefix and self.framing == "raw":
            raise StrataError("Raw text has no prompt prefix", "Give a framing with it: chat or empty-think")
