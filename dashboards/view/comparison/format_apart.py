"""What of a change is only the format? Every measure in every way of asking, and in each model's best one."""

from __future__ import annotations

from strata.dashboards.sentences.answer_changes import DECIDED_UNIT, label_of
from strata.dashboards.sentences.format_apart import NO_SHARE, WAY_WORDS, chosen_words
from strata.dashboards.view.comparison.answers import estimate, estimates
from strata.dashboards.view.comparison.files import ComparisonRun
from strata.dashboards.view.comparison.schema_format import FormatMeasureView, FormatView, OpeningView
from strata.experiments.items.schema import KINDS
from strata.experiments.results.answer_measures import AGREEING
from strata.experiments.results.comparison import FormatApart, MeasureInWays
from strata.experiments.results.roles import ROLES
from strata.experiments.results.ways_of_asking import WAYS


def build_format(run: ComparisonRun) -> tuple[FormatView, ...]:
    """Kinds that were asked in several ways, in their order."""
    return tuple(_kind(kind, apart) for kind in KINDS if (apart := run.comparison.kind(kind).format) is not None)


def _kind(kind: str, apart: FormatApart) -> FormatView:
    named = {name: label_of(apart.best, name) for name in apart.measures}
    shown = [
        name for name in apart.measures
        # The accuracy that decides is one of the others where that alone decided.
        if apart.best.measure(name).measured and (name == "accuracy" or named[name] != named["accuracy"])
    ]  # fmt: skip
    return FormatView(
        kind=kind, claimed=bool(apart.claimed),
        measures=tuple(_measure(name, named[name], apart.measures[name], apart) for name in shown),
        opening=tuple(OpeningView(way=way, label=WAY_WORDS[way], estimates=estimates(apart.opening[way])) for way in WAYS),
    )  # fmt: skip


def _measure(name: str, label: str, measured: MeasureInWays, apart: FormatApart) -> FormatMeasureView:
    known = next((measure for measure in AGREEING if measure.name == name), None)
    why = measured.format.why
    chosen = {role: measured.chosen[role] for role in ROLES if role in measured.chosen}
    return FormatMeasureView(
        name=name, label=label, unit=DECIDED_UNIT if known is None else known.unit,
        share=known is None or known.is_share, ways={way: estimate(measured.ways[way].change) for way in WAYS},
        best=estimates(apart.best.measure(name)), chosen=chosen_words(chosen), format=estimate(measured.format.share),
        why="" if why is None else NO_SHARE[why.code],
    )  # fmt: skip
