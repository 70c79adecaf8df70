"""One model several times over with the same weights: each has hooks of its own, so that threads don't hear each other's runs."""

from __future__ import annotations

from copy import deepcopy

from torch import Tensor

from strata.probes.checkpoints.checkpoint import Checkpoint


def with_shared_weights(checkpoint: Checkpoint) -> Checkpoint:
    """Modules of its own around the same parameters and buffers; the tokenizer is the same one."""
    model = checkpoint.model
    # Read-outs may hold weights that are no parameter of the model.
    weights = [value for value in vars(checkpoint.readout).values() if isinstance(value, Tensor)]
    shared = [*model.parameters(), *model.buffers(), *weights, checkpoint.tokenizer]
    return deepcopy(checkpoint, {id(one): one for one in shared})
