"""Where is each kind located in each model, did that move, and which half of the blocks brings what changed?"""

from __future__ import annotations

from strata.dashboards.number_formats import p_words, significant
from strata.dashboards.sentences.comparison_reasons import why_no_half, why_not_moved
from strata.dashboards.sentences.localisation import located_or_why, order_sentence
from strata.dashboards.view.comparison.answers import estimate
from strata.dashboards.view.comparison.files import ComparisonRun
from strata.dashboards.view.comparison.schema_statements import HalvesView, LocationsView, LocationView, OrderView
from strata.experiments.items.schema import KNOWLEDGE_AND_REASONING, Kind
from strata.experiments.results.cell_changes import LocationChange
from strata.experiments.results.roles import BASE, Role
from strata.experiments.statistics.equivalence import EQUIVALENCE_BOUND


def build_locations(run: ComparisonRun) -> LocationsView:
    """Where each kind is located in each model, how far that moved, and in which order the kinds stand."""
    kinds = [kind for kind in KNOWLEDGE_AND_REASONING if run.was_asked(kind)]
    return LocationsView(
        bound=EQUIVALENCE_BOUND,
        rows=tuple(_row(run, kind, role) for kind in kinds for role in run.others),
        orders=_orders(run) if len(kinds) == len(KNOWLEDGE_AND_REASONING) else (),
    )


def _row(run: ComparisonRun, kind: Kind, role: Role) -> LocationView:
    of_kind = run.comparison.kind(kind)
    base, after = of_kind.located.get(BASE), of_kind.located.get(role)
    moved = of_kind.location_change.get(role, LocationChange(verdict="undetermined"))
    low, high = moved.interval or (None, None)
    low90, high90 = moved.interval90 or (None, None)
    return LocationView(
        kind=kind, role=role, base=located_or_why(base, sought=run.was_sought(BASE)),
        after=located_or_why(after, sought=run.was_sought(role)),
        located=base is not None and after is not None,
        value=significant(moved.difference), low=significant(low), high=significant(high),
        low90=significant(low90), high90=significant(high90), p=p_words(significant(moved.p)), families=moved.families,
        verdict=moved.verdict, reason="" if moved.why is None else why_not_moved(moved.why), method=moved.method,
    )  # fmt: skip


def _orders(run: ComparisonRun) -> tuple[OrderView, ...]:
    """In which order the kinds stand in each model."""
    order = run.comparison.order
    return tuple(
        OrderView(role=role, text=order_sentence(order[role]).text)
        for role in run.roles
        if role in order and run.was_sought(role)
    )


def build_halves(run: ComparisonRun) -> tuple[HalvesView, ...]:
    """Recovery by the upper half of the blocks minus recovery by the lower half, where the models differ at all."""
    return tuple(
        HalvesView(
            kind=kind, role=role, measure=measure, cut=halved.cut, whole=estimate(halved.whole),
            apart=estimate(halved.upper_minus_lower), reason="" if halved.why is None else why_no_half(halved.why),
        )
        for kind in KNOWLEDGE_AND_REASONING
        for role, by_measure in run.comparison.kind(kind).upper_minus_lower.items()
        for measure, halved in by_measure.items()
    )  # fmt: skip
