"""Everything that a comparison measured, as `comparison.json` says it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from strata.experiments.compare.caveats import comparison_caveats
from strata.experiments.compare.config import CompareConfig
from strata.experiments.compare.decision import hypothesis_of
from strata.experiments.compare.headline import headline_of
from strata.experiments.compare.measure_agreement import claimed_as_asked
from strata.experiments.compare.model_specs import Specs
from strata.experiments.compare.model_summaries import Summarised, warnings_of
from strata.experiments.compare.models import Models
from strata.experiments.items.schema import KINDS, Kind
from strata.experiments.results.caveats import Caveat
from strata.experiments.results.cell_changes import ComparedCells
from strata.experiments.results.compared_behaviour import ComparedBehaviour
from strata.experiments.results.comparison import (
    AnswerChange,
    BaseCheck,
    ComparedKind,
    ComparedModel,
    Comparison,
    FormatApart,
    Generated,
    HalvedBy,
    Halves,
    PlaceShare,
)
from strata.experiments.results.comparison_reasons import ExcludedPart
from strata.experiments.results.headline import SeedChange
from strata.experiments.results.lineage_check import LineageCheck
from strata.experiments.results.roles import BASE, Role
from strata.experiments.results.steering import Steering


@dataclass(frozen=True)
class Findings:
    """What the stages found."""

    checks: Mapping[Role, LineageCheck]
    """Whether each model comes from the base."""
    summaries: Mapping[Role, Summarised]
    """Of each model's own run."""
    answers: Mapping[Kind, AnswerChange]
    formats: Mapping[Kind, FormatApart]
    """The same answers, each model asked in several ways."""
    cells: Mapping[Role, ComparedCells]
    halved: Mapping[Role, Mapping[Kind, Mapping[HalvedBy, Halves]]]
    """Upper against lower half of the layers, swapped."""
    shares: Mapping[Role, Mapping[Kind, PlaceShare]]
    """What the blocks that make each model's answers bring of its change."""
    generated: Generated
    behaviour: ComparedBehaviour
    steering: Steering | None
    """The base under what training changed in its streams."""
    seeds: Sequence[SeedChange] = ()
    """Each by itself, where there are several."""
    given: Mapping[Kind, float] = field(default_factory=dict)
    """Share of the items by kind that are scored behind a start that answer and foil share."""


def comparison_of(
    found: Findings,
    specs: Specs,
    models: Models,
    config: CompareConfig,
    *,
    in_chat_template: bool,
    excluded: Sequence[ExcludedPart],
    warnings: Sequence[Caveat],
) -> Comparison:
    """`excluded`: what could not be measured; `warnings`: of the comparison itself, beside those of its models' runs."""
    named, about = specs.by_role(), models.about
    order = {role: summary.order for role, summary in found.summaries.items()}
    kinds = {
        kind: ComparedKind(
            **dict(change := found.answers.get(kind, AnswerChange())),
            # Claims are made of kinds only: the intervals of the many families are not corrected for their number.
            claimed=claimed_as_asked(change, found.formats.get(kind)),
            format=found.formats.get(kind),
            located={role: summary.located.get(kind) for role, summary in found.summaries.items()},
            location_change={role: of_role.location_change[kind] for role, of_role in found.cells.items()},
            place_share={role: of_kind[kind] for role, of_kind in found.shares.items() if kind in of_kind},
            upper_minus_lower={role: of_kind.get(kind, {}) for role, of_kind in found.halved.items()},
        )
        for kind in KINDS
    }
    return Comparison(
        models={
            role: ComparedModel(spec=named[role], sha256=about(role).identity.weights_sha256, run=role)
            for role in models.roles
        },
        n_layers=about(BASE).n_layers,
        seed=config.locate.seed,
        framing=config.locate.framing,
        quick=config.locate.quick,
        limited=any(summary.limited for summary in found.summaries.values()),
        pair_check={
            role: BaseCheck(verdict=check.verdict, ok=check.ok, reasons=check.reasons, hint=check.hint)
            for role, check in found.checks.items()
        },
        kinds=kinds,
        order=order,
        cells={role: of_role.cells for role, of_role in found.cells.items()},
        generated=found.generated,
        behaviour=found.behaviour,
        steering=found.steering,
        headline=headline_of(kinds, found.generated, found.seeds),
        seeds=tuple(found.seeds),
        verdict=hypothesis_of(kinds, found.generated, order),
        not_comparable=tuple(excluded),
        caveats=comparison_caveats(models, found.checks, excluded, found.given, in_chat_template=in_chat_template),
        warnings=warnings_of(warnings, found.summaries),
    )
