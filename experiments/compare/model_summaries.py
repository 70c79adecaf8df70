"""What does a comparison need of the runs of its models? Read out of their summaries once, typed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from strata.experiments.items.schema import KINDS, Kind
from strata.experiments.results.comparison import Warned
from strata.experiments.results.families import FamilyResult
from strata.experiments.results.kinds import Located, Order
from strata.experiments.results.roles import Role


@dataclass(frozen=True)
class Summarised:
    """One model's own run."""

    n_layers: int
    families: Mapping[str, FamilyResult]
    located: Mapping[Kind, Located]
    """Kinds that are located."""
    order: Order
    intervened: bool
    """Whether any intervention was made."""
    limited: bool
    warnings: tuple[str, ...]


def summarised(summary: Mapping[str, Any]) -> Summarised:
    """From what `locate` returns."""
    families = {
        name: FamilyResult.model_validate({field: value for field, value in family.items() if field != "behaviour"})
        for name, family in summary["families"].items()
    }
    located = {kind: (summary["kinds"].get(kind) or {}).get("located") for kind in KINDS}
    return Summarised(
        n_layers=summary["n_layers"],
        families=families,
        located={kind: Located.model_validate(place) for kind, place in located.items() if place is not None},
        order=Order.model_validate(summary["order"]),
        intervened=(summary.get("causal") or {}).get("map", "none") != "none",
        limited=bool(summary.get("limited")),
        warnings=tuple(summary["warnings"]),
    )


def warnings_of(own: Sequence[str], summaries: Mapping[Role, Summarised]) -> tuple[Warned, ...]:
    """Those of the comparison, then those that only a model's own run has."""
    warned = [Warned(model=None, text=text) for text in own]
    for role, summary in summaries.items():
        warned += [Warned(model=role, text=text) for text in summary.warnings if text not in own]
    return tuple(warned)
