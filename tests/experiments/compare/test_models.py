"""How many models are in memory: small ones all, larger ones two, one if asked; what doesn't fit makes room or says so."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import pytest
import torch
from tiny_models import tiny_checkpoint

from strata.experiments.compare import models as module
from strata.experiments.compare.models import Models
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.errors import DoesNotFitError

ROLES = ("base", "distilled", "control")


class Opener:
    """Opens tiny models and knows which are alive; `room`: how many fit."""

    def __init__(self, room: int = 3) -> None:
        self.room, self.opened = room, 0
        self._alive: weakref.WeakSet[Any] = weakref.WeakSet()

    def __call__(self) -> Checkpoint:
        if self.alive >= self.room:
            raise torch.OutOfMemoryError("CUDA out of memory")
        self.opened += 1
        checkpoint = tiny_checkpoint("llama", seed=self.opened)
        self._alive.add(checkpoint.model)
        return checkpoint

    @property
    def alive(self) -> int:
        gc.collect()
        return len(self._alive)


def used(models: Models) -> None:
    """As a comparison does it: every model in turn, some of them again."""
    for role in (*ROLES, "distilled", "base", "control"):
        models.get(role)


def test_small_models_are_opened_once() -> None:
    opener = Opener()
    models = Models(dict.fromkeys(ROLES, opener))
    used(models)
    assert (opener.opened, opener.alive) == (3, 3)


def test_of_larger_ones_the_base_and_one_other_are_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_SMALL_BYTES", 0)
    opener = Opener(room=2)
    models = Models(dict.fromkeys(ROLES, opener))
    used(models)
    assert (opener.opened, opener.alive) == (5, 2)


def test_what_does_not_fit_makes_room_for_itself() -> None:
    opener = Opener(room=2)
    models = Models(dict.fromkeys(ROLES, opener))
    used(models)
    assert (opener.opened, opener.alive) == (5, 2)


def test_where_two_do_not_fit_the_remedy_is_named() -> None:
    models = Models(dict.fromkeys(ROLES, Opener(room=1)))
    models.get("base")
    with pytest.raises(DoesNotFitError, match="beside the base model") as refused:
        models.get("distilled")
    assert "--one-at-a-time" in str(refused.value.remedy)
    alone = Opener(room=1)
    used(Models(dict.fromkeys(ROLES, alone), one_at_a_time=True))
    assert (alone.opened, alone.alive) == (6, 0)
