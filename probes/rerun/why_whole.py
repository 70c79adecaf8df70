"""Can edited runs of a model be restarted from the middle? Known from its anatomy, or found at the first try."""

from __future__ import annotations

from weakref import WeakKeyDictionary

from torch import nn

from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.rerun.shared_prefix import NoRestartError

_REASONS: WeakKeyDictionary[nn.Module, str] = WeakKeyDictionary()


def why_whole(checkpoint: Checkpoint) -> str | None:
    """Why edited runs of this model are whole forward passes; None while nothing has been found that forbids a restart."""
    if not checkpoint.anatomy.only_attention:
        return "its blocks have other mixers than attention"
    if checkpoint.anatomy.pads_right:
        return "its body counts columns, so that its prompts can't end in one column"
    return _REASONS.get(checkpoint.model)


def remember_whole(checkpoint: Checkpoint, error: NoRestartError) -> None:
    """From now on edited runs of this model are whole forward passes."""
    _REASONS[checkpoint.model] = error.reason
