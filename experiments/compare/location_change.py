"""Did the place that makes a kind's answers move to another depth? Families that are placed in both models, draw by draw."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from jaxtyping import Float

from strata.experiments.items.schema import KINDS
from strata.experiments.statistics.answer_coding import CODES
from strata.experiments.statistics.equivalence import equivalent
from strata.experiments.statistics.family_samples import Sampled, difference, mean_of_families

_NOTHING = {"difference": None, "interval": None, "interval90": None, "p": None}
Depths = Mapping[tuple[str, str], Float[np.ndarray, " draw"]]
"""Depth of the place of each family (kind, name): its value, then its draws."""


def place_depths(summary: Mapping[str, Any], places: pa.Table) -> Depths:
    """From a run's summary and its table of places."""
    n_layers = int(summary["n_layers"])
    drawn: dict[tuple[str, str], list[float]] = {}
    columns = [places[name].to_pylist() for name in ("kind", "family", "threshold", "first", "last")]
    for kind, family, threshold, first, last in zip(*columns, strict=True):
        if threshold == CODES:
            drawn.setdefault((kind, family), []).append(((first + last) / 2 + 0.5) / n_layers)
    depths = {}
    for called, result in summary["families"].items():
        # A family of a name that two kinds have is called by its kind and its name.
        own = called if (result["kind"], called) in drawn else called.removeprefix(f"{result['kind']} ")
        name = (result["kind"], own)
        if result["place"] is not None and name in drawn:
            depths[name] = np.array([result["place"]["depth"], *drawn[name]])
    return depths


def location_change(
    before: Depths, after: Depths, located: Mapping[str, bool], kind: str, *, seed: int
) -> dict[str, Any]:
    """`depth(after) − depth(before)` of one kind over the families that are placed in both models.

    "Unchanged" is said only when the 90 % interval lies within ±0.05 of the depth; without a location in both models
    (`located`: by name) it is "undetermined" whatever the numbers are.
    """
    shared = sorted(name for name in before if name in after and name[0] == kind)
    if not shared:
        return {**_NOTHING, "families": 0, "verdict": "undetermined", "reason": "no family is placed in both models"}
    means: list[Sampled] = []
    for shift, side in enumerate((before, after)):
        n = min(len(side[name]) for name in shared)
        # The same families are drawn on both sides: what differs between them is in neither.
        means.append(
            mean_of_families([side[name][:n] for name in shared], seed=seed if len(shared) > 2 else seed + shift)
        )
    change = difference(means[1], means[0])
    low, high = change.interval()
    low90, high90 = change.interval(0.9)
    missing = [name for name, there in located.items() if not there]
    verdict, reason = _verdict(low, high, low90, high90), None
    if missing:
        verdict, reason = "undetermined", f"not located in {' and '.join(missing)}"
    elif verdict == "undetermined":
        reason = "the interval of the change neither leaves out 0 nor lies within ±0.05 of it"
    return {
        "difference": change.value, "interval": [low, high], "interval90": [low90, high90], "p": change.two_sided_p,
        "families": len(shared), "verdict": verdict, "reason": reason,
        "method": "middle of each family's place, mean over families; families and clusters resampled",
    }  # fmt: skip


def _verdict(low: float, high: float, low90: float, high90: float) -> str:
    if equivalent(low90, high90):
        return "unchanged"
    return "deeper" if low > 0 else "shallower" if high < 0 else "undetermined"


def moved(before: Depths, after: Depths, located: Mapping[str, Sequence[str]], *, seed: int) -> dict[str, Any]:
    """By kind; `located`: the kinds located in each of the two models, by the model's name."""
    return {
        kind: location_change(before, after, {name: kind in kinds for name, kinds in located.items()}, kind, seed=seed)
        for kind in KINDS
    }


def not_moved(reason: str) -> dict[str, Any]:
    """What stands for every kind where nothing can be said."""
    return {kind: {**_NOTHING, "families": 0, "verdict": "undetermined", "reason": reason} for kind in KINDS}
