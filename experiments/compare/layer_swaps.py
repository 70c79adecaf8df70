"""Which layer swaps does a comparison make, on which items, and how are they scored into a store?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from strata.experiments.compare.config import CompareConfig
from strata.experiments.compare.resumable_batches import write_pairs
from strata.experiments.items.alignment import EncodedItem
from strata.experiments.items.schema import KNOWLEDGE_AND_REASONING, Kind
from strata.experiments.locate.causal.pair_sampling import shared_out, spread_over_entities
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.files.activation_store import ActivationStore
from strata.probes.model_diff.layer_swaps import LayerSwap, layer_swaps_of, swap_layers
from strata.probes.model_diff.random_delta import RandomDelta
from strata.probes.progress import Progress, silent


def swap_items(
    encoded: Sequence[EncodedItem], answered: frozenset[str], per_kind: int, seed: int
) -> tuple[EncodedItem, ...]:
    """At most `per_kind` aligned items of each of the two kinds, shared out over families and entities.

    Families in which some model answers something (`answered`: ids that at least one of the models answers); what one
    model lost or gained must be in, so items that only one of them answers are as good as others.
    """
    by_family: dict[tuple[Kind, str], list[EncodedItem]] = defaultdict(list)
    for encoded_item in encoded:
        usable = encoded_item.aligned and encoded_item.foil_prompt is not None and encoded_item.foil_id is not None
        if (
            encoded_item.item.kind in KNOWLEDGE_AND_REASONING
            and usable
            and encoded_item.prompt.ids != (encoded_item.foil_prompt.ids if encoded_item.foil_prompt else ())
        ):
            by_family[encoded_item.item.kind, encoded_item.item.family].append(encoded_item)
    asked = {name: members for name, members in by_family.items() if any(member.key in answered for member in members)}
    chosen: list[EncodedItem] = []
    shares = shared_out({family: len(members) for family, members in asked.items()}, per_kind)
    for family, members in asked.items():
        chosen += spread_over_entities(members, seed)[: shares[family]]
    return tuple(chosen)


def store_layer_swaps(
    store: ActivationStore,
    base: Checkpoint,
    donor: Checkpoint | RandomDelta,
    items: Sequence[EncodedItem],
    layer_swaps: Sequence[LayerSwap],
    *,
    progress: Progress = silent,
    stage: str = "layer_swaps",
) -> None:
    """Scores every pair under every layer swap into `store` (clean: item × layer swap). A kill loses one batch."""
    write_pairs(store, items, progress, stage, lambda pairs: (
        (batch.rows, {"clean": batch.clean}) for batch in swap_layers(base, donor, pairs, layer_swaps)
    ))  # fmt: skip


def all_layer_swaps(n_layers: int, config: CompareConfig, *, whole_models: bool = True) -> tuple[LayerSwap, ...]:
    """The layer swaps of a run; a donor that is no whole model (a random change) has blocks only."""
    sweeps = [
        sweep for sweep in config.swap_sweeps if whole_models or sweep in ("nothing", "prefix", "suffix", "single")
    ]
    return layer_swaps_of(n_layers, sweeps, stride=min(config.swap_stride, n_layers))


def swap_names(layer_swaps: Sequence[LayerSwap]) -> list[str]:
    """What tells a set of layer swaps from another one, in any process: a set's own text is ordered by chance."""
    return [
        f"{swap.sweep} {swap.layer}: blocks {swap.blocks.start} to {swap.blocks.stop}, {' '.join(sorted(swap.ends))}"
        for swap in layer_swaps
    ]
