"""Did the place that makes a kind's answers move to another depth? Families that are placed in both models, draw by draw."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Literal

import numpy as np
import pyarrow as pa
from jaxtyping import Float

from strata.experiments.compare.model_runs import ModelRuns
from strata.experiments.compare.model_summaries import Summarised
from strata.experiments.items.schema import KINDS, Kind
from strata.experiments.results.comparison import LocationChange
from strata.experiments.results.comparison_reasons import WhyNotMoved
from strata.experiments.results.families import FamilyResult
from strata.experiments.results.record import Interval
from strata.experiments.results.roles import BASE, Role
from strata.experiments.statistics.answer_coding import CODES
from strata.experiments.statistics.equivalence import EQUIVALENCE_BOUND, equivalent
from strata.experiments.statistics.family_samples import Sampled, difference, mean_of_families

Depths = Mapping[tuple[str, str], Float[np.ndarray, " draw"]]
"""Depth of the place of each family (kind, name): its value, then its draws."""


def place_depths(families: Mapping[str, FamilyResult], places: pa.Table, n_layers: int) -> Depths:
    """From a run's families and its table of places."""
    drawn: dict[tuple[str, str], list[float]] = {}
    columns = [places[name].to_pylist() for name in ("kind", "family", "threshold", "first", "last")]
    for kind, family, threshold, first, last in zip(*columns, strict=True):
        if threshold == CODES:
            drawn.setdefault((kind, family), []).append(((first + last) / 2 + 0.5) / n_layers)
    depths: dict[tuple[str, str], np.ndarray] = {}
    for called, result in families.items():
        # A family of a name that two kinds have is called by its kind and its name.
        own = called if (result.kind, called) in drawn else called.removeprefix(f"{result.kind} ")
        name = (result.kind, own)
        if result.place is not None and name in drawn:
            depths[name] = np.array([result.place.depth, *drawn[name]])
    return depths


def location_change(
    before: Depths, after: Depths, located: Mapping[Role, bool], kind: Kind, *, seed: int
) -> LocationChange:
    """`depth(after) − depth(before)` of one kind over the families that are placed in both models.

    "Unchanged" is said only when the 90 % interval lies within ±0.05 of the depth; without a location in both models
    (`located`: by name) it is "undetermined" whatever the numbers are.
    """
    shared = sorted(name for name in before if name in after and name[0] == kind)
    if not shared:
        return LocationChange(verdict="undetermined", why=WhyNotMoved(code="no-shared-family"))
    means: list[Sampled] = []
    for shift, side in enumerate((before, after)):
        n = min(len(side[name]) for name in shared)
        # The same families are drawn on both sides: what differs between them is in neither.
        means.append(
            mean_of_families([side[name][:n] for name in shared], seed=seed if len(shared) > 2 else seed + shift)
        )
    change = difference(means[1], means[0])
    interval, interval90 = change.interval(), change.interval(0.9)
    missing = tuple(name for name, there in located.items() if not there)
    verdict, why = _verdict(interval, interval90), None
    if missing:
        verdict, why = "undetermined", WhyNotMoved(code="not-located", models=missing)
    elif verdict == "undetermined":
        why = WhyNotMoved(code="interval-open", bound=EQUIVALENCE_BOUND)
    return LocationChange(
        verdict=verdict, families=len(shared), difference=change.value, interval=interval, interval90=interval90,
        p=change.two_sided_p, why=why,
        method="middle of each family's place, mean over families; families and clusters resampled",
    )  # fmt: skip


Moved = Literal["deeper", "shallower", "unchanged", "undetermined"]


def _verdict(interval: Interval, interval90: Interval) -> Moved:
    if equivalent(*interval90):
        return "unchanged"
    return "deeper" if interval[0] > 0 else "shallower" if interval[1] < 0 else "undetermined"


def moved(
    before: Depths, after: Depths, located: Mapping[Role, Sequence[Kind]], *, seed: int
) -> dict[Kind, LocationChange]:
    """By kind; `located`: the kinds located in each of the two models."""
    return {
        kind: location_change(before, after, {name: kind in kinds for name, kinds in located.items()}, kind, seed=seed)
        for kind in KINDS
    }


def not_moved(why: WhyNotMoved) -> dict[Kind, LocationChange]:
    """What stands for every kind where nothing can be said."""
    return {kind: LocationChange(verdict="undetermined", why=why) for kind in KINDS}


def location_changes(
    runs: ModelRuns, comparable: Collection[Role], summaries: Mapping[Role, Summarised], *, seed: int
) -> dict[Role, dict[Kind, LocationChange]]:
    """Of every model against the base. `comparable`: the models whose layers can be laid side by side."""
    changes = {}
    for role in runs.models.others:
        pair: tuple[Role, Role] = (BASE, role)
        if role not in comparable:
            changes[role] = not_moved(WhyNotMoved(code="not-comparable"))
        elif not all(summaries[model].intervened for model in pair):
            changes[role] = not_moved(WhyNotMoved(code="no-interventions"))
        else:
            depths = {
                model: place_depths(summaries[model].families, runs.table(model, "places"), summaries[model].n_layers)
                for model in pair
            }
            sides = {model: list(summaries[model].located) for model in pair}
            changes[role] = moved(depths[BASE], depths[role], sides, seed=seed)
    return changes
