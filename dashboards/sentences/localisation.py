"""What do the interventions of a run say? Where each kind of answer is made, in which order, what becomes of the hypothesis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from strata.dashboards.number_formats import count, interval, number, p_words
from strata.dashboards.sentences.family_places import family_places, parts_and_families
from strata.dashboards.sentences.places import (
    CONTROL_OF,
    CONTROL_WORDS,
    blocks_words,
    cell_words,
    ends_words,
    place_words,
    span_words,
)
from strata.dashboards.sentences.reasons import why_not_located, why_not_ordered
from strata.experiments.items.schema import KNOWLEDGE_AND_REASONING
from strata.experiments.results.families import FamilyResult
from strata.experiments.results.kinds import Hypothesis, KindLocalisation, Localisation, Located, Order, Verdict

ONLY_THESE = "; this is said for these families"
_STAGE = {"knowledge": "retrieval", "reasoning": "reasoning"}
_ORDERS: dict[Verdict, str] = {
    "retrieval-first": "Knowledge answers are made before reasoning answers",
    "reasoning-first": "Reasoning answers are made before knowledge answers",
    "together": "Knowledge and reasoning answers are made at the same depth",
    "undetermined": "The order of knowledge and reasoning is undetermined",
}
_CLAIMS = {
    "a": "MLP at the subject acts for knowledge, and neither for reasoning nor for copying",
    "b": "what makes knowledge answers lies in earlier blocks than what makes reasoning answers",
    "c": "what reasoning training changed lies at or above where reasoning answers are made",
}


@dataclass(frozen=True)
class Sentence:
    """A sentence in two parts, so that a page can let its statement stand out."""

    about: str
    """A kind, `order`, or the letter of a sentence of the hypothesis."""
    head: str
    """What is stated."""
    rest: str
    """How sure, on what, against which control; ends the sentence."""

    @property
    def text(self) -> str:
        return f"{self.head}{self.rest}"


def sentences(localisation: Localisation) -> list[Sentence]:
    """Knowledge and reasoning (every kind where neither was asked), then their order and the hypothesis where both were."""
    kinds = localisation.kinds
    asked: list[str] = [kind for kind in KNOWLEDGE_AND_REASONING if kind in kinds] or list(kinds)
    told = [kind_sentence(kind, kinds[kind], localisation.families) for kind in asked]
    if not set(KNOWLEDGE_AND_REASONING) <= set(kinds):
        return told
    told.append(order_sentence(localisation.order, _spans(localisation)))
    return told + [hypothesis_sentence(hypothesis) for hypothesis in localisation.hypothesis]


def kind_sentence(kind: str, of_kind: KindLocalisation, families: Mapping[str, FamilyResult]) -> Sentence:
    """Where the answers of a kind are made, in how many families, and what the matched control says of it; or why not."""
    located = of_kind.located
    if located is None:
        why = of_kind.why_not_located
        reason = "no reason is recorded" if why is None else why_not_located(why)
        sought = why is None or why.code not in ("no-interventions", "not-asked")
        places = family_places(kind, families) if why is not None and why.code == "families-disagree" else ""
        if why is not None and places:
            parts = parts_and_families({name: f for name, f in families.items() if f.kind == kind}, why.families or 0)
            needed = f"; {why.needed} by one part are needed" if why.needed else ""
            return Sentence(kind, f"{_not_located(kind, sought)}: {parts}", f"{needed}: {places}.")
        return Sentence(kind, _not_located(kind, sought), f": {reason}.")
    span = span_words(family.span for family in families.values() if family.kind == kind)
    head = f"{kind.capitalize()} answers are made by {located_words(located, span)}"
    if kind in CONTROL_OF and located.shared_with_control == "shared":
        head += ", through which its control passes too"
    elsewhere = family_places(kind, families, except_by=located.cell)
    sure = (
        f"in {located.families} of {count(located.of, 'family', 'families')}{f', but {elsewhere}' if elsewhere else ''}"
    )
    rest = f", 95 % interval {ends_words(located.interval)}, {sure}"
    control = _control_clause(kind, located, families)
    only = "" if located.general else ONLY_THESE
    return Sentence(kind, head, f"{rest}{f'; {control}' if control else ''}{only}.")


def _not_located(kind: str, sought: bool) -> str:
    return f"Where {kind} answers are made is undetermined" if sought else f"{kind.capitalize()} was not looked for"


def located_words(located: Located, span: str | None = None) -> str:
    """`attention at the last token (move), blocks 21–23`."""
    return f"{cell_words(located.cell, span)}, {blocks_words(located.first, located.last, located.extent)}"


def located_or_why(located: Located | None, *, sought: bool) -> str:
    """`attention at the last token (move), blocks 21–23 [20, 24], depth 0.75`, `undetermined` or `not looked for`."""
    if located is None:
        return "undetermined" if sought else "not looked for"
    only = "" if located.general else ", for these families"
    return f"{located_words(located)} {ends_words(located.interval)}, depth {number(located.depth)}{only}"


def _control_clause(kind: str, located: Located, families: Mapping[str, FamilyResult]) -> str:
    if kind not in CONTROL_OF:
        return ""
    control = f"its control ({CONTROL_WORDS[kind]})"
    if located.shared_with_control is None:
        return f"{control} was not measured, so whether this is special to {_STAGE[kind]} stays open"
    gained = _gained(located)
    if located.shared_with_control == "open":
        return f"whether {control} passes through the same blocks stays open{gained}, so this is not shown to be special to {_STAGE[kind]}"
    if located.shared_with_control == "shared":
        return f"{control} passes through the same blocks{gained}, so this says nothing about {_STAGE[kind]}"
    placed = [f for f in families.values() if f.kind == "control" and f.contrast == CONTROL_OF[kind] and f.place]
    where = f" but by {place_words(placed[0].place, placed[0].span)}" if len(placed) == 1 and placed[0].place else ""
    return f"{control} is not made there{where}{gained}"


def _gained(located: Located) -> str:
    """` (effect gained there 0.54, here 0.62)`, with the difference where it was measured."""
    if located.gained is None or located.control_gained is None:
        return ""
    numbers = (
        f"effect gained here {number(located.gained.value)}, in the control {number(located.control_gained.value)}"
    )
    if located.excess is not None and located.excess.interval is not None:
        numbers += f", difference {number(located.excess.value)} {interval(*located.excess.interval)}"
    return f" ({numbers})"


def _spans(localisation: Localisation) -> tuple[str | None, str | None]:
    families = localisation.families.values()
    knowledge, reasoning = (span_words(f.span for f in families if f.kind == kind) for kind in KNOWLEDGE_AND_REASONING)
    return knowledge, reasoning


def order_sentence(order: Order, spans: tuple[str | None, str | None] = (None, None)) -> Sentence:
    """In which order the places of the two kinds stand, with both cells and every number; or why that is undetermined.

    `spans`: what is replaced in knowledge and in reasoning prompts.
    """
    head = _ORDERS[order.verdict]
    if order.verdict == "undetermined":
        return Sentence("order", head, ": no reason is recorded." if order.why is None else f": {why_not_ordered(order.why)}.")  # fmt: skip
    parts = []
    if order.cells is not None:
        parts.append(f"{cell_words(order.cells[0], spans[0])} against {cell_words(order.cells[1], spans[1])}")
    if order.difference is not None:
        ends = "" if order.interval is None else f" {interval(*order.interval)}"
        parts.append(f"depth of reasoning − knowledge {number(order.difference)}{ends}")
    if order.probability is not None:
        parts.append(f"knowledge lies below with probability {number(order.probability)}")
    if order.p is not None:
        parts.append(f"{p_words(order.p)} with the families' kinds permuted")
    parts.append(f"{order.families[0]} against {count(order.families[1], 'family', 'families')}")
    return Sentence("order", head, f": {', '.join(parts)}{'' if order.general else ONLY_THESE}.")


def hypothesis_sentence(hypothesis: Hypothesis) -> Sentence:
    """One sentence of the layer-split hypothesis with its verdict and the numbers it rests on."""
    head = f"Hypothesis ({hypothesis.sentence}) {hypothesis.verdict}"
    numbers = _numbers(hypothesis.numbers)
    only = "" if hypothesis.general or hypothesis.verdict == "undetermined" else ONLY_THESE
    return Sentence(hypothesis.sentence, head, f": “{_CLAIMS[hypothesis.sentence]}”{numbers}{only}.")


def _numbers(numbers: Mapping[str, float | None]) -> str:
    """` (knowledge 0.58 [0.51, 0.65], …)`: `NAME_low` and `NAME_high` are the ends of NAME's interval."""
    said = []
    for name, value in numbers.items():
        if value is None or (name.endswith(("_low", "_high")) and name.rpartition("_")[0] in numbers):
            continue
        ends = interval(numbers.get(f"{name}_low"), numbers.get(f"{name}_high"))
        said.append(f"{name.replace('_', ' ')} {number(value)}{f' {ends}' if ends else ''}")
    return f" ({', '.join(said)})" if said else ""


def joined(told: Sequence[Sentence]) -> str:
    """The sentences as one paragraph."""
    return " ".join(sentence.text for sentence in told)
