"""What a comparison says, in sentences: each claim only with an interval that bears it, else that it can't tell."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from strata.dashboards.sentences.answer_changes import (
    bearers,
    denial,
    label_of,
    lacking_words,
)
from strata.dashboards.sentences.cell_changes import cell_sentences, place_share_sentences
from strata.dashboards.sentences.changes_and_intervals import NEITHER, agreement_clauses, points, too, with_control
from strata.dashboards.sentences.comparison_reasons import why_no_half, why_not_moved
from strata.dashboards.sentences.format_apart import format_instead, format_sentences
from strata.dashboards.sentences.signed_numbers import signed, signed_interval
from strata.experiments.compare.decision import SPLIT, generated_like_trained, halves_by_generated
from strata.experiments.compare.measure_agreement import claimed, denied_by, judged, sign_of
from strata.experiments.generated_answers.problems import ABOUT
from strata.experiments.items.schema import KNOWLEDGE_AND_REASONING, Kind
from strata.experiments.results.answer_measures import GENERATED
from strata.experiments.results.cell_changes import LocationChange
from strata.experiments.results.comparison import (
    ComparedKind,
    Comparison,
    Generated,
    GeneratedSplit,
    Halves,
)
from strata.experiments.results.comparison_reasons import HypothesisReason
from strata.experiments.results.estimates import Contrasted, Estimated
from strata.experiments.results.roles import CONTROL, DISTILLED, Role

HYPOTHESIS = (
    "The layer-split hypothesis (knowledge in lower blocks, reasoning in upper ones, so reasoning training helps the one and hurts "
    "the other)"
)


_WAYS: Mapping[str, str] = {
    "question_only": "the question alone", "few_shot": "after six answered examples",
    "chain_of_thought": "after three worked examples",
}  # fmt: skip


def verdict_sentences(comparison: Comparison) -> list[str]:
    """What changed and where, and what becomes of the layer-split hypothesis.

    Of a kind that was not asked nothing is said, but for the hypothesis, which needs both.
    """
    told: list[str] = []
    for kind in reversed(KNOWLEDGE_AND_REASONING):
        of_kind = comparison.kind(kind)
        if of_kind.items:
            beyond = " ".join(format_sentences(kind, of_kind.format))
            told += [_changed(kind, of_kind), *([beyond] if beyond else [])]
            told.append(_moved(kind, of_kind.location_change.get(DISTILLED)))
            told += place_share_sentences(kind, of_kind.place_share.get(DISTILLED))
    written = generated_like_trained(comparison.generated)
    if written is not None:
        reasoning = comparison.kind("reasoning")
        at = 1 if reasoning.items else 0
        told[at:at] = [
            _said(written, reasoning, comparison.generated.fixed),
            *_shared_out(halves_by_generated(reasoning)),
        ]
    cells = comparison.cells.get(DISTILLED)
    if cells is not None and told:
        told += cell_sentences(cells, DISTILLED, controlled=CONTROL in comparison.models)
    verdict = comparison.verdict.hypothesis
    return [*told, f"{HYPOTHESIS} is {verdict} here: {hypothesis_reason(comparison)}."]


def hypothesis_reason(comparison: Comparison) -> str:
    """What decides about the layer-split hypothesis, or keeps it open, as a clause."""
    verdict = comparison.verdict
    alone = f" ({GENERATED} alone)" if verdict.by == "generated" else ""
    if verdict.hypothesis == "supported":
        return (
            f"the upper half of the blocks brings the gain in reasoning{alone}, the lower half the loss of knowledge, and nothing "
            "speaks for another order of the two"
        )
    reasons = "; ".join(_hypothesis_clause(comparison, reason) for reason in verdict.reasons)
    gains = verdict.hypothesis == "undetermined" and verdict.gain > 0 and verdict.loss == 0
    ahead = f"reasoning gains {_where(comparison)}{alone}{too(_gain_of(comparison))}, but " if gains else ""
    return f"{ahead}{reasons}"


def _hypothesis_clause(comparison: Comparison, reason: HypothesisReason) -> str:
    reasoning, knowledge = comparison.kind("reasoning"), comparison.kind("knowledge")
    alone = f" ({GENERATED} alone)" if comparison.verdict.by == "generated" else ""
    match reason.code:
        case "not-asked":
            return f"no {' and no '.join(reason.kinds)} items were asked"
        case "not-measured":
            return "one of the two kinds was not measured in both models"
        case "too-few-clusters":
            return "there are too few clusters for an interval"
        case "reasoning-falls":
            return f"reasoning is answered less often than before {_where(comparison)}{too(_gain_of(comparison))}"
        case "knowledge-rises":
            return f"knowledge items are answered more often than before{too(knowledge.accuracy)}"
        case "lower-half-gains":
            return f"the lower half of the blocks brings more of the gain in reasoning{alone} than the upper half"
        case "upper-half-loses":
            return "the upper half of the blocks brings more of the loss of knowledge than the lower half"
        case "order-reversed":
            return "the base reasons in lower blocks than it retrieves in"
        case "no-gain-shown":
            return f"no gain in reasoning is shown {_where(comparison)} {lacking_words(judged(reasoning), reason.lacking, 1)}"
        case "ways-disagree":
            often = "more" if reason.sign > 0 else "less"
            against = denial(reason.denied, judged(reasoning))
            return f"the measures of reasoning disagree: it is answered {often} often in {GENERATED}, but {against}"
        case "no-loss-shown":
            return f"no loss of knowledge is shown {lacking_words(judged(knowledge), reason.lacking, -1)}"
        case "format-instead":
            return f"knowledge items are answered less often as asked, but {format_instead(knowledge)}"
        case "gain-unshared":
            return "which half of the blocks brings the gain in reasoning is not shown"
        case "loss-unshared":
            return "which half of the blocks brings the loss of knowledge is not shown"


def _where(comparison: Comparison) -> str:
    return f"in {GENERATED}" if comparison.verdict.by == "generated" else "at these prompts"


def _gain_of(comparison: Comparison) -> Contrasted:
    written = generated_like_trained(comparison.generated)
    return comparison.kind("reasoning").accuracy if written is None else written.accuracy


def fixed_words(roles: Iterable[Role], generated: Generated) -> str:
    """In which way each model is asked that was trained to one, and how the others' is chosen."""
    told = [
        f"{role} is asked {way_words(generated.fixed[role])}, as it was trained"
        for role in roles
        if role in generated.fixed
    ]
    free = [role for role in roles if role not in generated.fixed]
    if free and generated.all_problems is not None:
        told.append(f"{' and '.join(free)} in the way that did best on the other half of the problems")
    return f"{'; '.join(told)}." if told else ""


