"""What changed in how the models behave? Every measure of a `behave`, by kind."""

from __future__ import annotations

from strata.dashboards.sentences.compared_behaviour import LABELS, why_no_behaviour
from strata.dashboards.view.comparison.answers import estimates
from strata.dashboards.view.comparison.files import ComparisonRun
from strata.dashboards.view.comparison.schema_behaviour import BehaviourKindView, BehaviourMeasureView, BehaviourView


def build_behaviour(run: ComparisonRun) -> BehaviourView:
    """Kinds and measures in their order."""
    behaviour = run.comparison.behaviour
    kinds = tuple(
        BehaviourKindView(
            kind=kind,
            measures=tuple(
                BehaviourMeasureView(
                    name=name, label=LABELS[name][0], unit=LABELS[name][1], estimates=estimates(found)
                )
                for name, found in measures.items()
            ),
        )
        for kind, measures in behaviour.kinds.items()
    )  # fmt: skip
    return BehaviourView(kinds=kinds, why=why_no_behaviour(behaviour))
