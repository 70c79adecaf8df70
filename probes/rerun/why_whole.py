"""Can edited runs of a model be restarted from the middle? Known from its anatomy and from who runs it, or found at the first try."""

from __future__ import annotations

from typing import TypeGuard
from weakref import WeakKeyDictionary

from torch import nn

from strata.probes.backends.contract import Backend
from strata.probes.backends.torch_hooks import TorchHooks
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.rerun.no_restart import NoRestartError, WhyWhole

_REASONS: WeakKeyDictionary[nn.Module, WhyWhole] = WeakKeyDictionary()


def is_other(backend: Backend | None) -> TypeGuard[Backend]:
    """Whether another library than torch's hooks runs the model: it runs prompts from their first token on."""
    return backend is not None and not isinstance(backend, TorchHooks)


def why_whole(checkpoint: Checkpoint, backend: Backend | None = None) -> WhyWhole | None:
    """Why edited runs of this model are whole forward passes; None while nothing has been found that forbids a restart.

    `backend`: what runs it; None: torch's hooks.
    """
    if is_other(backend):
        return WhyWhole("other-backend", backend=backend.name)
    if not checkpoint.anatomy.only_attention:
        return WhyWhole("other-mixers")
    if checkpoint.anatomy.pads_right:
        return WhyWhole("counts-columns")
    return _REASONS.get(checkpoint.model)


def remember_whole(checkpoint: Checkpoint, error: NoRestartError) -> None:
    """From now on edited runs of this model are whole forward passes."""
    _REASONS[checkpoint.model] = error.why
