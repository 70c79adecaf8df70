"""A model that runs with blocks of another one, as a model: for what can't be read off a stream, such as decoding."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from torch import nn

from strata.probes.checkpoints.architecture_anatomy import anatomy_of
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.checkpoints.identity import Identity
from strata.probes.errors import StrataError
from strata.probes.foreign_types import ForeignJson
from strata.probes.model_diff.layer_swaps import LayerSwap
from strata.probes.model_diff.shared_inputs import check_same_shape


@contextmanager
def swapped_model(base: Checkpoint, donor: Checkpoint, swap: LayerSwap) -> Iterator[Checkpoint]:
    """`base` with the blocks that `swap` takes from `donor` in their places while this is open, then as it was before.

    Modules are put in by reference: no weights are copied. `base` itself must not be used meanwhile. Its identity is one of
    its own, made of both models and the blocks. Position embeddings and masks are made by the model around the blocks, so
    here by the base (`strata.probes.model_diff.layer_swaps` gives a block its own model's); what a block holds itself, such as a soft-cap,
    comes with it. Raises StrataError for models of unlike shape, for models that place tokens or mask them differently, and
    for a layer swap of embedding, final norm or unembedding, which lie in more than one place.
    """
    check_same_shape(base, donor)
    _check_same_places(base, donor)
    if swap.ends:
        raise StrataError(
            f"The layer swap {swap.sweep!r} takes more than blocks from the donor",
            "Take blocks, or ask the donor itself",
        )
    blocks = base.model.get_submodule(base.anatomy.blocks_path)
    assert isinstance(blocks, nn.ModuleList)
    own = {layer: blocks[layer] for layer in swap.blocks}
    try:
        for layer in swap.blocks:
            blocks[layer] = donor.blocks[layer]
        yield replace(base, anatomy=anatomy_of(base.model), identity=_identity(base, donor, swap))
    finally:
        for layer, block in own.items():
            blocks[layer] = block


_PLACING = ("rope", "rotary", "window", "chunk", "layer_types", "alibi", "position_embedding_type", "is_causal")
"""Parts of the names of settings by which models place tokens or decide which of them a block sees."""
_OF_WINDOWS = frozenset({"sliding_window", "max_window_layers", "sliding_window_pattern", "use_sliding_window"})
_ROPE_BY_LENGTH = frozenset({"dynamic", "longrope", "yarn", "su"})
"""Kinds of rotary embeddings that are worked out from the longest context."""


def _check_same_places(base: Checkpoint, donor: Checkpoint) -> None:
    of_base, of_donor = _placing(base), _placing(donor)
    unlike = sorted(name for name in of_base.keys() | of_donor.keys() if of_base.get(name) != of_donor.get(name))
    if unlike:
        # A longest context matters through another setting, if at all.
        name = next((setting for setting in unlike if not setting.startswith("max_position")), unlike[0])
        raise StrataError(
            f"{base.identity.spec} and {donor.identity.spec} place or mask tokens differently: {name} is {of_base.get(name)} in "
            f"the one and {of_donor.get(name)} in the other, and blocks would run under another model's",
            "LayerSwap between models with the same position embeddings and attention windows, or score logits (`swap_layers`)",
        )


def _placing(checkpoint: Checkpoint) -> ForeignJson:
    settings: ForeignJson = checkpoint.model.config.get_text_config().to_dict()
    placing = {
        name: value
        for name, value in settings.items()
        if value is not None and any(part in name for part in _PLACING) and not name.startswith("chunk_size_")
    }
    if not settings.get("sliding_window") or settings.get("use_sliding_window") is False:
        # Written down in many configurations whose models have no window.
        placing = {name: value for name, value in placing.items() if name not in _OF_WINDOWS}
    if _ROPE_BY_LENGTH.intersection(_rope_kinds(placing)):
        placing["max_position_embeddings"] = settings.get("max_position_embeddings")
    return placing


def _rope_kinds(settings: ForeignJson) -> Iterator[str]:
    """By any name and at any depth: some models have one rotary embedding for each kind of block."""
    for name, value in settings.items():
        if isinstance(value, dict):
            yield from _rope_kinds(value)
        elif name in ("rope_type", "type"):
            yield str(value)


def _identity(base: Checkpoint, donor: Checkpoint, swap: LayerSwap) -> Identity:
    what = f"blocks {swap.blocks.start} to {swap.blocks.stop - 1}" if swap.blocks else "no blocks"
    parts = (base.identity.weights_sha256, donor.identity.weights_sha256, what)
    return replace(
        base.identity,
        spec=f"{base.identity.spec} with {what} of {donor.identity.spec}",
        weights_sha256=hashlib.sha256(" ".join(parts).encode()).hexdigest(),
    )
