"""What may be said first? Three numbers, each claimed only where its interval bears it, every measure does, and every seed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from strata.experiments.compare.decision import halves_by_generated
from strata.experiments.compare.measure_agreement import (
    borne_on,
    claimed_beyond_format,
    denied_by,
    judged,
    side,
    sign_of,
)
from strata.experiments.items.schema import Kind
from strata.experiments.results.comparison import ComparedKind, Generated
from strata.experiments.results.estimates import Contrasted
from strata.experiments.results.headline import Headline, HeadlineNumber, NoClaim, SeedChange
from strata.experiments.results.roles import CONTROL


def headline_of(kinds: Mapping[Kind, ComparedKind], generated: Generated, seeds: Sequence[SeedChange] = ()) -> Headline:
    """`seeds`: every seed by itself, where there are several; the numbers are then means over them."""
    reasoning, knowledge = kinds.get("reasoning", ComparedKind()), kinds.get("knowledge", ComparedKind())
    return Headline(
        generated=_generated(generated, reasoning, seeds),
        knowledge=_knowledge(knowledge, seeds),
        where=_where(reasoning),
    )


def agree(seeds: Sequence[Contrasted], sign: int) -> bool:
    """Whether the change of every seed, and what is beyond its control, has this sign, sure or not."""
    values = [
        estimate.value or 0.0 for seed in seeds for name in borne_on(seed) if (estimate := seed.of(name)) is not None
    ]
    return all(value * sign > 0 for value in values)


def _generated(generated: Generated, reasoning: ComparedKind, seeds: Sequence[SeedChange]) -> HeadlineNumber:
    problems = generated.all_problems
    accuracy = Contrasted() if problems is None else problems.accuracy
    sign, why = sign_of(accuracy), _unshown(accuracy)
    if sign and denied_by(sign, judged(reasoning)):
        sign, why = 0, "denied-at-prompts"
    number = HeadlineNumber(about="generated", change=accuracy.change, beyond=accuracy.difference_in_differences)
    return _judged_by_seeds(number, sign, why or "nothing-shown", [seed.generated for seed in seeds])


def _knowledge(knowledge: ComparedKind, seeds: Sequence[SeedChange]) -> HeadlineNumber:
    accuracy = judged(knowledge).accuracy
    why: NoClaim = _unshown(accuracy) or "not-by-all"
    of_seeds = [seed.beyond_format.get("knowledge", Contrasted()) for seed in seeds]
    sign = claimed_beyond_format(knowledge)
    number = HeadlineNumber(about="knowledge", change=accuracy.change, beyond=accuracy.difference_in_differences)
    return _judged_by_seeds(number, sign, why, of_seeds)


def _where(reasoning: ComparedKind) -> HeadlineNumber:
    halves = halves_by_generated(reasoning)
    apart = None if halves is None else halves.upper_minus_lower
    if apart is None:
        return HeadlineNumber(about="where", why="not-measured")
    sign = apart.side
    why: NoClaim = "too-few-clusters" if apart.low is None else "nothing-shown"
    control = halves_by_generated(reasoning, CONTROL)
    of_control = None if control is None else control.upper_minus_lower
    if sign and of_control is not None and of_control.side == sign:
        # Where any training acts says nothing of where this one does.
        sign, why = 0, "nothing-beyond-control"
    return HeadlineNumber(about="where", change=apart, claim=sign, why=None if sign else why)


def _judged_by_seeds(number: HeadlineNumber, sign: int, why: NoClaim, seeds: Sequence[Contrasted]) -> HeadlineNumber:
    if sign and not agree(seeds, sign):
        sign, why = 0, "seeds-disagree"
    return number.model_copy(update={"claim": sign, "why": None if sign else why})


def _unshown(accuracy: Contrasted) -> NoClaim | None:
    """Why one measure bears no claim; None where it does."""
    change = accuracy.change
    if change is None or change.value is None:
        return "not-measured"
    if change.low is None:
        return "too-few-clusters"
    if not change.side:
        return "nothing-shown"
    return None if all(side(accuracy, name) == change.side for name in borne_on(accuracy)) else "nothing-beyond-control"
