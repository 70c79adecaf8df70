"""Which answer does a generated text give, why does it give none, and is it the item's?"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple


class ThinkTags(NamedTuple):
    """What a chain of thought stands between."""

    open: str
    close: str


OPEN, CLOSE = "<think>", "</think>"
TAGS = ThinkTags(OPEN, CLOSE)
NEVER_CLOSED = "never closes its think block"
NOTHING_AFTER = "nothing follows its think block"
NOTHING = "nothing was written"

_BOXED = re.compile(r"\\boxed\{([^{}]*)\}")
_STATED = re.compile(r"\banswer(?:\s+is|\s*:)\s*\**\s*(.+)", re.IGNORECASE)
_NUMBER = re.compile(r"-?\d+(?:,\d{3})*(?:\.\d+)?")


@dataclass(frozen=True)
class Answer:
    """What a text answers, or why it doesn't."""

    value: str | None
    """The answer as written, without surrounding space; None when there is none."""
    chain_of_thought: str | None
    """What stood in the think block; None without one."""
    reason: str | None
    """Why there is no answer."""


def extract_answer(text: str, *, opened: bool = False, tags: ThinkTags = TAGS) -> Answer:
    """The answer that `text` ends in: what follows the last closing tag, or the first line written without one.

    `opened` says that the prompt itself ended inside a think block. A boxed answer counts before its surroundings.
    """
    chain_of_thought: str | None = None
    rest = text
    if opened or tags.open in text or tags.close in text:
        before, closed, rest = text.rpartition(tags.close)
        inside = before if closed else text
        chain_of_thought = inside.partition(tags.open)[2] if tags.open in text else inside
        chain_of_thought = chain_of_thought.strip()
        if not closed:
            return Answer(None, chain_of_thought, NEVER_CLOSED)
    boxed = _BOXED.findall(rest)
    lines = _lines(rest)
    if boxed and boxed[-1].strip():
        return Answer(boxed[-1].strip(), chain_of_thought, None)
    if not lines:
        return Answer(None, chain_of_thought, NOTHING if chain_of_thought is None else NOTHING_AFTER)
    stated = _stated(lines) if chain_of_thought is not None else []
    return Answer(stated[-1] if stated else lines[0], chain_of_thought, None)


def gives_answer(reply: str) -> bool:
    """Whether what follows a think block has boxed or stated its answer already."""
    return any(boxed.strip() for boxed in _BOXED.findall(reply)) or bool(_stated(_lines(reply)))


def is_right(answer: Answer, expected: str, choices: Sequence[str] = ()) -> bool:
    """Whether `answer` says `expected`, in any case and with any punctuation around it.

    Right is an answer that begins with `expected` as whole words; failing that, a sentence in which `expected` is the
    only one of the `choices` that is mentioned, or, for a number, the last number. No answer is never right.
    """
    if answer.value is None:
        return False
    given, wanted = _plain(answer.value), _plain(expected)
    if not wanted:
        return False
    if _begins(given, wanted):
        return True
    others = {_plain(choice) for choice in choices} - {wanted}
    if any(_begins(given, other) for other in others):
        return False
    if _NUMBER.fullmatch(wanted):
        numbers = _NUMBER.findall(given)
        # Without words around it, a number that begins the answer is the answer, and it was another one.
        return bool(numbers) and not _NUMBER.match(given) and numbers[-1].replace(",", "") == wanted
    mentioned = {choice for choice in (wanted, *others) if _mentions(given, choice)}
    return bool(others) and mentioned == {wanted}


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def _stated(lines: Sequence[str]) -> list[str]:
    """What lines like `The answer is 12` say; where such a line only announces it, the next one does."""
    statements = []
    for line, following in zip(lines, (*lines[1:], ""), strict=False):
        if match := _STATED.search(line):
            statement = match.group(1).strip() if _plain(match.group(1)) else following
            statements += [statement] if statement else []
    return statements


def _plain(text: str) -> str:
    return " ".join(text.casefold().strip(" \t\n.,;:!?*\"'`$()[]").split())


def _begins(text: str, words: str) -> bool:
    after = text[len(words) : len(words) + 2]
    # `12.5` and `12,500` do not say 12.
    return text.startswith(words) and not re.match(r"\w|[.,]\d", after)


def _mentions(text: str, words: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(words)}(?!\w)", text) is not None
