"""What a reader of numbers has to know about a model's blocks: what stands for attention, and what they read beside the stream."""

from __future__ import annotations

from collections.abc import Iterator

from strata.probes.checkpoints.architecture_anatomy import Anatomy
from strata.probes.checkpoints.checkpoint_caveats import CheckpointCaveat


def architecture_caveats(anatomy: Anatomy) -> Iterator[CheckpointCaveat]:
    """None for a model whose blocks are attention and MLP over one stream."""
    if not anatomy.only_attention:
        yield CheckpointCaveat("other-mixers", mixers=_mixers(anatomy))
    lacking = tuple(layer for layer, parts in enumerate(anatomy.blocks) if parts.channel is None)
    if lacking:
        yield CheckpointCaveat("no-mlp", blocks=lacking)
    if anatomy.n_streams > 1:
        yield CheckpointCaveat("joint-streams", streams=anatomy.n_streams)
    if anatomy.beside_stream is not None:
        yield CheckpointCaveat("read-beside-stream", beside=anatomy.beside_stream)


def _mixers(anatomy: Anatomy) -> tuple[tuple[str, tuple[int, ...]], ...]:
    by_kind: dict[str, list[int]] = {}
    for layer, parts in enumerate(anatomy.blocks):
        name = "none" if parts.mixer is None else " and ".join(parts.mixer.kinds)
        by_kind.setdefault(name, []).append(layer)
    return tuple((name, tuple(layers)) for name, layers in by_kind.items())
