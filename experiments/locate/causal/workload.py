"""How much model time will the interventions take? Counted from the pairs before anything is run."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from strata.experiments.items.alignment import EncodedItem
from strata.experiments.locate.causal.pair_sampling import as_pair
from strata.experiments.locate.causal.pair_selection import replaced_span
from strata.experiments.locate.config import LocateConfig
from strata.probes.interventions.minimal_pairs import Pair

WINDOWS = 60
"""Windows of a cell that are searched, where its effect is spread over many blocks; a concentrated one takes half of them."""
_DIRECTIONS = 2.5
"""Denoising, noising, and a third answer's pieces in some of the windows."""
_PASSED = 0.5
"""Blocks behind an edit, as a share of all, on average."""


def intervention_tokens(encoded: Sequence[EncodedItem], config: LocateConfig) -> int:
    """Tokens through the whole model that are at most as much work as a run's interventions: as if every item were answered, no
    place became narrow before the last look, and every cell counted."""
    if config.causal_map == "none":
        return 0
    families: dict[tuple[str, str], list[EncodedItem]] = defaultdict(list)
    for encoded_item in encoded:
        differs = encoded_item.foil_prompt is not None and encoded_item.foil_prompt.ids != encoded_item.prompt.ids
        if encoded_item.aligned and differs:
            families[encoded_item.item.kind, encoded_item.item.family].append(encoded_item)
    total = 0.0
    for members in families.values():
        span = replaced_span(members)
        total += sum(work_of_pair(as_pair(item), span) for item in members[: config.pairs])
    return round(total)


def work_of_pair(pair: Pair, span: str | None) -> float:
    """Tokens through the whole model: the two prompts, and the recomputed columns of every edited run."""
    length = len(pair.clean.ids)
    at_span = length - pair.clean.positions[span] if span is not None and span in pair.clean.positions else 0
    columns = 2 * at_span + 2
    return 2 * length + WINDOWS * _DIRECTIONS * _PASSED * columns
