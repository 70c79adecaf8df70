"""Is a trace true? Facts and answer are read anew from the question's text; the teacher's data are not looked at."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

_ORDINALS = {"first": 0, "second": 1, "third": 2, "fourth": 3, "fifth": 4, "sixth": 5, "seventh": 6}
_THING = re.compile(r"[a-z]+")


@dataclass(frozen=True)
class Reading:
    """What a question's text says."""

    answer: str
    """Worked out from the text."""
    holds: Callable[[Sequence[str]], bool]
    """Whether these steps are all true of the text, and complete in their form."""
    claims: frozenset[str] = frozenset()
    """Every step that is true of the text, as it is written here; empty where steps are calculations."""


def fault_of(family: str, question: str, steps: Sequence[str], answer: str) -> str | None:
    """What is wrong with a trace, or None for one that is true, complete and ends in the right answer.

    Raises KeyError for a family that can't be read.
    """
    try:
        reading = reading_of(family, question)
    except ValueError as error:
        return f"the question can't be read ({error})"
    if reading.answer != answer:
        return f"the answer is {reading.answer}, not {answer}"
    if not steps:
        return "there is no step"
    try:
        return None if reading.holds(steps) else "a step is not true"
    except (ValueError, IndexError, KeyError) as error:
        return f"a step can't be read ({error})"


def reading_of(family: str, question: str) -> Reading:
    """What a question of a family says. Raises KeyError for a family that can't be read, ValueError for such a text."""
    read = _READERS[family]
    try:
        return read(question)
    except (IndexError, KeyError, AttributeError, AssertionError) as error:
        raise ValueError(str(error)) from error


def _value(node: ast.AST) -> int:
    """Sums, differences, products and truth values; anything else is no step."""
    match node:
        case ast.Expression(body=body):
            return _value(body)
        case ast.Constant(value=int(value)):
            return int(value)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return _value(left) + _value(right)
        case ast.BinOp(left=left, op=ast.Sub(), right=right):
            return _value(left) - _value(right)
        case ast.BinOp(left=left, op=ast.Mult(), right=right):
            return _value(left) * _value(right)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return int(not _value(operand))
        case ast.BoolOp(op=ast.And(), values=values):
            return int(all(_value(part) for part in values))
        case ast.BoolOp(op=ast.Or(), values=values):
            return int(any(_value(part) for part in values))
    raise ValueError("unknown sign")


def evaluate(expression: str) -> int:
    """The value of a sum, difference, product or truth expression. Raises ValueError for anything else."""
    try:
        return _value(ast.parse(expression.strip(), mode="eval"))
    except SyntaxError as error:
        raise ValueError(f"{expression!r} is no expression") from error


def _true(step: str) -> bool:
    """`7 + 3 = 10`, `9 > 4`, `not True = False`."""
    parts = re.split(r" (=|>) ", step)
    values, signs = [evaluate(part) for part in parts[::2]], parts[1::2]
    return bool(signs) and all(
        left == right if sign == "=" else left > right
        for sign, (left, right) in zip(signs, pairwise(values), strict=True)
    )


def _reaches(steps: Sequence[str], result: int) -> bool:
    """Every step is true and the last one arrives."""
    return all(map(_true, steps)) and evaluate(re.split(r" [=>] ", steps[-1])[-1]) == result


def _calculation(compute: Callable[[list[int]], int]) -> Callable[[str], Reading]:
    def read(question: str) -> Reading:
        numbers = [int(digits) for digits in re.findall(r"\d+", question)]
        result = compute(numbers)

        def holds(steps: Sequence[str]) -> bool:
            # Every operand, or its digits, has to be used, so that a true but idle sum does not pass.
            used = "".join(re.findall(r"\d", " ".join(steps)))
            return _reaches(steps, result) and all(str(number)[-1] in used for number in numbers)

        return Reading(str(result), holds)

    return read


