"""How much model time will the interventions take? Counted from the lines, ablations and pairs, before anything is run."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from strata.experiments.items.alignment import EncodedItem
from strata.experiments.locate.causal.choose import choose_pairs
from strata.experiments.locate.causal.intervene import knockout_window
from strata.experiments.locate.causal.lines import ablations_for, lines_for, spans_of
from strata.experiments.locate.config import LocateConfig
from strata.probes.causal.ablation import DRAWS
from strata.probes.causal.pairs import ALL, Pair

_BACKWARD = 3
"""Forward passes that a forward and a backward pass take."""


def intervention_tokens(encoded: Sequence[EncodedItem], config: LocateConfig, n_layers: int) -> int:
    """Tokens through the whole model that are as much work as a run's interventions, if every item were answered.

    An edited run passes the blocks behind its edit, and only its columns from the edit on; the prompts themselves are run
    once each, the donors of ablated contributions too.
    """
    if config.causal_map == "none":
        return 0
    # Which items the model answers is not known before it is asked: more answered families share the same pairs.
    rows = [
        {"item": encoded_item.key, "kind": encoded_item.item.kind, "reason": None, "answered": True}
        for encoded_item in encoded
    ]
    chosen = choose_pairs(encoded, rows, config.pairs, config.seed)
    return round(work_of(chosen.pairs, chosen.donors, config, n_layers))


def work_of(pairs: Sequence[Pair], donors: Sequence[Pair], config: LocateConfig, n_layers: int) -> float:
    """The same for pairs that have been chosen. Padding is not counted."""
    groups: dict[str, list[Pair]] = defaultdict(list)
    for pair in pairs:
        groups[pair.group].append(pair)
    recorded = sum(2 * len(pair.clean.ids) for pair in pairs) + sum(len(pair.clean.ids) for pair in donors)
    return recorded + sum(_edited(members, config, n_layers) for members in groups.values())


def _edited(pairs: Sequence[Pair], config: LocateConfig, n_layers: int) -> float:
    spans = spans_of(pairs)
    reach = sum(pair.reach for pair in pairs)
    # Columns × blocks.
    work = _BACKWARD * reach * n_layers
    for line in lines_for(config, spans):
        columns = reach if line.position == ALL else _columns(pairs, line.position)
        work += columns * _blocks_behind(line.component, line.window, n_layers)
    for ablation in ablations_for(config):
        draws = DRAWS if ablation.method == "resample" else 1
        work += reach * draws * _blocks_behind(ablation.component, ablation.window, n_layers)
    if config.causal_map != "quick":
        for window in [knockout_window(n_layers)] * len(spans):
            work += len(pairs) * _blocks_behind("attn_out", window, n_layers)
    return work / n_layers


def _blocks_behind(component: str, window: int, n_layers: int) -> int:
    """Blocks that are passed in one line of edits: the edited one too, unless its whole output is replaced."""
    own = component in ("attn_out", "resid_pre")
    return sum(n_layers - start - (not own) for start in range(n_layers - window + 1))


def _columns(pairs: Sequence[Pair], position: str) -> int:
    """Columns recomputed for an edit at a named position; a pair without it is carried along with its last one."""
    columns = 0
    for pair in pairs:
        place = pair.clean.positions.get(position)
        columns += len(pair.clean.ids) - place if place is not None and place >= pair.first_difference else 1
    return columns
