"""Families that draw a conclusion: truth values, orders of persons, rules about invented kinds."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from strata.experiments.items.reasoning.frame import Problem, Side, Task, Template, Vocabulary, options
from strata.experiments.items.reasoning.text_with_spans import Marked, joined, mark

_TRUTHS = ("False", "True")
_PEOPLE = ("Tom", "Anna", "Ben", "Kate", "Sam", "Mary", "Paul", "Jane", "Mark", "Lucy", "Jack", "Emma", "Dan")
_KINDS = ("wug", "dax", "blick", "zorp", "fep", "toma", "gorp", "lorp", "quib", "snib", "vorn", "yim", "plok")
_TRAITS = ("happy", "loud", "quick", "calm", "brave", "cold", "kind", "quiet", "shy", "warm", "sad", "old")


def _draw_boolean(rng: Random, answer: str, difficulty: int, words: Vocabulary) -> Problem | None:
    """Truth values under one connective, under one with negations, under two with brackets.

    In the partner one truth value is flipped, so that the whole flips.
    """
    count = rng.choice((2, 3, 4)) if difficulty == 1 else difficulty
    connectives = [rng.choice(("and", "or"))] * (count - 1)
    if difficulty == 3:
        connectives = [rng.choice(("and", "or")), rng.choice(("and", "or"))]
    negated = [difficulty > 1 and rng.random() < 0.5 for _ in range(count)]
    values = [rng.random() < 0.5 for _ in range(count)]
    flipped = rng.randrange(count)
    changed = [value != (index == flipped) for index, value in enumerate(values)]
    if str(_truth(values, negated, connectives)) != answer or (
        _truth(changed, negated, connectives) == _truth(values, negated, connectives)
    ):
        return None

    def side(truths: Sequence[bool]) -> Side:
        expression = _expression(truths, negated, connectives, flipped, brackets=difficulty == 3)
        result = str(_truth(truths, negated, connectives))
        return Side(result, {"expression": expression}, operands=tuple(map(str, truths)))

    clean, foil = side(values), side(changed)
    return Problem(
        clean=clean,
        foil=foil,
        cluster=clean.fields["expression"].text,
        foil_cluster=foil.fields["expression"].text,
        choices=("True", "False"),
        hops=count - 1 + sum(negated),
    )


def _truth(values: Sequence[bool], negated: Sequence[bool], connectives: Sequence[str]) -> bool:
    """The value from left to right: the first two are bracketed together when there are three."""
    terms = [value != flip for value, flip in zip(values, negated, strict=True)]
    result = terms[0]
    for connective, term in zip(connectives, terms[1:], strict=True):
        result = (result and term) if connective == "and" else (result or term)
    return result


def _expression(
    values: Sequence[bool],
    negated: Sequence[bool],
    connectives: Sequence[str],
    flipped: int,
    brackets: bool,
) -> Marked:
    parts: list[Marked] = []
    for index, value in enumerate(values):
        if index:
            parts.append(Marked(f" {connectives[index - 1]} "))
        if negated[index]:
            parts.append(Marked("not "))
        names = [f"operand_{'abcd'[index]}"] + (["operand"] if index == flipped else [])
        parts.append(mark(str(value), *names))
        if brackets and index == 1:
            parts = [Marked("("), *parts, Marked(")")]
    return joined(parts)


def _draw_ordering(rng: Random, answer: str, difficulty: int, words: Vocabulary) -> Problem | None:
    """Who is tallest (or shortest) of three to five persons, from comparisons of neighbours in the order.

    In the partner the comparison between the first two is turned round by replacing its comparative.
    """
    persons = [answer, *rng.sample([name for name in words["people"] if name != answer], difficulty + 1)]
    down = rng.random() < 0.5
    taller, shorter = ("taller", "shorter") if down else ("shorter", "taller")
    fields = {"query": mark("tallest" if down else "shortest", "query")}
    links = list(range(len(persons) - 1))
    rng.shuffle(links)
    turned = {link: rng.random() < 0.5 for link in links}

    def facts(flip: bool) -> tuple[dict[str, Marked], ...]:
        lines = []
        for link in links:
            first, second = persons[link], persons[link + 1]
            relation = taller
            if turned[link]:
                first, second, relation = second, first, shorter
            if link == 0 and flip:
                relation = shorter if relation == taller else taller
            named = mark(relation, "operand") if link == 0 else Marked(relation)
            lines.append({"a": Marked(first), "r": named, "b": Marked(second)})
        return tuple(lines)

    def side(flip: bool) -> Side:
        lines = facts(flip)
        statements = tuple(f"{line['a'].text} {line['r'].text} {line['b'].text}" for line in lines)
        return Side(persons[int(flip)], fields, lines, statements)

    clean, foil = side(False), side(True)
    return Problem(
        clean=clean,
        foil=foil,
        cluster="; ".join(sorted(map(str, clean.operands))),
        foil_cluster="; ".join(sorted(map(str, foil.operands))),
        choices=options(rng, answer, persons[1], persons),
        hops=len(links),
        names=frozenset(persons),
    )


def _draw_deduction(rng: Random, answer: str, difficulty: int, words: Vocabulary) -> Problem | None:
    """The trait of a person's kind, over one to three rules; in the partner the person's kind is replaced.

    Two chains of rules stand in the prompt in mixed order, so both traits are in reach.
    """
    other = rng.choice([trait for trait in words["traits"] if trait != answer])
    kinds = rng.sample(words["kinds"], 2 * difficulty)
    name = rng.choice(words["people"])
    chains = [[*kinds[:difficulty], answer], [*kinds[difficulty:], other]]
    rules = [(chain[i], chain[i + 1]) for chain in chains for i in range(difficulty)]
    rng.shuffle(rules)
    lines = tuple({"kind": Marked(kind), "is": Marked(thing)} for kind, thing in rules)

    def side(chain: Sequence[str]) -> Side:
        fields = {"operand": mark(chain[0], "operand"), "name": mark(name, "query")}
        return Side(chain[-1], fields, lines, (name, chain[0]), tuple(chain[1:-1]))

    return Problem(
        clean=side(chains[0]),
        foil=side(chains[1]),
        cluster="; ".join(f"{kind} {thing}" for kind, thing in sorted(rules)),
        foil_cluster="; ".join(f"{kind} {thing}" for kind, thing in sorted(rules)),
        choices=options(rng, answer, other, words["traits"]),
        hops=difficulty,
        names=frozenset((name, *kinds)),
    )


BOOLEAN = Task(
    name="boolean",
    domain="logic",
    about="Truth of an expression (1: one connective, 2: with negations, 3: two connectives in brackets)",
    templates=(
        Template("lines", "{expression} =", n_examples=5),
        Template("arrow", "{expression} ->", n_examples=5),
        Template("question", "Q: What is {expression}?\nA:", n_examples=4),
        Template("bare", "The expression {expression} evaluates to"),
    ),
    difficulties=(1, 2, 3),
    answers=lambda difficulty, words: _TRUTHS,
    draw=_draw_boolean,
)
ORDERING = Task(
    name="ordering",
    domain="logic",
    about="The tallest or shortest of some persons (1: three, 2: four, 3: five)",
    templates=(
        Template("lines", "{lines} The {query} is", "{a} is {r} than {b}.", n_examples=3, after=".\n"),
        Template("question", "{lines}\nQ: Who is {query}?\nA:", "{a} is {r} than {b}.", n_examples=3),
        Template("short", "{lines}. {query}:", "{a} {r} than {b}", ", ", n_examples=4),
        Template("bare", "{lines} Of them all, the {query} is", "{a} is {r} than {b}."),
    ),
    difficulties=(1, 2, 3),
    answers=lambda difficulty, words: words["people"][:8],
    draw=_draw_ordering,
    pools={"people": _PEOPLE},
)
DEDUCTION = Task(
    name="deduction",
    domain="logic",
    about="The trait of someone's invented kind by one to three rules",
    templates=(
        Template(
            "every", "{lines} {name} is a {operand}. {name} is", "Every {kind} is {is}.", n_examples=2, after=".\n"
        ),
        Template(
            "all", "{lines} {name} is one {operand}. So {name} is", "Any {kind} is {is}.", n_examples=2, after=".\n"
        ),
        Template(
            "question", "{lines}\nQ: {name} is a {operand}. What is {name}?\nA:", "A {kind} is {is}.", n_examples=2
        ),
        Template("bare", "{lines} {name} is a {operand}. Therefore {name} is", "Every {kind} is {is}."),
    ),
    difficulties=(1, 2, 3),
    answers=lambda difficulty, words: words["traits"][:8],
    draw=_draw_deduction,
    pools={"people": _PEOPLE, "kinds": _KINDS, "traits": _TRAITS},
)
TASKS = (BOOLEAN, ORDERING, DEDUCTION)
