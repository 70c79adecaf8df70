"""A model that runs with blocks of another one, as a model: for what can't be read off a stream, such as decoding."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from torch import nn

from probes.causal.grafts import Graft
from probes.causal.model_pairs import check_same_shape
from probes.checkpoints.anatomy import anatomy_of
from probes.checkpoints.checkpoint import Checkpoint
from probes.checkpoints.identity import Identity
from probes.errors import StrataError


@contextmanager
def grafted_model(base: Checkpoint, donor: Checkpoint, one: Graft) -> Iterator[Checkpoint]:
    """`base` with the blocks that `one` takes from `donor` in their places while this is open, then as it was before.

    Modules are put in by reference: no weights are copied. `base` itself must not be used meanwhile. Its identity is one of
    its own, made of both models and the blocks. Raises StrataError for models of unlike shape, and for a graft of
    embedding, final norm or unembedding, which lie in more than one place.
    """
    check_same_shape(base, donor)
    if one.ends:
        raise StrataError(
            f"The graft {one.sweep!r} takes more than blocks from the donor", "Take blocks, or ask the donor itself"
        )
    blocks = base.model.get_submodule(base.anatomy.blocks_path)
    assert isinstance(blocks, nn.ModuleList)
    own = {layer: blocks[layer] for layer in one.blocks}
    try:
        for layer in one.blocks:
            blocks[layer] = donor.blocks[layer]
        yield replace(base, anatomy=anatomy_of(base.model), identity=_identity(base, donor, one))
    finally:
        for layer, block in own.items():
            blocks[layer] = block


def _identity(base: Checkpoint, donor: Checkpoint, one: Graft) -> Identity:
    what = f"blocks {one.blocks.start} to {one.blocks.stop - 1}" if one.blocks else "no blocks"
    parts = (base.identity.weights_sha256, donor.identity.weights_sha256, what)
    return replace(
        base.identity,
        spec=f"{base.identity.spec} with {what} of {donor.identity.spec}",
        weights_sha256=hashlib.sha256(" ".join(parts).encode()).hexdigest(),
    )
