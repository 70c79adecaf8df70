"""What changed in the answers? By kind and by family every measure, generated answers by split."""

from __future__ import annotations

from collections.abc import Mapping

from strata.dashboards.number_formats import significant
from strata.dashboards.sentences.answer_changes import DECIDED_UNIT, disagreement, shown_by
from strata.dashboards.sentences.comparison import fixed_words, prompt_words
from strata.dashboards.sentences.comparison_reasons import ALL, split_words
from strata.dashboards.sentences.deciding_measure import deciding_label
from strata.dashboards.sentences.generated_answers import drawn_words, why_none_sentence
from strata.dashboards.view.comparison.files import ComparisonRun
from strata.dashboards.view.comparison.schema_statements import (
    AgreedView,
    AnswersView,
    EstimatesView,
    EstimateView,
    FamilyAnswersView,
    GeneratedSplitView,
    KindAnswersView,
    MeasureView,
)
from strata.dashboards.visible_text import path_free
from strata.experiments.compare.decision import SPLIT
from strata.experiments.compare.measure_agreement import claimed_by_generated, judged
from strata.experiments.items.schema import KINDS
from strata.experiments.results.answer_measures import AGREEING, DECIDING_RULE, MEASURES
from strata.experiments.results.comparison import AnswerChange, ComparedKind, Generated, GeneratedSplit
from strata.experiments.results.estimates import Contrasted, Estimated
from strata.experiments.results.roles import CLAIMED_ON, Contrast


def build_answers(run: ComparisonRun) -> AnswersView:
    """By kind and by family every measure of the answers, and which of them show a change; generated answers by split."""
    comparison = run.comparison
    generated = comparison.generated
    splits = tuple(
        _split(name, split, comparison.kind("reasoning") if name in (SPLIT, ALL) else None)
        for name, split in _splits(generated).items()
    )
    return AnswersView(
        kinds=tuple(
            _kind(kind, of_kind) for kind in KINDS if (of_kind := comparison.kinds.get(kind)) is not None and of_kind.items
        ),
        families=tuple(
            FamilyAnswersView(
                kind=row.kind, family=row.family, items=row.items, asked=row.asked, excluded=row.excluded,
                decides=deciding_label(row.decided_by), accuracy=estimates(row.accuracy),
                logit_difference=estimates(row.logit_difference), agreed=_agreed(row, 0),
                disagreement=disagreement(row) or "", shown_by=shown_by(row) or "",
            )
            for row in run.families
        ),
        generated=splits,
        generated_how=drawn_words(run.temperature),
        generated_fixed=fixed_words(comparison.models, generated),
        generated_text="" if splits else why_none_sentence(generated.why),
    )  # fmt: skip


def _splits(generated: Generated) -> dict[str, GeneratedSplit]:
    """All problems together first, where there are several splits."""
    return {**({} if generated.overall is None else {ALL: generated.overall}), **generated.splits}


def estimate(raw: Estimated | None) -> EstimateView | None:
    """Rounded; None where nothing was measured."""
    if raw is None or raw.value is None:
        return None
    return EstimateView(
        value=significant(raw.value), low=significant(raw.low), high=significant(raw.high), n_items=raw.n_items,
        n_clusters=raw.n_clusters, method=raw.method,
    )  # fmt: skip


def estimates(measure: Contrasted) -> EstimatesView:
    """Of every model and contrast."""
    return EstimatesView(
        base=estimate(measure.base), distilled=estimate(measure.distilled), control=estimate(measure.control),
        change=estimate(measure.change), control_change=estimate(measure.control_change),
        difference_in_differences=estimate(measure.difference_in_differences),
    )  # fmt: skip


def _kind(kind: str, of_kind: ComparedKind) -> KindAnswersView:
    return KindAnswersView(
        kind=kind, items=of_kind.items, asked=of_kind.asked, excluded=of_kind.excluded, measures=_measures(of_kind),
        agreed=_agreed(of_kind, of_kind.claimed), disagreement=disagreement(of_kind) or "", shown_by=shown_by(of_kind) or "",
    )  # fmt: skip


def _measures(change: AnswerChange) -> tuple[MeasureView, ...]:
    """The accuracy that decides first; it is one of the others where it alone decided for all items."""
    decided = list(change.decided_by)
    deciding = MeasureView(
        name="accuracy", label=deciding_label(change.decided_by), unit=DECIDED_UNIT, share=True, decides=True,
        means=MEASURES[decided[0]].means if len(decided) == 1 else DECIDING_RULE, estimates=estimates(change.accuracy),
    )  # fmt: skip
    others = (
        MeasureView(
            name=measure.name, label=measure.label, unit=measure.unit, means=measure.means, share=measure.is_share,
            decides=False, estimates=estimates(change.measure(measure.name)),
        )
        for measure in AGREEING
        if change.measure(measure.name).measured and decided != [measure.name]
    )  # fmt: skip
    return (deciding, *others)


def _agreed(change: AnswerChange, claimed: int) -> dict[Contrast, AgreedView]:
    """By contrast whether a claim stands, whether all measures show one side, whether two show opposites."""
    return {
        name: AgreedView(claimed=bool(claimed) and name in CLAIMED_ON, shared=bool(entry.sign), opposite=entry.opposite)
        for name, entry in change.agreement.items()
    }


def _split(name: str, split: GeneratedSplit, at_prompts: ComparedKind | None) -> GeneratedSplitView:
    return GeneratedSplitView(
        split=name, about=split_words(name), estimates=estimates(split.accuracy), agreed=_alone(split.accuracy, at_prompts),
        prompt={role: prompt_words(ways) for role, ways in split.prompt.items()},
        no_answer={role: _path_free(reasons) for role, reasons in split.no_answer.items()},
    )  # fmt: skip


def _path_free(counts: Mapping[str, int]) -> dict[str, int]:
    return {path_free(reason): number for reason, number in counts.items()}


def _alone(accuracy: Contrasted, at_prompts: ComparedKind | None) -> dict[Contrast, AgreedView]:
    """Generated answers are judged by themselves; of all problems, and of those like the trained ones, with a veto of the prompts.

    Of the other splits by themselves nothing is claimed.
    """
    claims = at_prompts is not None and bool(claimed_by_generated(accuracy, judged(at_prompts)))
    return {name: AgreedView(claimed=claims, shared=claims, opposite=False) for name in CLAIMED_ON}
