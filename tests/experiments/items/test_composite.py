"""Two-hop items: chained from the knowledge tables, with both one-hop forms and a partner that differs in nothing else."""

from __future__ import annotations

import json
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest

from strata.experiments.items.composite import FAMILIES, matched_knowledge
from strata.experiments.items.composite.asides import asides
from strata.experiments.items.composite.chains import CHAINS
from strata.experiments.items.family import Family
from strata.experiments.items.jsonl import read_items, write_items
from strata.experiments.items.knowledge.drawing import distinguishable, seeded
from strata.experiments.items.knowledge.relations import N_EXAMPLES
from strata.experiments.items.knowledge.tables import bare, facts
from strata.experiments.items.schema import Item
from strata.probes.checkpoints.checkpoint import Checkpoint

EVERY = 10**6
CHAIN = {chain.name: chain for chain in CHAINS}
each_family = pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)


def pieces(text: str) -> int:
    """A toy tokenizer: words cut into pieces of at most three letters."""
    return sum(-(-len(word) // 3) for word in text.split())


def known(table: str) -> dict[str, str]:
    return {bare(fact.subject): fact.answer for fact in facts(table)}


def test_there_are_at_least_four_families_and_one_is_medical() -> None:
    assert len(FAMILIES) >= 4
    assert any(family.domain == "medicine" for family in FAMILIES)
    assert {family.kind for family in FAMILIES} == {"composite"}


@each_family
def test_a_family_asks_forty_subjects_in_every_template(family: Family) -> None:
    items = family.build(seed=0, n=EVERY)
    per_subject = Counter(item.cluster for item in items)
    assert len(per_subject) >= 40
    assert set(per_subject.values()) == {len({item.template for item in items})}
    assert len({item.template for item in items}) >= 4
    assert len({item.id for item in items}) == len({item.prompt for item in items}) == len(items)


@each_family
def test_bridge_and_answer_are_what_the_knowledge_tables_say(family: Family) -> None:
    chain = CHAIN[family.name]
    first, second = known(chain.first.name), known(chain.second.name)
    for item in family.build(seed=2, n=EVERY):
        assert (item.kind, item.hops) == ("composite", 2)
        for prompt, span, bridge, answer in (
            (item.prompt, item.spans["subject"], item.extra["bridge"], item.answer),
            (item.foil_prompt, item.foil_spans["subject"], item.extra["foil_bridge"], item.foil),
        ):
            assert bridge == first[bare(prompt[slice(*span)])]
            assert answer == f" {second[bare(bridge)]}"
        assert item.extra["bridge_answer_form"] == f" {item.extra['bridge']}"


@each_family
def test_both_one_hop_forms_ask_for_the_bridge_and_from_the_bridge(family: Family) -> None:
    for item in family.build(seed=0, n=100):
        first, second = item.extra["first_hop"], item.extra["second_hop"]
        assert last_line(first["prompt"]).count(item.extra["subject"]) == 1
        assert first["answer"] == f" {item.extra['bridge']}"
        assert item.extra["bridge"] in last_line(second["prompt"])
        assert second["answer"] == item.answer
        assert (first["foil"], second["foil"]) == (f" {item.extra['foil_bridge']}", item.foil)
        assert first["prompt"] != first["foil_prompt"]
        assert second["prompt"] != second["foil_prompt"]


@each_family
def test_pairs_differ_in_the_subject_only_and_in_bridge_and_answer(family: Family) -> None:
    items = family.build(seed=0, n=EVERY, token_length=pieces)
    for item in (*items, *matched_knowledge(items)):
        start, end = item.spans["subject"]
        foil_start, foil_end = item.foil_spans["subject"]
        assert item.prompt[:start] == item.foil_prompt[:foil_start]
        assert item.prompt[end:] == item.foil_prompt[foil_end:]
        assert item.prompt[start:end] != item.foil_prompt[foil_start:foil_end]
        assert distinguishable(item.answer, item.foil)
        assert start > 0
    assert all(distinguishable(item.extra["bridge"], item.extra["foil_bridge"]) for item in items)


@each_family
def test_no_worked_example_shows_subject_bridge_or_foil(family: Family) -> None:
    for item in family.build(seed=0, n=EVERY):
        if item.extra["shots"]:
            (partner,) = matched_knowledge([item])
            texts = [item.prompt, partner.prompt, item.extra["first_hop"]["prompt"], item.extra["second_hop"]["prompt"]]
            for name in ("subject", "foil_subject", "bridge", "foil_bridge"):
                for text in texts:
                    shown = examples(text)
                    assert len(shown) == N_EXAMPLES
                    assert not any(f" {item.extra[name]}{end}" in line for line in shown for end in (" ", ".", "?"))


@each_family
def test_the_one_hop_partner_is_the_same_text_with_the_bridge_in_the_slot(family: Family) -> None:
    items = family.build(seed=0, n=60)
    direct = matched_knowledge(items)
    assert [item.extra["match"] for item in items] == [item.extra["match"] for item in direct]
    assert len({item.extra["match"] for item in items}) == len(items)
    for item, partner in zip(items, direct, strict=True):
        assert (partner.kind, partner.hops) == ("knowledge", 1)
        assert (partner.answer, partner.foil, partner.choices, partner.template) == (
            item.answer,
            item.foil,
            item.choices,
            item.template,
        )
        assert bare(partner.prompt[slice(*partner.spans["subject"])]) == bare(item.extra["bridge"])
        assert bare(partner.foil_prompt[slice(*partner.foil_spans["subject"])]) == bare(item.extra["foil_bridge"])
        if item.template in ("plain", "variant", "question"):
            assert around(item) == around(partner)


@each_family
@pytest.mark.parametrize(("n", "least"), [(40, 6), (100, 20)])
def test_matched_templates_hold_the_same_words_over_the_set(family: Family, n: int, least: int) -> None:
    """What a bag of words could tell the two classes apart by is exactly balanced."""
    items = [item for item in family.build(seed=0, n=n) if item.extra["contrast"] == "KR-K"]
    direct = matched_knowledge(items)
    assert len(items) >= least
    assert {item.extra["contrast"] for item in (*items, *direct)} == {"KR-K"}

    def mentioned(subset: list[Item]) -> Counter[str]:
        return Counter(item.prompt[slice(*span)] for item in subset for span in item.spans.values())

    assert mentioned(items) == mentioned(direct)
    assert len({skeleton(item) for item in (*items, *direct)}) == 1


@each_family
@pytest.mark.parametrize(("n", "subjects"), [(10, 10), (12, 12), (40, 10)])
def test_few_items_are_about_ten_subjects_and_balanced_within_every_template(
    family: Family, n: int, subjects: int
) -> None:
    items = family.build(seed=1, n=n)
    assert len(items) == n and len({item.cluster for item in items}) == subjects
    foils = {str(item.extra["subject"]): str(item.extra["foil_subject"]) for item in items}
    asked: dict[str, set[str]] = {}
    for item in items:
        asked.setdefault(str(item.extra["subject"]), set()).add(item.template)
    mutual = [subject for subject, other in foils.items() if foils.get(other) == subject]
    assert len(mutual) >= 4
    for subject in mutual:
        assert asked[subject] == asked[foils[subject]]
    # No answer is so common that giving it always would look like knowing.
    assert Counter(item.answer for item in items).most_common(1)[0][1] <= 0.25 * n


@each_family
def test_the_aside_never_points_at_answer_or_foil(family: Family) -> None:
    chain = CHAIN[family.name]
    answers = {link.bridge_subject: link.answer for link in chain.links}
    for item in family.build(seed=0, n=EVERY):
        if "aside" in item.spans:
            assert f" {answers[item.prompt[slice(*item.spans['aside'])]]}" not in (item.answer, item.foil)


@each_family
def test_items_and_partners_survive_their_file(family: Family, tmp_path: Path) -> None:
    items = family.build(seed=0, n=30)
    path = tmp_path / "items.jsonl"
    write_items(path, [*items, *matched_knowledge(items)])
    back = read_items(path)
    assert back == [*items, *matched_knowledge(items)]
    assert matched_knowledge(back) == matched_knowledge(items), "partners can be made from a file"


@each_family
def test_choices_hold_answer_and_foil_among_four_of_the_family(family: Family) -> None:
    vocabulary = {f" {link.answer}" for link in CHAIN[family.name].links}
    for item in family.build(seed=0, n=100):
        assert {item.answer, item.foil} <= set(item.choices) <= vocabulary
        assert len(set(item.choices)) == 4


@each_family
@pytest.mark.parametrize("n", [1, 8, 120])
def test_the_same_seed_gives_the_same_items_as_many_as_asked(family: Family, n: int) -> None:
    items = family.build(seed=1, n=n)
    assert len(items) == n
    assert items == family.build(seed=1, n=n)
    assert items != family.build(seed=2, n=n)


def test_asides_give_out_every_entity_once_when_they_can() -> None:
    ring = list(range(9))
    given = asides(ring, ring, seeded(0, "ring"), lambda entity, other: (other - entity) % 9 in (1, 2))
    assert sorted(given.values()) == ring
    few = asides([0], ring, seeded(0, "few"), lambda entity, other: other > entity)
    assert few[0] in ring[1:]


@pytest.mark.model
def test_the_embedded_tokenizer_aligns_nearly_all_pairs(smollm2: Checkpoint) -> None:
    def token_length(text: str) -> int:
        return len(smollm2.encode(text))

    items = [item for family in FAMILIES for item in family.build(seed=0, n=100, token_length=token_length)]
    equal = [token_length(item.prompt) == token_length(item.foil_prompt) for item in items]
    assert sum(equal) >= 0.9 * len(equal)


def around(item: Item) -> tuple[str, str]:
    start, end = item.spans["subject"]
    return item.prompt[:start], item.prompt[end:]


def skeleton(item: Item) -> tuple[str, ...]:
    """The asked line without the entities."""
    prompt_prefix = item.prompt.rindex("\n") + 1
    cuts = sorted(item.spans.values())
    bounds = [prompt_prefix, *(offset for span in cuts for offset in span), len(item.prompt)]
    return tuple(item.prompt[a:b] for index, (a, b) in enumerate(pairwise(bounds)) if index % 2 == 0)


def last_line(prompt: str) -> str:
    return prompt.rsplit("\n\n", maxsplit=1)[-1] if "\n\n" in prompt else prompt.rsplit(".\n", maxsplit=1)[-1]


def examples(prompt: str) -> list[str]:
    return (prompt.split("\n\n") if "\n\n" in prompt else prompt.split(".\n" if ".\n" in prompt else "\n"))[:-1]


def test_extra_is_plain_json() -> None:
    for family in FAMILIES:
        for item in family.build(seed=0, n=10):
            assert json.loads(json.dumps(dict(item.extra))) == dict(item.extra)
