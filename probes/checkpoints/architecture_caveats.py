"""What a reader of numbers has to know about a model's blocks: what stands for attention, and what they read beside the stream."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from strata.probes.checkpoints.architecture_anatomy import Anatomy


def architecture_caveats(anatomy: Anatomy) -> Iterator[str]:
    """One sentence each; none for a model whose blocks are attention and MLP over one stream."""
    if not anatomy.only_attention:
        yield f"Where it says attention, a block's mixer is meant: {_mixers(anatomy)}"
    if any(parts.channel is None for parts in anatomy.blocks):
        lacking = _blocks([layer for layer, parts in enumerate(anatomy.blocks) if parts.channel is None])
        yield f"No MLP writes in {lacking} of this architecture: what it adds there is nothing"
    if anatomy.n_streams > 1:
        yield f"A token has {anatomy.n_streams} streams in this architecture, which are read and replaced as one of their joint width"
    if anatomy.beside_stream is not None:
        yield f"Blocks of this architecture read {anatomy.beside_stream} beside the stream, which replacing a stream doesn't replace"


def _mixers(anatomy: Anatomy) -> str:
    by_kind: dict[str, list[int]] = {}
    for layer, parts in enumerate(anatomy.blocks):
        name = "none" if parts.mixer is None else " and ".join(parts.mixer.kinds)
        by_kind.setdefault(name, []).append(layer)
    if len(by_kind) == 1:
        return f"{next(iter(by_kind))} in every block"
    return "; ".join(f"{name} in {_blocks(layers)}" for name, layers in by_kind.items())


def _blocks(layers: Sequence[int]) -> str:
    """`blocks 0–2, 4–6`: ranges of consecutive ones."""
    ranges: list[list[int]] = []
    for layer in layers:
        if ranges and layer == ranges[-1][-1] + 1:
            ranges[-1].append(layer)
        else:
            ranges.append([layer])
    words = [str(one[0]) if len(one) == 1 else f"{one[0]}–{one[-1]}" for one in ranges]
    return f"{'block' if len(layers) == 1 else 'blocks'} {', '.join(words)}"
