"""How do chained facts become two-hop items, each with its one-hop forms and its matched one-hop partner?"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import partial

from pydantic import JsonValue, TypeAdapter

from strata.experiments.items.composite.asides import asides
from strata.experiments.items.composite.chains import Chain, Link
from strata.experiments.items.family import Family, TokenLength
from strata.experiments.items.knowledge.build import CHOICES, slug, word_count
from strata.experiments.items.knowledge.drawing import (
    MIN_ENTITIES,
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
from strata.experiments.items.knowledge.templates import Asked, Example, Template, ask
from strata.experiments.items.schema import Item

PER_ANSWER = 2
"""Subjects taken of one answer before the next answer is opened: an aside has neither the answer nor the foil, so that ten
subjects can be one another's asides only if they have four answers or more."""
CONTRAST = "KR-K"
"""Composite against knowledge, a bridge on top of the same retrieval, where words and lengths are balanced."""
UNMATCHED = "KR-K unmatched"
"""The same in templates of which a bag of words tells the two kinds of entity apart."""


def family(chain: Chain) -> Family:
    """The chain as a built-in family."""
    return Family(chain.name, "composite", chain.domain, chain.about, partial(build, chain))


def build(
    chain: Chain, *, seed: int, n: int, difficulty: int | None = None, token_length: TokenLength | None = None
) -> list[Item]:
    """At most `n` two-hop items, subject by subject: ten subjects or more, each in as many templates as `n` then allows.

    The two of a mutual pair are asked in the same templates. The subjects of a template are the ones that it mentions aside, so
    that words and kinds of entity are balanced within every template, where it has enough of them: from about 40 items on.

    `difficulty` is ignored. The pair differs in subject, bridge and answer; with `token_length` the pair's
    prompts, and those of the one-hop partner's pair, have equally many tokens where there is such a partner.

    `extra` of each item holds `bridge`, `bridge_answer_form`, both one-hop forms (`first_hop`, `second_hop`:
    prompt, answer, foil_prompt, foil; with worked examples where the item has them), `match`, `contrast`
    (`KR-K` in the `matched` template), and `partner`, from which `matched_knowledge` makes the one-hop item.
    """
    demonstrations = exemplars(chain.links, N_EXAMPLES, seeded(seed, chain.name, "exemplars"), _answer)
    shown = {link.bridge for link in demonstrations}
    asked = [link for link in chain.links if link.bridge not in shown]
    each = templates_each(n, len(asked), len(chain.templates), MIN_ENTITIES)
    drawn = spread(asked, math.ceil(n / each), seeded(seed, chain.name, "entities"), _answer, PER_ANSWER)
    texts = _Texts(chain, demonstrations)
    measure = token_length or word_count
    foils = partners(
        drawn,
        asked,
        seeded(seed, chain.name, "partners"),
        lambda link, other: distinguishable(link.bridge, other.bridge) and distinguishable(link.answer, other.answer),
        lambda link: tuple(
            measure(text.prompt)
            for template in chain.templates
            for text in (texts.two_hop(template, link, link), texts.one_hop(template, link, link))
        ),
    )
    places = shared_places(drawn, foils)
    templates = {link: in_turn(chain.templates, each, places[link]) for link in drawn}
    mentioned = {
        template.id: asides(
            [link for link in drawn if template in templates[link]],
            asked,
            seeded(seed, chain.name, "asides"),
            lambda link, other: (
                not {other.answer, other.bridge} & {link.answer, link.bridge, foils[link].answer, foils[link].bridge}
            ),
        )
        for template in chain.templates
    }
    vocabulary = [link.answer for link in (drawn if len({link.answer for link in drawn}) >= CHOICES else asked)]
    items: list[Item] = []
    for link in drawn:
        foil = foils[link]
        choices = options(
            link.answer, foil.answer, vocabulary, CHOICES, seeded(seed, chain.name, "choices", link.subject)
        )
        for template in templates[link]:
            aside = mentioned[template.id][link]
            here, there = texts.two_hop(template, link, aside), texts.two_hop(template, foil, aside)
            match = f"{chain.name}:{slug(link.subject)}:{template.id}"
            items.append(
                Item(
                    id=match,
                    kind="composite",
                    family=chain.name,
                    domain=chain.domain,
                    prompt=here.prompt,
                    answer=f" {link.answer}",
                    foil_prompt=there.prompt,
                    foil=f" {foil.answer}",
                    cluster=f"{chain.name}:{link.subject}",
                    template=template.id,
                    hops=2,
                    choices=tuple(f" {choice}" for choice in choices),
                    spans=here.spans,
                    foil_spans=there.spans,
                    source="built-in",
                    extra=_extra(chain, texts, template, link, foil, aside) | {"match": match},
                )
            )
    return items[:n]


