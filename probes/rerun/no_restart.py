"""Why are edited runs of a model whole forward passes? A code, what its sentence needs, and the error that says it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from pydantic import ConfigDict

from strata.probes.errors import StrataError

WhyWholeCode = Literal[
    "other-backend",  # backend: it runs every prompt from its first token on
    "other-mixers",  # its blocks have other mixers than attention
    "counts-columns",  # its body counts columns, so that its prompts can't end in one column
    "mask-hidden",  # its attention implementation doesn't spell its mask out
    "attention-takes",  # arguments: that nobody knows here
    "block-takes",  # arguments (one), shape: it can't be cut to columns
    "block-needs-more",  # block, error: it can't be called with stream and position alone
    "few-recorded",  # blocks, of: attention of the others can't be recorded
    "other-thread",  # attention: another thread computes it
    "not-recorded",  # it was recorded without what restarts need
    "heads",  # heads are replaced in restarted runs only
]


@dataclass(frozen=True)
class WhyWhole:
    """One reason; a field that its code doesn't name is None or empty."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    code: WhyWholeCode
    """What it is."""
    backend: str | None = None
    """Name of the library that runs the model."""
    arguments: tuple[str, ...] = ()
    """Names of what the module takes."""
    shape: tuple[int, ...] = ()
    """Of that argument."""
    block: str | None = None
    """Class of the block."""
    error: str | None = None
    """First line of what it said."""
    blocks: int | None = None
    """Whose attention was recorded."""
    of: int | None = None
    """Blocks of the model."""
    attention: str | None = None
    """Attention implementation."""


class NoRestartError(StrataError):
    """An architecture or attention implementation whose blocks can't be run from the middle of a prompt."""

    def __init__(self, why: WhyWhole) -> None:
        about = ", ".join((*why.arguments, *(name for name in (why.backend, why.block, why.attention) if name)))
        super().__init__(
            f"Runs can't be restarted from the middle in this model ({why.code}{': ' if about else ''}{about})",
            "Use full forward passes, or another attention implementation (sdpa or eager)"
            if why.code == "mask-hidden"
            else "Use full forward passes",
        )
        self.why = why
