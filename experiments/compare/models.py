"""The compared models, opened when they are needed and held two at a time (small ones all together), or one at a time."""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch

from strata.experiments.items.framing import template_sha256
from strata.experiments.results.roles import BASE, CONTROL, DISTILLED, Role
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.checkpoints.identity import Identity
from strata.probes.errors import DoesNotFitError, StrataError

Openers = Mapping[str, Callable[[], Checkpoint]]
"""By role, and by name for further seeds of a role."""
_SMALL_BYTES = 4 << 30
"""Of all models together: below that all are held, because opening small ones again and again costs more than they take."""


class NeedsBothError(StrataError):
    """A measure of two models at once was asked of one at a time."""

    def __init__(self) -> None:
        super().__init__("A comparison with --one-at-a-time holds one model", "Leave out what runs blocks of both")


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
    device: str
    """Where token ids go."""
    chat_template_sha256: str | None
    """None: it has no chat template."""


class Models:
    """Memory for two models is all that a comparison takes, however many there are; for one, if it is asked to.

    Small models are all held: what they take together stays below what two larger ones do.
    """

    def __init__(self, openers: Openers, *, one_at_a_time: bool = False) -> None:
        self.roles: tuple[Role, ...] = tuple(role for role in (BASE, DISTILLED, CONTROL) if role in openers)
        self.one_at_a_time = one_at_a_time
        self._openers = openers
        self._held: dict[Role, Checkpoint] = {}
        self._about: dict[Role, About] = {}

    @property
    def others(self) -> tuple[Role, ...]:
        """All but the base."""
        return self.roles[1:]

    @property
    def held_first(self) -> tuple[Role, ...]:
        """All roles, those in memory first: what is done with every model in turn opens fewest in this order."""
        return tuple(sorted(self.roles, key=lambda role: role not in self._held))

    def get(self, role: Role) -> Checkpoint:
        """Opens the model of this role, in place of the other one that is no base, or of any other one.

        Raises what its opener raises, and DoesNotFitError naming --one-at-a-time when it doesn't fit beside another.
        """
        if role not in self._held:
            self.make_room(role)
            self._held[role] = self._open(role)
        return self._held[role]

    def together(self, role: Role) -> tuple[Checkpoint, Checkpoint]:
        """The base and the model of this role, both in memory. Raises NeedsBothError where one at a time is held."""
        if self.one_at_a_time:
            raise NeedsBothError
        return self.get(BASE), self.get(role)

    def about(self, role: Role) -> About:
        """Opens the model the first time only."""
        if role not in self._about:
            checkpoint = self.get(role)
            self._about[role] = About(
                checkpoint.identity, checkpoint.n_layers, checkpoint.d_model, checkpoint.max_context,
                checkpoint.prefix, str(checkpoint.dtype), checkpoint.attention, str(checkpoint.device),
                template_sha256(checkpoint.tokenizer),
            )  # fmt: skip
        return self._about[role]

    def make_room(self, role: Role | None = None) -> None:
        """Drops what need not be held beside the base while another model, of this role or of none, is in memory."""
        sizes = [_bytes(checkpoint) for checkpoint in self._held.values()]
        if self.one_at_a_time:
            self._drop(list(self._held))
        elif sum(sizes) + max(sizes, default=0) > _SMALL_BYTES:
            self._drop(self._spare(role))

    def _spare(self, role: Role | None) -> list[Role]:
        """Models in memory that are not needed beside this one."""
        return [name for name in self._held if BASE not in (name, role)]

    def _drop(self, roles: list[Role]) -> None:
        for role in roles:
            del self._held[role]
        if roles:
            # Modules refer to one another in circles, and a GPU's allocator keeps what it was given back.
            gc.collect()
            if torch.cuda.is_available():
                torch.cuda.empty_cache()

    def _open(self, role: Role) -> Checkpoint:
        try:
            return self._openers[role]()
        except (DoesNotFitError, torch.OutOfMemoryError, MemoryError) as error:
            spare = self._spare(role)
            if not self._held:
                raise
            if not spare:
                what = (
                    error.what if isinstance(error, DoesNotFitError) else f"The {role} model does not fit into memory"
                )
                raise DoesNotFitError(
                    f"{what} beside the {' and '.join(self._held)} model",
                    "Give --one-at-a-time: one model is held then, and only layer swaps are excluded; finished parts are kept",
                ) from error
        # Tried again outside of the handler: the error it holds may keep alive what was opened half.
        self._drop(spare)
        return self._open(role)


def _bytes(checkpoint: Checkpoint) -> int:
    return sum(parameter.numel() * parameter.element_size() for parameter in checkpoint.model.parameters())
