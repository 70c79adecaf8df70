"""How much model time will the interventions take? Counted from the pairs before anything is run."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from strata.experiments.items.alignment import EncodedItem
from strata.experiments.locate.causal.measure_family import LOOKS
from strata.experiments.locate.causal.pair_sampling import as_pair
from strata.experiments.locate.causal.pair_selection import replaced_span
from strata.experiments.locate.config import LocateConfig
from strata.probes.interventions.minimal_pairs import Pair

SPAN_WINDOWS, LAST_WINDOWS = (20, 110), (32, 110)
"""Windows that are searched in the two cells at the span together, and in the two at the last token: at least and at most, of models
with `_MANY_BLOCKS` or more. Of eight families of the embedded model they were 38 to 106 and 50 to 84 when flat stretches were still searched as densely
as steep ones; the least is a fifth lower since."""
_MANY_BLOCKS = 24
_DIRECTIONS = 2.1
"""Denoising, noising, and a third answer's pieces in a few of the windows."""
_PASSED = 0.5
"""Blocks behind an edit, as a share of all, on average."""


def intervention_tokens(encoded: Sequence[EncodedItem], config: LocateConfig, n_layers: int) -> tuple[int, int]:
    """Tokens through the whole model that are as much work as a run's interventions, were every item answered: at least and at most.

    At least: every place narrow at the first look, and few windows searched. At most: none narrow before the last look, and
    every cell counts.
    """
    if config.causal_map == "none":
        return 0, 0
    families = pairs_by_family(encoded)
    least = most = 0.0
    for members in families.values():
        span = replaced_span(members)
        pairs = [as_pair(item) for item in members[: config.pairs]]
        works = [work_of_pair(pair, span, n_layers) for pair in pairs]
        most += sum(work for _, work in works)
        least += sum(work for work, _ in works[: LOOKS[0]])
    return round(least), round(most)


def pairs_by_family(encoded: Sequence[EncodedItem]) -> Mapping[tuple[str, str], Sequence[EncodedItem]]:
    """Items whose two prompts can be intervened on, by kind and family."""
    families: dict[tuple[str, str], list[EncodedItem]] = defaultdict(list)
    for encoded_item in encoded:
        differs = encoded_item.foil_prompt is not None and encoded_item.foil_prompt.ids != encoded_item.prompt.ids
        if encoded_item.aligned and differs:
            families[encoded_item.item.kind, encoded_item.item.family].append(encoded_item)
    return families


def work_of_pair(pair: Pair, span: str | None, n_layers: int) -> tuple[float, float]:
    """Tokens through the whole model, at least and at most: the two prompts, what both begin with once, and the recomputed
    columns of every edited run. At least: all pairs begin alike, so that their beginning is nobody's."""
    share = _DIRECTIONS * min(1, n_layers / _MANY_BLOCKS)
    least, most = (
        edited_tokens(pair, span, share * at_span, share * at_last)
        for at_span, at_last in zip(SPAN_WINDOWS, LAST_WINDOWS, strict=True)
    )
    return least - (len(pair.clean.ids) - pair.reach), most


def edited_tokens(pair: Pair, span: str | None, at_span: float, at_last: float) -> float:
    """The same of so many edits at the span and at the last token."""
    length = len(pair.clean.ids)
    behind = length - pair.clean.positions[span] if span is not None and span in pair.clean.positions else 0
    return length + pair.reach + _PASSED * (at_span * behind + at_last)
