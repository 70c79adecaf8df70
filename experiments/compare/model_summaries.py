"""What does a comparison need of the runs of its models? Read out of their summaries once, typed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from strata.experiments.items.schema import KINDS, Kind
from strata.experiments.results.caveats import Caveat
from strata.experiments.results.comparison import Warned
from strata.experiments.results.families import FamilyResult
from strata.experiments.results.kinds import Located, Order
from strata.experiments.results.locate_summary import Summary
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
    warnings: tuple[Caveat, ...]


def summarised(summary: Summary) -> Summarised:
    """From what `locate` returns."""
    located = {kind: summary.kinds[kind].located for kind in KINDS if kind in summary.kinds}
    return Summarised(
        n_layers=summary.n_layers,
        families=summary.families,
        located={kind: place for kind, place in located.items() if place is not None},
        order=summary.order,
        intervened=summary.causal.map != "none",
        limited=summary.limited,
        warnings=summary.warnings,
    )


def warnings_of(own: Sequence[Caveat], summaries: Mapping[Role, Summarised]) -> tuple[Warned, ...]:
    """Those of the comparison, then those that only a model's own run has."""
    warned = [Warned(model=None, caveat=caveat) for caveat in own]
    for role, summary in summaries.items():
        warned += [Warned(model=role, caveat=caveat) for caveat in summary.warnings if caveat not in own]
    return tuple(warned)
