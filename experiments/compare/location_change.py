"""Did retrieval or reasoning move to another depth? The same pairs in two models, resampled together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from strata.experiments.compare.paired import BASE, Role
from strata.experiments.compare.shared_pairs import Rows, SharedPairs, chosen
from strata.experiments.items.alignment import EncodedItem
from strata.experiments.items.schema import KINDS
from strata.experiments.locate.causal.effects import SITES, Effects, Table, site_table
from strata.experiments.locate.config import LocateConfig
from strata.experiments.statistics.difference import depth_difference
from strata.probes.causal.activation_patching import CONTROLS

_NOTHING = {"difference": None, "interval": None, "interval90": None, "p": None}
MOVED = {"a-first": "deeper", "b-first": "shallower", "together": "unchanged"}


def location_change(
    before: Effects, after: Effects, located: Mapping[str, bool], config: LocateConfig
) -> dict[str, Any]:
    """`depth(after) − depth(before)` of one kind over the pairs that are usable in both, with a paired interval.

    "Unchanged" is said only when the 90 % interval lies within ±0.05 of the depth; without a location in both models
    (`located`: by name) it is "undetermined" whatever the numbers are.
    """
    if [item.key for item in before.items] != [item.key for item in after.items]:
        raise ValueError("the two models were not intervened on with the same pairs")
    rows = np.flatnonzero(before.strong & after.strong).tolist()
    if not rows:
        return {**_NOTHING, "pairs": 0, "verdict": "undetermined", "reason": "no pair is usable in both models"}
    sides = [effects.of(rows) for effects in (before, after)]
    tables = [site_table(side, "denoise") for side in sides]
    controls: list[dict[str, Table]] = [{name: site_table(side, name) for name in CONTROLS} for side in sides]
    change = depth_difference(
        tables[0], controls[0], tables[1], controls[1], [(row, row) for row in range(len(tables[0]))],
        draws=config.draws, permutations=config.draws, seed=config.seed, sites=len(SITES),
    )  # fmt: skip
    verdict = MOVED.get(change.verdict, "undetermined")
    reason = None
    missing = [name for name, there in located.items() if not there]
    if missing:
        verdict, reason = "undetermined", f"not located in {' and '.join(missing)}"
    elif verdict == "undetermined":
        reason = "the interval of the change neither leaves out 0 nor lies within ±0.05 of it"
    difference = float(change.difference)
    return {
        "difference": difference if np.isfinite(difference) else None,
        "interval": _pair(change.low, change.high),
        "interval90": _pair(change.low90, change.high90),
        "p": change.p,
        "pairs": len(rows),
        "clusters": change.n_clusters_a,
        "verdict": verdict,
        "reason": reason,
        "method": change.method,
    }


def moved(
    encoded: Sequence[EncodedItem],
    rows: Mapping[Role, Rows],
    among: Mapping[Role, SharedPairs],
    effects_of: Callable[[Role, Sequence[EncodedItem]], Effects],
    located: Mapping[Role, frozenset[str]],
    role: Role,
    config: LocateConfig,
) -> dict[str, Any]:
    """By kind, the change of location from the base to `role` over the pairs that were intervened on in both.

    `among`: what was eligible in each model; `effects_of` reads kept effects; `located`: the kinds located in each model.
    """
    pairs = chosen(encoded, rows[role], among[role], config).items
    if not pairs:
        return not_moved("no pair that was intervened on in the base is answered by both models")
    effects = {name: effects_of(name, pairs) for name in (BASE, role)}
    by_kind: dict[str, Any] = {}
    for kind in KINDS:
        members = [row for row, pair in enumerate(pairs) if pair.item.kind == kind]
        there = {name: kind in located[name] for name in (BASE, role)}
        by_kind[kind] = location_change(effects[BASE].of(members), effects[role].of(members), there, config)
    return by_kind


def not_moved(reason: str) -> dict[str, Any]:
    """What stands for every kind where nothing can be said."""
    return {kind: {**_NOTHING, "pairs": 0, "verdict": "undetermined", "reason": reason} for kind in KINDS}


def _pair(low: float | None, high: float | None) -> list[float] | None:
    return None if low is None or high is None else [low, high]
