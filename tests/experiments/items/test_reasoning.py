"""Reasoning families: every answer is worked out again from the text, every pair is minimal, nothing leaks."""

from __future__ import annotations

import math
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from toy_encoders import PieceEncoder

from strata.experiments.items.alignment import encode_items
from strata.experiments.items.family import Family
from strata.experiments.items.item_validation import item_from_dict
from strata.experiments.items.jsonl import item_to_dict
from strata.experiments.items.reasoning import FAMILIES
from strata.experiments.items.reasoning.frame import equal_length
from strata.experiments.items.reasoning.text_with_spans import fill, joined, mark
from strata.experiments.items.schema import Item
from strata.probes.errors import StrataError

ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh")
each_family = pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
each_setting = pytest.mark.parametrize(
    ("family", "difficulty"),
    [(family, difficulty) for family in FAMILIES for difficulty in family.difficulties],
    ids=lambda value: value.name if isinstance(value, Family) else str(value),
)


def last_line(text: str) -> str:
    return text.rsplit("\n", 1)[-1]


def numbers(text: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", text)]


def extreme(text: str) -> str:
    """The tallest or shortest person, by trying every order that the statements allow."""
    statements = re.findall(r"(\w+) is (taller|shorter) than (\w+)\.", text)
    above = {(a, b) if relation == "taller" else (b, a) for a, relation, b in statements}
    persons = {person for pair in above for person in pair}
    wanted = {person for person in persons if all(pair[1] != person for pair in above)}
    if "The shortest" in text:
        wanted = {person for person in persons if all(pair[0] != person for pair in above)}
    assert len(wanted) == 1, text
    return wanted.pop()


def followed(links: dict[str, str], start: str, steps: int | None = None) -> str:
    while start in links and steps != 0:
        start, steps = links[start], None if steps is None else steps - 1
    return start


def modular(text: str) -> str:
    *terms, modulus = numbers(text)
    return str(sum(terms) % modulus)


def counted(text: str) -> str:
    entries, query = re.fullmatch(r"(.*)\. Number of (\w+):", text).groups()
    return str(entries.split().count(query))


def indexed(text: str) -> str:
    entries, ordinal = re.fullmatch(r"(.*)\. The (\w+) is", text).groups()
    return str(entries.split(", ")[ORDINALS.index(ordinal)])


def next_one(text: str) -> str:
    entries, step, named = re.fullmatch(r"(.*)\. (\d) places? after (\w+):", text).groups()
    listed = entries.split(", ")
    return str(listed[listed.index(named) + int(step)])


def deduced(text: str) -> str:
    rules = dict(re.findall(r"Every (\w+) is (\w+)\.", text))
    kind = re.search(r" is a (\w+)\. \w+ is$", text)
    assert kind
    return followed(rules, kind.group(1))


def bound(text: str) -> str:
    facts, asked = re.fullmatch(r"Set (.*)\. Now (\w) =", text).groups()
    return followed(dict(fact.split(" = ") for fact in facts.split(", ")), asked)


def chained(text: str) -> str:
    *facts, question = re.split(r"(?<=\.) ", text)
    links = dict(re.findall(r"The friend of (\w+) is (\w+)\.", " ".join(facts)))
    return followed(links, question.split()[-2], question.count("friend"))


def divided(text: str) -> int:
    first, second = numbers(text)
    assert first % second == 0, text
    return first // second


# Template and the solution of one problem in it; each solution reads nothing but the text.
SOLVERS: dict[str, tuple[str, Callable[[str], str]]] = {
    "addition": ("lines", lambda text: str(sum(numbers(text)))),
    "addition_carry": ("spoken", lambda text: str(sum(numbers(text)))),
    "subtraction": ("lines", lambda text: str(numbers(text)[0] - numbers(text)[1])),
    "modular": ("lines", modular),
    "comparison": ("function", lambda text: str(max(numbers(text)))),
    "counting": ("lines", counted),
    "majority": ("arrow", lambda text: Counter(text.removesuffix(" ->").split()).most_common(1)[0][0]),
    "indexing": ("lines", indexed),
    "next_in_list": ("lines", next_one),
    "boolean": ("lines", lambda text: str(eval(text.removesuffix(" =")))),
    "ordering": ("lines", extreme),
    "deduction": ("every", deduced),
    "binding": ("shown", bound),
    "relation_chain": ("friend", chained),
    "product": ("lines", lambda text: str(math.prod(numbers(text)))),
    "quotient": ("lines", lambda text: str(divided(text))),
}


def test_there_are_sixteen_families_with_a_difficulty_and_distinct_names() -> None:
    assert len({family.name for family in FAMILIES}) == len(FAMILIES) == 16
    assert set(SOLVERS) == {family.name for family in FAMILIES}
    for family in FAMILIES:
        assert family.kind == "reasoning" and len(family.difficulties) >= 2


@each_setting
def test_answers_foils_and_worked_examples_are_right(family: Family, difficulty: int) -> None:
    template, solve = SOLVERS[family.name]
    chosen = [
        item
        for item in family.build(seed=3, n=80, difficulty=difficulty)
        if item.template == f"{family.name}.{template}"
    ]
    assert len(chosen) >= 10
    for item in chosen:
        assert solve(last_line(item.prompt)) == item.answer.strip(), item.prompt
        assert solve(last_line(item.foil_prompt)) == item.foil.strip(), item.foil_prompt
        *examples, _ = item.prompt.split("\n")
        assert examples
        for example in examples:
            problem, answer = example.removesuffix(".").rsplit(" ", 1)
            assert solve(problem) == answer, example


@each_setting
def test_a_pair_differs_in_one_word_the_operand_and_has_another_answer(family: Family, difficulty: int) -> None:
    for item in family.build(seed=0, n=60, difficulty=difficulty):
        words = [re.findall(r"\w+|\W", prompt) for prompt in (item.prompt, item.foil_prompt)]
        assert len(words[0]) == len(words[1])
        assert sum(word != other for word, other in zip(*words, strict=True)) == 1
        (start, end), (foil_start, foil_end) = item.spans["operand"], item.foil_spans["operand"]
        assert item.prompt[:start] == item.foil_prompt[:foil_start]
        assert item.prompt[end:] == item.foil_prompt[foil_end:]
        assert item.answer != item.foil
        assert item.answer[0] == item.foil[0] == " "


@each_setting
def test_worked_examples_show_neither_the_problem_nor_its_partner(family: Family, difficulty: int) -> None:
    template, _ = SOLVERS[family.name]
    for item in family.build(seed=5, n=120, difficulty=difficulty):
        if item.template == f"{family.name}.{template}":
            *examples, own = item.prompt.split("\n")
            partner = last_line(item.foil_prompt)
            assert not any(example.startswith((own, partner)) for example in examples), item.prompt


@each_family
def test_sixty_items_ask_every_answer_at_least_five_times_in_at_least_three_templates(family: Family) -> None:
    items = family.build(seed=0, n=60)
    assert len(items) >= 40
    assert min(Counter(item.answer for item in items).values()) >= 5
    templates = Counter(item.template for item in items)
    assert len(templates) >= 3 and min(templates.values()) >= 5
    assert any("\n" in item.prompt for item in items)
    assert len({item.id for item in items}) == len(items)
    assert len({(item.prompt, item.answer) for item in items}) == len(items)


@each_family
def test_even_eight_items_come_in_several_templates_and_begin_the_larger_set(family: Family) -> None:
    items = family.build(seed=0, n=8)
    assert len(items) == 8 and len({item.template for item in items}) >= 3
    assert family.build(seed=0, n=40)[:8] == items


@each_setting
def test_items_carry_what_probes_and_reports_need(family: Family, difficulty: int) -> None:
    for item in family.build(seed=1, n=30, difficulty=difficulty):
        assert item_from_dict(item_to_dict(item)) == item
        assert {item.answer, item.foil} <= set(item.choices)
        assert len(set(item.choices)) == len(item.choices) >= 2
        assert item.extra["difficulty"] == difficulty and item.extra["operands"]
        assert item.hops >= 1
        if item.family in ("relation_chain", "addition", "binding", "deduction"):
            assert len(item.extra["intermediate"]) == item.hops - 1


@each_setting
def test_pairs_line_up_token_by_token_under_a_tokenizer_that_cuts_words(family: Family, difficulty: int) -> None:
    encoder = PieceEncoder(longest=4)
    items = family.build(seed=0, n=60, difficulty=difficulty, token_length=encoder.length)
    encoded, excluded = encode_items(items, encoder)
    assert not excluded
    if family.name == "boolean":
        # There are only two truth values, and at the start of a line this tokenizer cuts them differently.
        assert sum(encoded_item.aligned for encoded_item in encoded) >= len(items) / 2
    else:
        assert [encoded_item.unaligned_reason for encoded_item in encoded] == [None] * len(items)


@each_family
def test_the_same_seed_gives_the_same_items_and_another_seed_others(family: Family) -> None:
    assert family.build(seed=1, n=40) == family.build(seed=1, n=40)
    assert family.build(seed=1, n=40) != family.build(seed=2, n=40)


def test_items_do_not_depend_on_the_hash_seed_of_the_process() -> None:
    script = (
        "from strata.experiments.items.reasoning import FAMILIES\n"
        "import hashlib\n"
        "items = [repr(item) for family in FAMILIES for item in family.build(seed=0, n=12)]\n"
        "print(hashlib.sha256(''.join(items).encode()).hexdigest())"
    )
    prints = {
        subprocess.run(
            [sys.executable, "-c", script], env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
            capture_output=True, check=True, text=True,
        ).stdout
        for seed in ("1", "2")
    }  # fmt: skip
    assert len(prints) == 1


def test_a_family_of_few_problems_ends_instead_of_repeating_itself() -> None:
    items = FAMILIES[0].build(seed=0, n=10_000)
    bodies = {(item.template, last_line(item.prompt)) for item in items}
    digits, sums = range(1, 10), range(4, 10)
    # Pairs of digits whose first can be replaced so that another of the sums comes out.
    asked = [(a, b) for a in digits for b in digits if a + b in sums and any(1 <= s - b != a for s in sums)]
    assert len(items) == len(bodies) == 4 * len(asked)


def test_a_difficulty_that_a_family_does_not_have_is_refused() -> None:
    with pytest.raises(StrataError, match="difficulty 9"):
        FAMILIES[0].build(seed=0, n=1, difficulty=9)


@given(st.lists(st.text("abcdefgh", min_size=1, max_size=9), min_size=1, max_size=20, unique=True))
def test_pools_are_cut_down_to_words_of_one_length(words: list[str]) -> None:
    encoder = PieceEncoder(longest=3)
    pool = equal_length(words, encoder.length)
    assert len({encoder.length(f" {word}") for word in pool}) == 1
    assert equal_length(words, encoder.length, least=len(words) + 1) == tuple(words)
    assert equal_length(words, None) == tuple(words)


@given(st.lists(st.text("ab =", max_size=4), min_size=1, max_size=4), st.text("xy", min_size=1, max_size=3))
def test_spans_follow_their_text_wherever_it_is_put(parts: list[str], value: str) -> None:
    whole = joined([fill(f"{part}{{slot}}|", {"slot": mark(value, f"n{i}")}) for i, part in enumerate(parts)], "; ")
    assert [whole.text[slice(*whole.spans[f"n{i}"])] for i in range(len(parts))] == [value] * len(parts)
    assert whole.text == "; ".join(f"{part}{value}|" for part in parts)


def test_an_item_of_every_hop_count_follows_a_chain_of_that_length() -> None:
    family = next(family for family in FAMILIES if family.name == "relation_chain")
    for hops in (1, 2, 3, 4, 5):
        items: list[Item] = family.build(seed=0, n=10, difficulty=hops)
        assert {item.hops for item in items} == {hops}
