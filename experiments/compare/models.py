"""The compared models, opened when they are needed and held two at a time: the base and one other."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from experiments.compare.paired import BASE, DISTILLED, TWIN, Role
from probes.checkpoints.checkpoint import Checkpoint
from probes.checkpoints.identity import Identity

Openers = Mapping[Role, Callable[[], Checkpoint]]


@dataclass(frozen=True)
class About:
    """What stays known of a model that is no longer in memory."""

    identity: Identity
    n_layers: int
    d_model: int
    max_context: int | None
    prefix: tuple[int, ...]
    """Token ids before every text."""
    dtype: str
    attention: str


class Models:
    """Memory for two models is all that a comparison takes, however many there are."""

    def __init__(self, openers: Openers) -> None:
        self.roles: tuple[Role, ...] = tuple(role for role in (BASE, DISTILLED, TWIN) if role in openers)
        self._openers = openers
        self._held: dict[Role, Checkpoint] = {}
        self._about: dict[Role, About] = {}

    @property
    def others(self) -> tuple[Role, ...]:
        """All but the base."""
        return self.roles[1:]

    def get(self, role: Role) -> Checkpoint:
        """Opens the model of this role, in place of the other one that is no base."""
        if role not in self._held:
            for held in [name for name in self._held if BASE not in (name, role)]:
                del self._held[held]
            self._held[role] = self._openers[role]()
        return self._held[role]

    def about(self, role: Role) -> About:
        """Opens the model the first time only."""
        if role not in self._about:
            one = self.get(role)
            self._about[role] = About(
                one.identity, one.n_layers, one.d_model, one.max_context, one.prefix, str(one.dtype), one.attention
            )
        return self._about[role]
