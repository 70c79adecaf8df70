"""Through which library is a model run, and where? Chosen once by whoever asks, before a model is opened."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from strata.probes.errors import StrataError

BACKENDS = ("torch", "transformer_lens", "nnsight")
Remote = bool | Literal["local"]
"""True: on nnsight's servers; "local": as if, in this process."""


@dataclass(frozen=True)
class BackendChoice:
    """Raises StrataError for an unknown name, and for `remote` with another library than nnsight."""

    name: str = "torch"
    """torch, transformer_lens or nnsight."""
    remote: Remote = False

    def __post_init__(self) -> None:
        if self.name not in BACKENDS:
            raise StrataError(f"There is no backend {self.name!r}", f"Choose among: {', '.join(BACKENDS)}")
        if self.remote and self.name != "nnsight":
            raise StrataError(
                f"The backend {self.name} runs here only", "Take nnsight for remote execution: --backend nnsight"
            )

    @property
    def is_own(self) -> bool:
        """Whether models are run by Strata's own hooks, which alone restart runs from the middle and follow gradients."""
        return self.name == "torch"

    @property
    def label(self) -> str:
        """What a run records of it."""
        return f"{self.name}, remote" if self.remote else self.name


OWN = BackendChoice()
"""Torch hooks."""
