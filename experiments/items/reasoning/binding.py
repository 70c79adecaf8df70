"""Families that follow names in the prompt: variables to values, persons to persons over one to five links."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from strata.experiments.items.reasoning.frame import Problem, Side, Task, Template, Vocabulary, options
from strata.experiments.items.reasoning.text_with_spans import Marked, mark

_VARIABLES = ("a", "b", "c", "d", "k", "m", "n", "p", "r", "t", "x", "y", "z")
_VALUES = tuple(map(str, range(1, 10)))
_NONCE = (
    "Mir", "Sel", "Dor", "Nor", "Pel", "Gal", "Bel", "Cor", "Gil", "Hal", "Kir", "Nak", "Rav", "Tam",
    "Var", "Zur", "Tor", "Lar", "Kor", "Kan", "Ven", "Zen", "Til", "Tol", "Lor", "Wen", "Hob", "Kal",
    "Zim", "Kep", "Vex", "Dorn", "Pim", "Fenn", "Mab", "Nub", "Rax", "Tark", "Jax", "Pax", "Gorm", "Rul",
)  # fmt: skip


def _draw_binding(rng: Random, answer: str, difficulty: int, words: Vocabulary) -> Problem | None:
    """The value of one of two or four variables, or of a variable set to another; the queried name is replaced."""
    count = {1: 2, 2: 4, 3: 2}[difficulty]
    names = rng.sample(words["variables"], 2 * count if difficulty == 3 else count)
    values = [answer, *rng.sample([value for value in words["values"] if value != answer], count - 1)]
    facts = list(zip(names, values, strict=False))
    rng.shuffle(facts)
    aliases = list(zip(names[count:], names[:count], strict=False))
    rng.shuffle(aliases)
    lines = tuple({"name": Marked(name), "value": Marked(value)} for name, value in (*facts, *aliases))
    asked = names[count:] if aliases else names

    def side(index: int) -> Side:
        fields = {"operand": mark(asked[index], "operand", "query")}
        between = (names[index],) if aliases else ()
        return Side(values[index], fields, lines, (asked[index],), between)

    cluster = ", ".join(f"{name}={value}" for name, value in sorted((*facts, *aliases)))
    return Problem(
        clean=side(0),
        foil=side(1),
        cluster=cluster,
        foil_cluster=cluster,
        choices=options(rng, answer, values[1], words["values"]),
        hops=2 if aliases else 1,
        names=frozenset(names),
    )


def _draw_chain(rng: Random, answer: str, difficulty: int, words: Vocabulary) -> Problem | None:
    """Who is reached from a person over `difficulty` links, while a second chain of equal length stands by.

    In the partner the first link leads into the other chain, so its end is reached instead.
    """
    ends = _ends(words)
    others = [name for name in words["names"] if name not in ends]
    starts = rng.sample(others, 2 * difficulty)
    other = rng.choice([name for name in ends if name != answer])
    chains = [[*starts[:difficulty], answer], [*starts[difficulty:], other]]
    places = [(chain, link) for chain in range(2) for link in range(difficulty)]
    rng.shuffle(places)

    def side(target: int) -> Side:
        lines = []
        for chain, link in places:
            first = (chain, link) == (0, 0)
            reached = chains[target][1] if first else chains[chain][link + 1]
            named = mark(reached, "operand") if first else Marked(reached)
            lines.append({"a": Marked(chains[chain][link]), "b": named})
        walked = tuple(chains[target][1:-1])
        fields = {"query": mark(chains[0][0], "query"), "path": Marked(" of the friend" * (difficulty - 1))}
        fields["links"] = Marked("'s friend" * difficulty)
        return Side(chains[target][-1], fields, tuple(lines), (chains[0][0],), walked)

    links = sorted(" ".join(chains[chain][link : link + 2]) for chain, link in places)
    return Problem(
        clean=side(0),
        foil=side(1),
        cluster="; ".join(links),
        foil_cluster="; ".join(links),
        choices=options(rng, answer, other, ends),
        hops=difficulty,
        names=frozenset(starts),
    )


def _ends(words: Vocabulary) -> Sequence[str]:
    """The few names that chains end in, so that every answer is asked often; the rest are for the way."""
    return words["names"][: max(2, min(8, len(words["names"]) - 10))]


BINDING = Task(
    name="binding",
    domain="names",
    about="The value of a variable (1: of two, 2: of four, 3: of two that are set to other variables)",
    templates=(
        Template("let", "Let {lines}. Then {operand} =", "{name} = {value}", ", "),
        Template("set", "Set {lines}. Now {operand} =", "{name} = {value}", ", "),
        Template("where", "where {lines}, so that {operand} =", "{name} = {value}", ", "),
        Template("shown", "Set {lines}. Now {operand} =", "{name} = {value}", ", ", n_examples=3),
    ),
    difficulties=(1, 2, 3),
    answers=lambda difficulty, words: words["values"][:8],
    draw=_draw_binding,
    pools={"variables": _VARIABLES, "values": _VALUES},
)
RELATION_CHAIN = Task(
    name="relation_chain",
    domain="names",
    about="Who is reached from a person with an invented name over one to five links",
    templates=(
        Template(
            "friend", "{lines} The friend{path} of {query} is", "The friend of {a} is {b}.", n_examples=2, after=".\n"
        ),
        Template("question", "{lines}\nQ: Who is {query}{links}?\nA:", "{a}'s friend is {b}.", n_examples=2),
        Template("arrow", "{lines}. {query}{links}:", "{a}'s friend: {b}", ", ", n_examples=3),
        Template("bare", "{lines} The friend{path} of {query} is", "The friend of {a} is {b}."),
    ),
    difficulties=(1, 2, 3, 4, 5),
    answers=lambda difficulty, words: tuple(_ends(words)),
    draw=_draw_chain,
    pools={"names": _NONCE},
    least=14,
)
TASKS = (BINDING, RELATION_CHAIN)
