"""Built-in knowledge: true-to-table minimal pairs, many entities, several templates, nothing given away."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from strata.experiments.items.family import Family
from strata.experiments.items.jsonl import read_items, write_items
from strata.experiments.items.knowledge import FAMILIES
from strata.experiments.items.knowledge.drawing import distinguishable, exemplars, partners, seeded, spread
from strata.experiments.items.knowledge.relations import BY_NAME, N_EXAMPLES
from strata.experiments.items.knowledge.tables import Fact, bare, facts
from strata.experiments.items.knowledge.templates import Example, Template, ask
from strata.experiments.items.schema import Item
from strata.probes.checkpoints.checkpoint import Checkpoint

EVERY = 10**6
each_family = pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)


def pieces(text: str) -> int:
    """A toy tokenizer: words cut into pieces of at most three letters."""
    return sum(-(-len(word) // 3) for word in text.split())


def test_there_are_at_least_ten_general_and_four_medical_families() -> None:
    domains = Counter(family.domain == "medicine" for family in FAMILIES)
    assert domains[False] >= 10
    assert domains[True] >= 4
    assert len({family.name for family in FAMILIES}) == len(FAMILIES)
    assert {family.kind for family in FAMILIES} == {"knowledge"}


@each_family
def test_a_family_holds_forty_facts_with_one_answer_to_each_subject(family: Family) -> None:
    table = facts(family.name)
    assert len(table) >= 40
    assert len({bare(fact.subject).casefold() for fact in table}) == len(table)
    for fact in table:
        assert fact.subject == fact.subject.strip() != ""
        assert fact.answer == fact.answer.strip() != ""


def test_probe_targets_are_shared_by_enough_entities_in_several_families() -> None:
    def shared(name: str) -> int:
        return sum(count >= 4 for count in Counter(fact.answer for fact in facts(name)).values())

    rich = [family for family in FAMILIES if shared(family.name) >= 5]
    assert len(rich) >= 6
    assert sum(family.domain == "medicine" for family in rich) >= 2


@each_family
def test_a_family_asks_every_entity_in_every_template(family: Family) -> None:
    items = family.build(seed=0, n=EVERY)
    templates = {item.template for item in items}
    assert len(templates) >= 3
    assert "few_shot" in templates
    assert Counter(item.cluster for item in items) == {item.cluster: len(templates) for item in items}
    assert len(items) == len(templates) * (len(facts(family.name)) - N_EXAMPLES)
    assert len({item.id for item in items}) == len({item.prompt for item in items}) == len(items)


@each_family
def test_every_item_restates_a_fact_of_its_table(family: Family) -> None:
    known = {fact.subject: f" {fact.answer}" for fact in facts(family.name)}
    for item in family.build(seed=3, n=EVERY):
        assert item.answer == known[subject(item.prompt, item.spans["subject"])]
        assert item.foil == known[subject(item.foil_prompt, item.foil_spans["subject"])]
        assert item.cluster == f"{family.name}:{subject(item.prompt, item.spans['subject'])}"
        assert (item.kind, item.family, item.domain, item.hops) == ("knowledge", family.name, family.domain, 1)


@each_family
def test_pairs_differ_in_the_subject_and_in_a_scorable_answer_only(family: Family) -> None:
    for item in family.build(seed=0, n=EVERY, token_length=pieces):
        assert_minimal_pair(item)


@each_family
def test_worked_examples_show_no_asked_subject_and_are_the_same_everywhere(family: Family) -> None:
    items = [item for item in family.build(seed=0, n=EVERY) if item.template == "few_shot"]
    prefixes = {before_subject_line(item) for item in items}
    assert len(prefixes) == 1
    (prefix,) = prefixes
    assert len([fact for fact in facts(family.name) if mentions(prefix, fact)]) >= N_EXAMPLES
    asked = {item.cluster.split(":", 1)[1] for item in items} | {item.extra["foil_subject"] for item in items}
    shown = exemplars(facts(family.name), N_EXAMPLES, seeded(0, family.name, "exemplars"), lambda fact: fact.answer)
    assert not asked & {fact.subject for fact in shown}
    assert len({fact.answer for fact in shown}) == N_EXAMPLES
    assert all(fact.answer in prefix and fact.subject in prefix for fact in shown)


@each_family
def test_choices_hold_answer_and_foil_among_four_of_the_family(family: Family) -> None:
    vocabulary = {f" {fact.answer}" for fact in facts(family.name)}
    items = family.build(seed=0, n=40)
    for item in items:
        assert {item.answer, item.foil} <= set(item.choices) <= vocabulary
        assert len(set(item.choices)) == 4
        assert all(distinguishable(a, b) for a in item.choices for b in item.choices if a != b)
    assert len({item.choices.index(item.answer) for item in family.build(seed=0, n=EVERY)}) == 4


@each_family
def test_the_same_seed_gives_the_same_items_and_another_seed_others(family: Family) -> None:
    assert family.build(seed=5, n=60) == family.build(seed=5, n=60)
    assert family.build(seed=5, n=60) != family.build(seed=6, n=60)


@each_family
@pytest.mark.parametrize(("n", "entities"), [(1, 1), (7, 7), (12, 12), (25, 13), (40, 20), (72, 36), (144, 36)])
def test_few_items_are_about_many_entities_before_they_are_in_many_templates(
    family: Family, n: int, entities: int
) -> None:
    items = family.build(seed=0, n=n)
    assert len(items) == n
    assert len({item.cluster for item in items}) == entities
    asked = Counter(item.template for item in items)
    assert len(asked) == min(n, 4)
    # A mutual pair is one place in the round of templates, so it counts once.
    foil_of = {str(item.extra["subject"]): str(item.extra["foil_subject"]) for item in items}
    places = {frozenset((s, foil_of[s])) if foil_of.get(foil_of[s]) == s else frozenset((s,)) for s in foil_of}
    each = Counter(
        template
        for place in places
        for template in {item.template for item in items if item.extra["subject"] == min(place)}
    )
    if n % entities == 0:
        assert max(each.values()) - min(each.values()) <= 1


@each_family
def test_the_two_of_a_mutual_pair_are_asked_in_the_same_templates(family: Family) -> None:
    items = family.build(seed=3, n=16)
    templates: dict[str, set[str]] = {}
    for item in items:
        templates.setdefault(str(item.extra["subject"]), set()).add(item.template)
    foils = {str(item.extra["subject"]): str(item.extra["foil_subject"]) for item in items}
    mutual = [subject for subject, other in foils.items() if foils.get(other) == subject]
    assert len(mutual) >= 2
    for subject in mutual:
        assert templates[subject] == templates[foils[subject]]


@each_family
def test_partners_have_equal_length_wherever_the_table_holds_one(family: Family) -> None:
    lengths: dict[str, list[int]] = {}
    foil_lengths: dict[str, list[int]] = {}
    answers: dict[str, str] = {}
    for item in family.build(seed=0, n=EVERY, token_length=pieces):
        lengths.setdefault(item.cluster, []).append(pieces(item.prompt))
        foil_lengths.setdefault(item.cluster, []).append(pieces(item.foil_prompt))
        answers[item.cluster] = item.answer
    assert any(lengths[cluster] == foil_lengths[cluster] for cluster in lengths)
    for cluster, answer in answers.items():
        if lengths[cluster] != foil_lengths[cluster]:
            assert not [
                other
                for other, another in answers.items()
                if lengths[other] == lengths[cluster] and distinguishable(another, answer)
            ], cluster


def test_built_in_items_satisfy_the_schema(tmp_path: object) -> None:
    from pathlib import Path

    path = Path(str(tmp_path)) / "items.jsonl"
    items = [item for family in FAMILIES for item in family.build(seed=0, n=40)]
    write_items(path, items)
    assert read_items(path) == items


def test_known_facts_stand_in_the_tables() -> None:
    sure = {
        "capital": ("Mongolia", "Ulaanbaatar"),
        "symbol": ("tungsten", "W"),
        "currency": ("Kenya", "shilling"),
        "language": ("Brazil", "Portuguese"),
        "author": ("Dracula", "Bram Stoker"),
        "drug_class": ("warfarin", "anticoagulants"),
        "infection_agent": ("malaria", "parasite"),
        "medical_root": ("nephro", "kidney"),
    }
    for name, (subject_, answer) in sure.items():
        assert {fact.subject: fact.answer for fact in facts(name)}.get(subject_) == answer


def test_elements_and_symbols_agree_with_their_order_in_the_periodic_table() -> None:
    first = "H He Li Be B C N O F Ne Na Mg Al Si P S Cl Ar K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se Br Kr Rb Sr"
    symbols = {fact.subject: fact.answer for fact in facts("symbol")}
    elements = {fact.subject: fact.answer for fact in facts("element")}
    assert [symbols[elements[str(number)]] for number in range(1, 39)] == first.split()


def test_partners_are_mutual_as_far_as_lengths_allow() -> None:
    entities = [Fact("a" * (1 + index % 3), f"answer {index}") for index in range(12)]
    entities = [Fact(f"{fact.subject}{index:02d}", fact.answer) for index, fact in enumerate(entities)]
    partner_of = partners(
        entities,
        entities,
        random.Random(0),
        lambda fact, other: fact.answer != other.answer,
        lambda fact: (len(fact.subject),),
    )
    assert all(partner_of[partner_of[entity]] == entity for entity in entities)
    assert all(len(partner_of[entity].subject) == len(entity.subject) for entity in entities)


def test_a_small_draw_prefers_answers_that_several_entities_share() -> None:
    entities = [Fact(f"{answer}{index}", answer) for answer in "abcdef" for index in range(6)]
    entities += [Fact(f"single {index}", f"s{index}") for index in range(30)]
    drawn = spread(entities, 20, random.Random(1), lambda fact: fact.answer)
    assert sorted(Counter(fact.answer for fact in drawn).values()) == [5, 5, 5, 5]
    assert len({fact.answer for fact in spread(entities, 36, random.Random(1), lambda fact: fact.answer)}) == 6
    assert set(spread(entities, 66, random.Random(1), lambda fact: fact.answer)) == set(entities)


def test_a_frame_that_opens_with_the_subject_is_refused() -> None:
    with pytest.raises(ValueError, match="doesn't open it"):
        Template("bad", "{x} has the capital")


def test_spans_count_behind_examples_and_asides() -> None:
    template = Template("w", "Not {d}, but {x} is", n_examples=1, joint="; ")
    asked = ask(template, "Rome", examples=[Example("Bonn", "small", "Oslo")], aside="Timbuktu")
    assert asked.prompt == "Not Oslo, but Bonn is small; Not Timbuktu, but Rome is"
    assert {name: subject(asked.prompt, span) for name, span in asked.spans.items()} == {
        "aside": "Timbuktu",
        "subject": "Rome",
    }


@pytest.mark.model
def test_the_embedded_tokenizer_aligns_nearly_all_pairs(smollm2: Checkpoint) -> None:
    def token_length(text: str) -> int:
        return len(smollm2.encode(text))

    items = [item for family in FAMILIES for item in family.build(seed=0, n=80, token_length=token_length)]
    equal = [token_length(item.prompt) == token_length(item.foil_prompt) for item in items]
    assert sum(equal) >= 0.95 * len(equal)


def test_every_relation_has_a_table_and_a_family() -> None:
    assert set(BY_NAME) == {family.name for family in FAMILIES}


def subject(prompt: str, span: tuple[int, int]) -> str:
    return prompt[slice(*span)]


def mentions(prefix: str, fact: Fact) -> bool:
    return fact.subject in prefix and fact.answer in prefix


def before_subject_line(item: Item) -> str:
    start, _ = item.spans["subject"]
    return item.prompt[: item.prompt.rindex("\n\n" if "\n\n" in item.prompt else "\n", 0, start)]


def assert_minimal_pair(item: Item) -> None:
    start, end = item.spans["subject"]
    foil_start, foil_end = item.foil_spans["subject"]
    assert item.prompt[:start] == item.foil_prompt[:foil_start]
    assert item.prompt[end:] == item.foil_prompt[foil_end:]
    assert item.prompt[start:end] != item.foil_prompt[foil_start:foil_end]
    assert distinguishable(item.answer, item.foil)
    assert item.answer.startswith(" ")
    assert item.foil.startswith(" ")
    assert start > 0
