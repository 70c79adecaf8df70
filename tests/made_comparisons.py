"""Comparisons made up measure by measure: changes with their intervals, halves of the blocks, generated answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from strata.experiments.compare.decision import hypothesis_of
from strata.experiments.compare.headline import headline_of
from strata.experiments.compare.measure_agreement import agreement, claimed
from strata.experiments.results.cell_changes import LocationChange
from strata.experiments.results.comparison import (
    AnswerChange,
    ComparedKind,
    ComparedModel,
    Comparison,
    Generated,
    GeneratedSplit,
    Halves,
)
from strata.experiments.results.comparison_reasons import WhyNoHalf
from strata.experiments.results.estimates import Contrasted, Estimated
from strata.experiments.results.kinds import Order

Three = tuple[float, float | None, float | None]
"""Value, low, high."""
UP, DOWN, NONE, FEW = (0.2, 0.1, 0.3), (-0.2, -0.3, -0.1), (0.01, -0.1, 0.1), (0.2, None, None)
MEASURES = ("by_choice", "by_likelihood", "logit_difference", "answer_logprob")


def estimated(three: Three | None) -> Estimated | None:
    return None if three is None else Estimated(**dict(zip(("value", "low", "high"), three, strict=True)))


def contrasted(change: Three | None, beyond: Three | None = None) -> Contrasted:
    return Contrasted(change=estimated(change), difference_in_differences=estimated(beyond))


def answer_change(**measures: Contrasted) -> AnswerChange:
    """Of 40 items that choices decide."""
    change = AnswerChange(items=40, asked=40, decided_by={"by_choice": 40}, **measures)
    return change.model_copy(update={"agreement": agreement(change)})


def kind_of(
    change: Three | None, beyond: Three | None = None, *, moved: LocationChange | None = None, **halves: Three | None
) -> ComparedKind:
    """A kind that every measure says the same of; `halves`: upper minus lower by measure of the layer swaps."""
    measure = contrasted(change, beyond)
    of_kind = ComparedKind(
        **dict(answer_change(accuracy=measure, **dict.fromkeys(MEASURES, measure))),
        location_change={} if moved is None else {"distilled": moved},
        upper_minus_lower={"distilled": {name: half(three) for name, three in halves.items()}},
    )
    return of_kind.model_copy(update={"claimed": claimed(of_kind)})


def half(three: Three | None, why: WhyNoHalf | None = None, split: str | None = None) -> Halves:
    whole = estimated(NONE if three is None else UP)
    assert whole is not None
    return Halves(
        cut=15, whole=whole, upper_minus_lower=estimated(three), why=why, split=split, prompt="question_only" if split else None
    )  # fmt: skip


def with_generated_half(kind: ComparedKind, of: Halves) -> ComparedKind:
    halves = {**kind.upper_minus_lower.get("distilled", {}), "generated": of}
    return kind.model_copy(update={"upper_minus_lower": {"distilled": halves}})


def generated(accuracy: Contrasted | None, split: str = "test") -> Generated:
    if accuracy is None:
        return Generated(why="not-asked-for")
    ways = {"base": ("few_shot", "few_shot"), "distilled": ("question_only", "question_only")}
    return Generated(splits={split: GeneratedSplit(accuracy=accuracy, prompt=ways)})


def comparison_of(
    reasoning: ComparedKind | None,
    knowledge: ComparedKind | None,
    written: Contrasted | None = None,
    order: str = "undetermined",
    **fields: Any,
) -> Comparison:
    kinds: Mapping[Any, ComparedKind] = {
        name: kind for name, kind in (("reasoning", reasoning), ("knowledge", knowledge)) if kind is not None
    }
    orders = {"base": Order.model_validate({"verdict": order})}
    answers = generated(written)
    models = {role: ComparedModel(spec=role, sha256="", run=role) for role in ("base", "distilled")}
    return Comparison(
        models=models, n_layers=30, seed=0, kinds=kinds, order=orders, generated=answers,
        verdict=hypothesis_of(kinds, answers, orders), headline=headline_of(kinds, answers), **fields,
    )  # fmt: skip
