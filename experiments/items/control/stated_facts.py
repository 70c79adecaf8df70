"""K-C: does the model read a fact that the prompt states, where its partner has to know it?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from random import Random

from strata.experiments.items.family import Family, TokenLength
from strata.experiments.items.knowledge.build import CHOICES
from strata.experiments.items.knowledge.drawing import options
from strata.experiments.items.knowledge.relations import BY_NAME, Relation
from strata.experiments.items.knowledge.tables import Fact, facts
from strata.experiments.items.knowledge.templates import Asked, Example, Template, ask
from strata.experiments.items.reasoning.frame import seeded
from strata.experiments.items.schema import Item, Kind

RELATIONS: tuple[Relation, ...] = tuple(
    BY_NAME[name]
    for name in (
        "capital",
        "symbol",
        "language",
        "animal_class",
        "drug_class",
        "continent",
        "nationality",
        "city",
        "disease_organ",
    )
)
_Lengths = Mapping[Fact, tuple[int, int]]


def pairs(relation: Relation, *, seed: int, n: int, token_length: TokenLength | None = None) -> list[tuple[Item, Item]]:
    """At most `n` pairs (knowledge item, control item) that ask for the same fact.

    Both prompts state two facts and then ask for a third thing. In the control they are the asked fact and that
    of the minimal pair, in random order; in the partner two others of the same relation and token lengths.
    """
    table = [fact for fact in facts(relation.name) if "'" not in fact.answer]
    measure = token_length or _words
    lengths = {fact: (measure(f" {fact.subject}"), measure(f" {fact.answer}")) for fact in table}
    order = list(table)
    seeded(seed, relation.name, "stated", "order").shuffle(order)
    made: list[tuple[Item, Item]] = []
    templates = _templates(relation)
    for turn in range(len(order) * len(templates)):
        if len(made) == n:
            break
        # Every fact gets every template once, and every stretch of items holds all templates.
        fact = order[turn % len(order)]
        template = templates[(turn % len(order) + turn // len(order)) % len(templates)]
        rng = seeded(seed, relation.name, "stated", turn)
        pair = _pair(relation, fact, template, table, lengths, rng, len(made), token_length)
        if pair is not None:
            made.append(pair)
    return made


def _pair(
    relation: Relation,
    fact: Fact,
    template: Template,
    table: Sequence[Fact],
    lengths: _Lengths,
    rng: Random,
    index: int,
    token_length: TokenLength | None,
) -> tuple[Item, Item] | None:
    foil = _like(fact, table, lengths, rng, {fact.answer})
    if foil is None:
        return None
    taken = {fact.answer, foil.answer}
    first = _like(fact, table, lengths, rng, taken, answers=True)
    second = _like(foil, table, lengths, rng, taken | ({first.answer} if first else set()), answers=True)
    if first is None or second is None:
        return None
    swapped = rng.random() < 0.5
    known = (second, first) if swapped else (first, second)
    stated = (foil, fact) if swapped else (fact, foil)
    choices = options(fact.answer, foil.answer, sorted({other.answer for other in table}), CHOICES, rng)
    match = f"{relation.name}_stated.{index:05d}"

    def item(kind: Kind, family: str, context: Sequence[Fact], hops: int, side: str) -> Item:
        clean, partner = _asked(template, fact, context), _asked(template, foil, context)
        return Item(
            id=f"{match}.{side}",
            kind=kind,
            family=family,
            domain=relation.domain,
            prompt=clean.prompt,
            answer=f" {fact.answer}",
            foil_prompt=partner.prompt,
            foil=f" {foil.answer}",
            cluster=f"{relation.name}:{fact.subject}",
            template=f"{relation.name}_stated.{template.id}",
            hops=hops,
            choices=tuple(f" {choice}" for choice in choices),
            spans=clean.spans,
            foil_spans=partner.spans,
            source="built-in",
            extra={"match": match, "contrast": "K-C", "stated": [other.subject for other in context]},
        )

    knowledge = item("knowledge", relation.name, known, 1, "K")
    control = item("control", f"{relation.name}_stated", stated, 0, "C")
    if token_length is not None and token_length(knowledge.prompt) != token_length(control.prompt):
        return None
    return knowledge, control


def _like(
    fact: Fact,
    table: Sequence[Fact],
    lengths: _Lengths,
    rng: Random,
    answers_taken: set[str],
    answers: bool = False,
) -> Fact | None:
    """Another fact with an untaken answer and a subject (with `answers`, an answer too) of the same length."""
    wanted = lengths[fact]
    fitting = [
        other
        for other in table
        if other.answer not in answers_taken
        and lengths[other][0] == wanted[0]
        and (not answers or lengths[other][1] == wanted[1])
    ]
    return rng.choice(fitting) if fitting else None


def _asked(template: Template, fact: Fact, context: Sequence[Fact]) -> Asked:
    return ask(template, fact.subject, examples=[Example(other.subject, other.answer) for other in context])


def _templates(relation: Relation) -> tuple[Template, ...]:
    frames = {"plain": relation.plain, "variant": relation.variant, "question": relation.question}
    return tuple(
        Template(name, frame, n_examples=2, joint="\n\n" if "\n" in frame else ".\n") for name, frame in frames.items()
    )


def _words(text: str) -> int:
    return len(text.split())


def _build(
    relation: Relation, *, seed: int, n: int, difficulty: int | None = None, token_length: TokenLength | None = None
) -> list[Item]:
    return [control for _, control in pairs(relation, seed=seed, n=n, token_length=token_length)]


FAMILIES: tuple[Family, ...] = tuple(
    Family(
        name=f"{relation.name}_stated",
        kind="control",
        domain=relation.domain,
        about=f"The fact is stated in the prompt, then asked for: {relation.about[0].lower()}{relation.about[1:]}",
        build=partial(_build, relation),
    )
    for relation in RELATIONS
)