def _compared(question: str) -> Reading:
    large, small = sorted((int(digits) for digits in re.findall(r"\d+", question)), reverse=True)
    return Reading(str(large), lambda steps: all(map(_true, steps)) and steps[-1] == f"{large} > {small}")


def _truth(question: str) -> Reading:
    expression = re.search(r"[(]?(?:not |True|False)[TrueFalsandot ()]*(?:True|False)[)]?", question)
    assert expression is not None
    text = expression.group()
    result = bool(evaluate(text if text.count("(") == text.count(")") else text.strip("()")))
    return Reading(str(result), lambda steps: _reaches(steps, int(result)))


def _list_and_word(question: str, asked: str) -> tuple[list[str], str]:
    """The entries and the word asked about, which `asked` finds together with the words around it."""
    match = re.search(asked, question)
    if match is None:
        raise ValueError("nothing is asked")
    return _THING.findall(match.group("list")), match.group("word")


_COUNTED = (
    r"^(?P<list>[a-z ]+)\. Number of (?P<word>\w+):$",
    r"^count\((?P<word>\w+)\) in \[(?P<list>[a-z, ]+)\] =$",
    r"^Q: How often does (?P<word>\w+) stand in: (?P<list>[a-z ]+)\?\nA:$",
    r"^In the list (?P<list>[a-z, ]+), the number of times (?P<word>\w+) occurs is$",
)
_INDEXED = (
    r"^(?P<list>[a-z, ]+)\. The (?P<word>\w+) is$",
    r"^List: (?P<list>[a-z, ]+)\nQ: Which is (?P<word>\w+)\?\nA:$",
    r"^(?P<word>\w+) of (?P<list>[a-z, ]+) ->$",
    r"^In the list (?P<list>[a-z, ]+), the (?P<word>\w+) word is$",
)
_FOLLOWED = (
    r"^(?P<list>[a-z, ]+)\. (?P<step>\d) places? after (?P<word>\w+):$",
    r"^List: (?P<list>[a-z, ]+)\nQ: What comes (?P<step>\d) places? after (?P<word>\w+)\?\nA:$",
    r"^(?P<list>[a-z ]+) \| (?P<word>\w+) \+ (?P<step>\d) places? ->$",
    r"^In the list (?P<list>[a-z, ]+), the word (?P<step>\d) places? after (?P<word>\w+) is$",
)


def _any_of(patterns: Sequence[str], question: str) -> str:
    return next((pattern for pattern in patterns if re.search(pattern, question)), patterns[0])


def _running(words: Sequence[str]) -> Iterator[tuple[str, int]]:
    for place, word in enumerate(words):
        yield word, list(words[: place + 1]).count(word)


def _counted(question: str) -> Reading:
    words, wanted = _list_and_word(question, _any_of(_COUNTED, question))
    right = [f"{word} {n}" if word == wanted else word for word, n in _running(words)]
    return Reading(str(words.count(wanted)), lambda steps: list(steps) == right, frozenset(right))


def _most(question: str) -> Reading:
    words = _THING.findall(re.sub(r"Most:|->|[:|]", "", question))
    ranked = Counter(words).most_common()
    right = [f"{word} {n}" for word, n in _running(words)]
    counts = f"{ranked[0][1]} > {ranked[1][1]}"

    def holds(steps: Sequence[str]) -> bool:
        return list(steps[:-1]) == right and steps[-1] == counts

    return Reading(ranked[0][0], holds, frozenset([*right, counts]))


def _indexed(question: str) -> Reading:
    words, ordinal = _list_and_word(question, _any_of(_INDEXED, question))
    place = _ORDINALS[ordinal]
    every = [f"{number} {word}" for number, word in enumerate(words, 1)]
    return Reading(words[place], lambda steps: list(steps) == every[: place + 1], frozenset(every))