def way_words(way: str) -> str:
    """How a problem is put to a model: `the question alone`."""
    return _WAYS.get(way, way)


def prompt_words(ways: Sequence[str]) -> str:
    """`the question alone`, or `the question alone and after six answered examples (half of the problems each)`."""
    told = [way_words(way) for way in ways]
    return told[0] if len(set(told)) == 1 else f"{' and '.join(told)} (half of the problems each)"


def _said(written: GeneratedSplit, at_prompts: ComparedKind, fixed: Mapping[Role, str]) -> str:
    ways = ", ".join(
        f"{role} {prompt_words(way)}{' as it was trained' if role in fixed else ''}"
        for role, way in written.prompt.items()
    )
    first = with_control(f"Reasoning, {GENERATED} ({ABOUT[SPLIT]}; asked {ways})", written.accuracy)
    sign = sign_of(written.accuracy)
    if not sign:
        return first
    at_best = judged(at_prompts)
    if denied := denied_by(sign, at_best):
        against = denial(denied, at_best)
        return f"{first} But what the measures at these prompts show is the opposite ({against}); {NEITHER}."
    return f"{first} This rests on {GENERATED} alone."


def _shared_out(halved: Halves | None) -> list[str]:
    """Which half of the blocks brings the change of the generated answers, where that was measured."""
    if halved is None:
        return []
    way = f" asked {way_words(halved.prompt)}" if halved.prompt else ""
    apart = halved.upper_minus_lower
    if apart is None:
        why = "no reason is recorded" if halved.why is None else why_no_half(halved.why)
        return [f"Which half of the blocks brings the change of the generated answers is undetermined{way}: {why}."]
    unsure = "" if apart.excludes_zero else ", which doesn't say which half brings more"
    parts = [_recovered("upper half", halved.upper, halved.cut), _recovered("lower half", halved.lower, None)]
    alone = f" Of that the base recovers {' and '.join(part for part in parts if part)}." if all(parts) else ""
    return [
        f"Base and distilled model{way} differ by {points(halved.whole)} in generated answers.{alone} Upper half of the blocks less lower "
        f"half: {signed(apart.value or 0.0)}{signed_interval(apart.low, apart.high)}{unsure}."
    ]


def _recovered(half: str, share: Estimated | None, cut: int | None) -> str:
    """`−0.30 [−0.74, −0.06] with the upper half of the distilled model's blocks alone (from block 15)`."""
    if share is None or share.value is None:
        return ""
    begins = "" if cut is None else f" (from block {cut})"
    return f"{signed(share.value)}{signed_interval(share.low, share.high)} with the {half} of the distilled model's blocks alone{begins}"


def _changed(kind: Kind, of_kind: ComparedKind) -> str:
    if of_kind.accuracy.change is None:
        return f"The change of {kind} could not be measured."
    first = with_control(f"{kind.capitalize()} at these prompts, {label_of(of_kind, 'accuracy')}", of_kind.accuracy)
    return " ".join([first, *_borne(of_kind)])


def _borne(change: ComparedKind) -> Iterator[str]:
    """Which measures show it."""
    clauses = agreement_clauses(change)
    yield from clauses
    if clauses:
        yield f"So {NEITHER}."
    elif claimed(change):
        yield f"Every measure shows it{too(change.accuracy)}: {bearers(change)}."


def _moved(kind: Kind, change: LocationChange | None) -> str:
    if change is None or change.verdict == "undetermined":
        why = "it is not comparable" if change is None or change.why is None else why_not_moved(change.why)
        return f"Whether {kind} moved to another depth is undetermined: {why}."
    by = f"{signed(change.difference or 0.0)}"
    band = "" if change.interval is None else signed_interval(*change.interval)
    if change.verdict == "unchanged":
        return f"{kind.capitalize()} stayed at its depth: {by}{band}."
    return f"{kind.capitalize()} moved {change.verdict}: {by} of the depth{band}."
