"""How does a table of facts become minimal pairs in several templates?"""

from __future__ import annotations

import math
import re
from functools import partial

from strata.experiments.items.family import Family, TokenLength
from strata.experiments.items.knowledge.drawing import (
    distinguishable,
    exemplars,
    in_turn,
    options,
    partners,
    seeded,
    shared_places,
    spread,
    templates_each,
)
from strata.experiments.items.knowledge.relations import N_EXAMPLES, Relation
from strata.experiments.items.knowledge.tables import Fact, facts
from strata.experiments.items.knowledge.templates import Example, ask
from strata.experiments.items.schema import Item

CHOICES = 4


def family(relation: Relation) -> Family:
    """The relation as a built-in family."""
    return Family(relation.name, "knowledge", relation.domain, relation.about, partial(build, relation))


def build(
    relation: Relation, *, seed: int, n: int, difficulty: int | None = None, token_length: TokenLength | None = None
) -> list[Item]:
    """At most `n` one-hop items, entity by entity: ten entities before any is asked in two templates, thirty-six before any is asked
    in three, where `n` and the table hold them.

    `difficulty` is ignored: there are no levels. With `token_length` the pair's prompts have equally many tokens
    where the table holds such a partner, without it equally many words.
    """
    table = facts(relation.name)
    demonstrations = exemplars(table, N_EXAMPLES, seeded(seed, relation.name, "exemplars"), answer_of)
    asked = [fact for fact in table if fact not in demonstrations]
    examples = [Example(fact.subject, fact.answer) for fact in demonstrations]
    each = templates_each(n, len(asked), len(relation.templates))
    count = math.ceil(n / each)
    drawn = spread(asked, count, seeded(seed, relation.name, "entities"), answer_of)
    measure = token_length or word_count
    foils = partners(
        drawn,
        asked,
        seeded(seed, relation.name, "partners"),
        lambda fact, other: distinguishable(fact.answer, other.answer),
        lambda fact: tuple(measure(ask(w, fact.subject, examples=examples).prompt) for w in relation.templates),
    )
    vocabulary = [fact.answer for fact in drawn]
    if len(set(vocabulary)) < CHOICES:
        vocabulary = [fact.answer for fact in asked]
    items: list[Item] = []
    places = shared_places(drawn, foils)
    for fact in drawn:
        foil = foils[fact]
        choices = options(
            fact.answer, foil.answer, vocabulary, CHOICES, seeded(seed, relation.name, "choices", fact.subject)
        )
        for template in in_turn(relation.templates, each, places[fact]):
            here = ask(template, fact.subject, examples=examples)
            there = ask(template, foil.subject, examples=examples)
            name = f"{relation.name}:{slug(fact.subject)}"
            items.append(
                Item(
                    id=f"{name}:{template.id}",
                    kind="knowledge",
                    family=relation.name,
                    domain=relation.domain,
                    prompt=here.prompt,
                    answer=f" {fact.answer}",
                    foil_prompt=there.prompt,
                    foil=f" {foil.answer}",
                    cluster=f"{relation.name}:{fact.subject}",
                    template=template.id,
                    hops=1,
                    choices=tuple(f" {choice}" for choice in choices),
                    spans=here.spans,
                    foil_spans=there.spans,
                    source="built-in",
                    extra={
                        "relation": relation.name,
                        "subject": fact.subject,
                        "foil_subject": foil.subject,
                        "shots": template.n_examples,
                        "match": f"{name}:{template.id}",
                    },
                )
            )
    return items[:n]


def answer_of(fact: Fact) -> str:
    return fact.answer


def word_count(text: str) -> int:
    """Stands in for a token count where no tokenizer is at hand."""
    return len(text.split())


def slug(name: str) -> str:
    """A name as it stands in ids: lower case, other characters than letters and digits as dashes."""
    return re.sub(r"\W+", "-", name.casefold()).strip("-")
