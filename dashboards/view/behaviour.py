"""Does the model answer the items at all? One row a family: the accuracy that decides, its chance, and the word."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from strata.dashboards.number_formats import significant
from strata.dashboards.sentences.answered_families import INTERVAL, RULE, answered_word
from strata.dashboards.sentences.deciding_measure import deciding_label
from strata.dashboards.view.labels import kind_order
from strata.dashboards.view.schema_readings import BehaviourView, Deciding, FamilyAnswers, FamilyOnset
from strata.dashboards.view.tables import RunTables
from strata.experiments.results.answer_measures import (
    BY_CHOICE,
    BY_LIKELIHOOD,
    AnswerMeasure,
    Name,
    decided_by,
    value_of,
)
from strata.experiments.results.locate_summary import FamilyBehaviour
from strata.experiments.results.locate_tables import BehaviourRow
from strata.probes.statistics.bootstrap import Estimate


def build_behaviour(run: RunTables) -> BehaviourView:
    """Rows by kind, then family name; a family the model cannot do stays, with its word."""
    families: dict[tuple[str, str], list[BehaviourRow]] = {}
    for row in run.behaviour:
        families.setdefault((row.kind, row.family), []).append(row)
    onsets = _onsets(run)
    known: dict[tuple[str, str], FamilyBehaviour] = {}
    for family in run.summary.families.values():
        known[family.kind, family.behaviour.family] = family.behaviour
    ordered = sorted(families.items(), key=lambda e: (kind_order(e[0][0]), e[0]))
    rows = [_family(items, known.get(name), onsets.get(name, {})) for name, items in ordered]
    return BehaviourView(rule=RULE, interval=INTERVAL, rows=tuple(rows))


def _family(
    items: Sequence[BehaviourRow], known: FamilyBehaviour | None, onsets: Mapping[str, FamilyOnset]
) -> FamilyAnswers:
    # An item that was excluded before the model saw it has nulls, which count neither as right nor as wrong.
    accuracy, low, high = _estimate(None if known is None else known.by_likelihood)
    choice, choice_low, choice_high = _estimate(None if known is None else known.by_choice)
    used = sum(row.used for row in items)
    answered = known is not None and known.answered
    counts = decided_by(map(vars, items))
    decides = _deciding(known, counts) if counts else None
    return FamilyAnswers(
        family=items[0].family,
        kind=items[0].kind,
        domain=items[0].domain or "",
        n=len(items),
        clusters=len({row.cluster or row.item for row in items}),
        decides=decides,
        accuracy=accuracy,
        low=low,
        high=high,
        likelihood_n=_known(items, BY_LIKELIHOOD),
        choice_n=_known(items, BY_CHOICE),
        choice_accuracy=choice,
        choice_low=choice_low,
        choice_high=choice_high,
        choice_chance=_chance_by_choice(items, decides),
        answered_items=sum(bool(row.answered) for row in items),
        used_items=used,
        answered=answered,
        word=answered_word(answered=answered),
        excluded=sum(bool(row.reason) for row in items),
        onsets=onsets,
    )


def _deciding(known: FamilyBehaviour | None, counts: Mapping[Name, int]) -> Deciding:
    """The accuracy by which the family was held against chance, and that chance. `counts`: items by the measure that decided."""
    value, low, high = _estimate(None if known is None else known.accuracy)
    return Deciding(
        label=deciding_label(counts), measures=tuple(counts), value=value, low=low, high=high,
        chance=None if known is None else significant(known.chance),
    )  # fmt: skip


def _chance_by_choice(items: Sequence[BehaviourRow], decides: Deciding | None) -> float | None:
    """What guessing among the choices, or always giving the commonest answer, reaches on the items that have choices."""
    if decides is not None and decides.measures == (BY_CHOICE.name,):
        return decides.chance
    asked = [row for row in items if row.chance_choice is not None and row.correct_by_choice is not None]
    if not asked:
        return None
    guessing = sum(row.chance_choice or 0.0 for row in asked) / len(asked)
    commonest = Counter(row.answer_token for row in asked).most_common(1)[0][1] / len(asked)
    return significant(max(guessing, commonest))


def _known(rows: Sequence[BehaviourRow], measure: AnswerMeasure) -> int:
    return sum(value_of(row, measure) is not None for row in map(vars, rows))


def _estimate(estimate: Estimate | None) -> tuple[float | None, float | None, float | None]:
    if estimate is None:
        return None, None, None
    return significant(estimate.value), significant(estimate.low), significant(estimate.high)


def _onsets(run: RunTables) -> dict[tuple[str, str], dict[str, FamilyOnset]]:
    """Per family the onset of the main probe and of the logit lens, as the locations table has them."""
    onsets: dict[tuple[str, str], dict[str, FamilyOnset]] = {}
    for row in run.locations or []:
        if row.family is None or row.instrument not in ("probe.linear", "lens.logit"):
            continue
        of_family = onsets.setdefault((row.kind, row.family), {})
        short = row.instrument.split(".")[0]
        if short not in of_family or row.measure == "onset":
            of_family[short] = FamilyOnset(
                layer=row.layer, depth=significant(row.depth), low=significant(row.low), high=significant(row.high),
                axis=row.axis, n=row.n, method=row.method or "",
            )  # fmt: skip
    return onsets