def _followed(question: str) -> Reading:
    pattern = _any_of(_FOLLOWED, question)
    words, start = _list_and_word(question, pattern)
    match = re.search(pattern, question)
    assert match is not None
    after, step = words[words.index(start) :], int(match.group("step"))
    every = [start, *(f"{number} {word}" for number, word in enumerate(after[1:], 1))]
    return Reading(after[step], lambda steps: list(steps) == every[: step + 1], frozenset(every))


def _bound(question: str) -> Reading:
    facts = dict(re.findall(r"\b(\w) = (\w)\b", question))
    asked = re.findall(r"(\w) =$", question)[0]
    return _walk({(left, "=", right) for left, right in facts.items()}, asked, len(facts))


def _friends(question: str) -> Reading:
    links = [
        *re.findall(r"friend of (\w+) is (\w+)\.", question),
        *re.findall(r"(\w+)'s friend(?: is|:) (\w+)", question),
    ]
    ask = re.split(r"[.,] |\n", question.removesuffix("\nA:"))[-1]
    hops = ask.count("friend")
    named = re.search(r"friend of ([A-Z]\w*) is$|(?:^|Q: Who is )([A-Z]\w*)'s", ask)
    assert named is not None
    return _walk(
        {(person, "->", friend) for person, friend in links}, named.group(1) or named.group(2), hops, exactly=True
    )


def _deduced(question: str) -> Reading:
    rules = re.findall(r"(?:Every|Any|A) (\w+) is (\w+)\.", question)
    name, kind = re.findall(r"(\w+) is (?:a|one) (\w+)\.", question)[0]
    return _walk({(subject, "->", predicate) for subject, predicate in [(name, kind), *rules]}, name, len(rules) + 1)


def _walk(links: set[tuple[str, str, str]], start: str, most: int, exactly: bool = False) -> Reading:
    """From `start` along the links, to the end or for exactly `most` of them."""
    ahead = {word: (sign, other) for word, sign, other in links}
    way: list[str] = []
    at = start
    while at in ahead and len(way) < most:
        sign, other = ahead[at]
        way.append(f"{at} {sign} {other}")
        at = other
    if not way or (exactly and len(way) < most):
        raise ValueError("the way ends early")
    claims = frozenset(f"{word} {sign} {other}" for word, sign, other in links)
    return Reading(at, lambda steps: list(steps) == way, claims)


def _ordered(question: str) -> Reading:
    comparisons = re.findall(r"([A-Z]\w+) (?:is )?(taller|shorter) than ([A-Z]\w+)", question)
    above = {(first, second) if word == "taller" else (second, first) for first, word, second in comparisons}
    grown = set(above)
    while True:
        more = {(first, last) for first, middle in grown for same, last in grown if middle == same} - grown
        if not more:
            break
        grown |= more
    names = {name for pair in above for name in pair}
    row = sorted(names, key=lambda name: sum(taller == name for taller, _ in grown), reverse=True)
    if any(pair not in grown for pair in pairwise(row)):
        raise ValueError("the order is not complete")

    def holds(steps: Sequence[str]) -> bool:
        return {tuple(step.split(" > ")) for step in steps[:-1]} == above and steps[-1] == " > ".join(row)

    claims = frozenset(f"{taller} > {shorter}" for taller, shorter in grown)
    return Reading(row[0] if "tallest" in question else row[-1], holds, claims)


_READERS: dict[str, Callable[[str], Reading]] = {
    "addition": _calculation(sum),
    "addition_carry": _calculation(sum),
    "subtraction": _calculation(lambda numbers: numbers[0] - numbers[1]),
    "modular": _calculation(lambda numbers: (numbers[0] + numbers[1]) % numbers[2]),
    "comparison": _compared,
    "counting": _counted,
    "majority": _most,
    "indexing": _indexed,
    "next_in_list": _followed,
    "binding": _bound,
    "relation_chain": _friends,
    "ordering": _ordered,
    "deduction": _deduced,
    "boolean": _truth,
}