def matched_knowledge(items: Iterable[Item]) -> list[Item]:
    """The one-hop partner of every composite item, in order: the same frame, with the bridge for a subject.

    Answer, foil, choices, template, `match` and `contrast` are the item's; the family is the item's with
    `_direct` behind it. Works on items read from a file as on fresh ones; items without a partner are passed by.
    """
    knowledge_items: list[Item] = []
    for item in items:
        partner = item.extra.get("partner")
        if item.kind != "composite" or not isinstance(partner, dict):
            continue
        knowledge_items.append(
            Item(
                id=f"{item.id}:direct",
                kind="knowledge",
                family=f"{item.family}_direct",
                domain=item.domain,
                prompt=str(partner["prompt"]),
                answer=item.answer,
                foil_prompt=str(partner["foil_prompt"]),
                foil=item.foil,
                cluster=f"{item.family}:{item.extra['bridge']}",
                template=item.template,
                hops=1,
                choices=item.choices,
                spans=_pairs(partner["spans"]),
                foil_spans=_pairs(partner["foil_spans"]),
                source=item.source,
                extra={key: item.extra[key] for key in ("match", "contrast", "shots") if key in item.extra},
            )
        )
    return knowledge_items


class _Texts:
    """Every text about a link, with the worked examples of one build."""

    def __init__(self, chain: Chain, demonstrations: Sequence[Link]) -> None:
        # Each example mentions the next one's entity: together they mention each once, as the items do.
        following = (*demonstrations[1:], *demonstrations[:1])
        self.chain = chain
        self.two = [
            Example(s.subject, s.answer, t.bridge_subject) for s, t in zip(demonstrations, following, strict=True)
        ]
        self.one = [
            Example(s.bridge_subject, s.answer, t.subject) for s, t in zip(demonstrations, following, strict=True)
        ]
        self.first = [Example(link.subject, link.bridge) for link in demonstrations]
        self.second = [Example(link.bridge_subject, link.answer) for link in demonstrations]

    def two_hop(self, template: Template, link: Link, aside: Link) -> Asked:
        return ask(template, link.subject, examples=self.two, aside=aside.bridge_subject)

    def one_hop(self, template: Template, link: Link, aside: Link) -> Asked:
        return ask(template, link.bridge_subject, examples=self.one, aside=aside.subject)

    def hop(self, relation: Relation, examples: Sequence[Example], subject: str, worked: bool) -> str:
        template = relation.few_shot if worked else relation.templates[0]
        return ask(template, subject, examples=examples).prompt


def _extra(
    chain: Chain, texts: _Texts, template: Template, link: Link, foil: Link, aside: Link
) -> dict[str, JsonValue]:
    worked = template.n_examples > 0
    here, there = texts.one_hop(template, link, aside), texts.one_hop(template, foil, aside)
    extra: dict[str, JsonValue] = {
        "subject": link.subject,
        "foil_subject": foil.subject,
        "bridge": link.bridge,
        "bridge_answer_form": f" {link.bridge}",
        "foil_bridge": foil.bridge,
        "relations": [chain.first.name, chain.second.name],
        "shots": template.n_examples,
        "first_hop": {
            "prompt": texts.hop(chain.first, texts.first, link.subject, worked),
            "answer": f" {link.bridge}",
            "foil_prompt": texts.hop(chain.first, texts.first, foil.subject, worked),
            "foil": f" {foil.bridge}",
        },
        "second_hop": {
            "prompt": texts.hop(chain.second, texts.second, link.bridge_subject, worked),
            "answer": f" {link.answer}",
            "foil_prompt": texts.hop(chain.second, texts.second, foil.bridge_subject, worked),
            "foil": f" {foil.answer}",
        },
        "partner": {
            "prompt": here.prompt,
            "foil_prompt": there.prompt,
            "spans": {name: list(span) for name, span in here.spans.items()},
            "foil_spans": {name: list(span) for name, span in there.spans.items()},
        },
    }
    return extra | {"contrast": CONTRAST if "aside" in here.spans else UNMATCHED}


def _pairs(spans: JsonValue) -> dict[str, tuple[int, int]]:
    return TypeAdapter(dict[str, tuple[int, int]]).validate_python(spans)


def _answer(link: Link) -> str:
    return link.answer
