"""Families that count, compare or point at the entries of a short list in the prompt."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from strata.experiments.items.reasoning.frame import Problem, Side, Task, Template, Vocabulary, options
from strata.experiments.items.reasoning.text_with_spans import Marked, mark

_THINGS = ("cat", "dog", "cup", "hat", "key", "pen", "box", "egg", "bus", "map", "bed", "car", "cow", "pig")
_COLOURS = ("red", "blue", "green", "white", "black", "pink", "brown", "gold", "grey", "orange")
_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh")


def _entries(words: Sequence[str], marked: int | None = None) -> tuple[dict[str, Marked], ...]:
    """One line per entry; entry `marked` is the `operand`."""
    return tuple({"x": mark(word, "operand") if index == marked else Marked(word)} for index, word in enumerate(words))


def _listed(words: Sequence[str]) -> str:
    return " ".join(words)


def _counting_answers(difficulty: int, words: Vocabulary) -> tuple[str, ...]:
    return tuple(map(str, {1: range(1, 5), 2: range(1, 7), 3: range(2, 9)}[difficulty]))


def _draw_counting(rng: Random, answer: str, difficulty: int, words: Vocabulary) -> Problem | None:
    """How often a word stands in a list of 4, 6 or 9; one entry is replaced, so the count moves by one."""
    length, count = {1: 4, 2: 6, 3: 9}[difficulty], int(answer)
    moves = [step for step in (-1, 1) if str(count + step) in _counting_answers(difficulty, words)]
    step = rng.choice(moves)
    wanted, other = rng.sample(words["things"], 2)
    entries = [wanted] * count + [other] * (length - count)
    rng.shuffle(entries)
    target = rng.choice([i for i, word in enumerate(entries) if (word == wanted) == (step < 0)])
    changed = list(entries)
    changed[target] = other if step < 0 else wanted
    fields = {"query": mark(wanted, "query")}

    def side(listed: Sequence[str], result: int) -> Side:
        return Side(str(result), fields, _entries(listed, target), tuple(listed))

    pool = tuple(map(str, range(1, 10)))
    return Problem(
        clean=side(entries, count),
        foil=side(changed, count + step),
        cluster=f"{wanted}:{_listed(entries)}",
        foil_cluster=f"{wanted}:{_listed(changed)}",
        choices=options(rng, answer, str(count + step), pool),
    )


def _draw_majority(rng: Random, answer: str, difficulty: int, words: Vocabulary) -> Problem | None:
    """Which of two words stands more often in a list of 3, 5 or 7; one entry is replaced, so it flips."""
    length = {1: 3, 2: 5, 3: 7}[difficulty]
    other = rng.choice([word for word in words["things"] if word != answer])
    entries = [answer] * (length // 2 + 1) + [other] * (length // 2)
    rng.shuffle(entries)
    target = rng.choice([i for i, word in enumerate(entries) if word == answer])
    changed = list(entries)
    changed[target] = other
    return Problem(
        clean=Side(answer, {}, _entries(entries, target), tuple(entries)),
        foil=Side(other, {}, _entries(changed, target), tuple(changed)),
        cluster=_listed(entries),
        foil_cluster=_listed(changed),
        choices=options(rng, answer, other, words["things"]),
    )


def _length(difficulty: int) -> int:
    return {1: 3, 2: 5, 3: 7}[difficulty]


def _draw_indexing(rng: Random, answer: str, difficulty: int, words: Vocabulary) -> Problem | None:
    """The entry at an ordinal; in the partner the ordinal is replaced."""
    length = _length(difficulty)
    entries = rng.sample([word for word in words["colours"] if word != answer], length - 1)
    place = rng.randrange(length)
    entries.insert(place, answer)
    other = rng.choice([i for i in range(length) if i != place])

    def side(index: int) -> Side:
        fields = {"operand": mark(_ORDINALS[index], "operand", "query")}
        return Side(entries[index], fields, _entries(entries), (*entries, index + 1))

    return Problem(
        clean=side(place),
        foil=side(other),
        cluster=_listed(entries),
        foil_cluster=_listed(entries),
        choices=options(rng, answer, entries[other], entries),
    )


def _draw_next(rng: Random, answer: str, difficulty: int, words: Vocabulary) -> Problem | None:
    """The entry one, two or three places after a named one; in the partner the named one is replaced."""
    length, step = 5, difficulty
    entries = rng.sample([word for word in words["colours"] if word != answer], length - 1)
    place = rng.randrange(step, length)
    entries.insert(place, answer)
    others = [i for i in range(step, length) if i != place]
    other = rng.choice(others)
    counted = {1: "1 place", 2: "2 places", 3: "3 places"}[step]

    def side(index: int) -> Side:
        fields = {"operand": mark(entries[index - step], "operand", "query"), "step": Marked(counted)}
        passed = tuple(entries[index - step + 1 : index])
        return Side(entries[index], fields, _entries(entries), (*entries, entries[index - step]), passed)

    return Problem(
        clean=side(place),
        foil=side(other),
        cluster=_listed(entries),
        foil_cluster=_listed(entries),
        choices=options(rng, answer, entries[other], entries),
        hops=step,
    )


COUNTING = Task(
    name="counting",
    domain="lists",
    about="How often a word stands in a list (1: of 4, 2: of 6, 3: of 9)",
    templates=(
        Template("lines", "{lines}. Number of {query}:", "{x}", n_examples=4),
        Template("count", "count({query}) in [{lines}] =", "{x}", ", ", n_examples=4),
        Template("question", "Q: How often does {query} stand in: {lines}?\nA:", "{x}", n_examples=3),
        Template("bare", "In the list {lines}, the number of times {query} occurs is", "{x}", ", "),
    ),
    difficulties=(1, 2, 3),
    answers=_counting_answers,
    draw=_draw_counting,
    pools={"things": _THINGS},
)
MAJORITY = Task(
    name="majority",
    domain="lists",
    about="Which of two words stands more often in a list (1: of 3, 2: of 5, 3: of 7)",
    templates=(
        Template("arrow", "{lines} ->", "{x}", n_examples=8),
        Template("colon", "{lines}:", "{x}", n_examples=8),
        Template("bar", "{lines} |", "{x}", n_examples=8),
        Template("most", "{lines}. Most:", "{x}", n_examples=8),
    ),
    difficulties=(1, 2, 3),
    answers=lambda difficulty, words: words["things"][:8],
    draw=_draw_majority,
    pools={"things": _THINGS},
)
INDEXING = Task(
    name="indexing",
    domain="lists",
    about="The entry at a place in a list (1: of 3, 2: of 5, 3: of 7)",
    templates=(
        Template("lines", "{lines}. The {operand} is", "{x}", ", ", n_examples=4, after=".\n"),
        Template("question", "List: {lines}\nQ: Which is {operand}?\nA:", "{x}", ", ", n_examples=3),
        Template("arrow", "{operand} of {lines} ->", "{x}", ", ", n_examples=4),
        Template("bare", "In the list {lines}, the {operand} word is", "{x}", ", "),
    ),
    difficulties=(1, 2, 3),
    answers=lambda difficulty, words: words["colours"][:8],
    draw=_draw_indexing,
    pools={"colours": _COLOURS},
)
NEXT = Task(
    name="next_in_list",
    domain="lists",
    about="The entry that follows a named one in a list (1: directly, 2: two places on, 3: three)",
    templates=(
        Template("lines", "{lines}. {step} after {operand}:", "{x}", ", ", n_examples=4),
        Template("question", "List: {lines}\nQ: What comes {step} after {operand}?\nA:", "{x}", ", ", n_examples=3),
        Template("arrow", "{lines} | {operand} + {step} ->", "{x}", " ", n_examples=4),
        Template("bare", "In the list {lines}, the word {step} after {operand} is", "{x}", ", "),
    ),
    difficulties=(1, 2, 3),
    answers=lambda difficulty, words: words["colours"][:8],
    draw=_draw_next,
    pools={"colours": _COLOURS},
)
TASKS = (COUNTING, MAJORITY, INDEXING, NEXT)
