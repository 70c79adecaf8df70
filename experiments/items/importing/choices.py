"""Which options does a row offer, and which of them is right?"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from string import ascii_uppercase
from typing import Any

from experiments.items.importing.mapping import ChoicesSpec


class UnusableRowError(ValueError):
    """A row that gives no item; the message says why, in words shared by all such rows."""


@dataclass(frozen=True)
class Options:
    """The options of one row."""

    texts: tuple[str, ...]
    """Their texts, in order."""
    right: int | None
    """Index of the right one; None where the mapping doesn't say."""
    stem: str
    """The question without the options, where they stood in its text."""

    @property
    def letters(self) -> tuple[str, ...]:
        return tuple(ascii_uppercase[: len(self.texts)])

    @property
    def listed(self) -> str:
        """One option a line, with letters."""
        return "\n".join(f"{letter}. {text}" for letter, text in zip(self.letters, self.texts, strict=True))


def options_of(spec: ChoicesSpec, value: Callable[[str], Any]) -> Options:
    """The options that the mapping names; `value` looks up a field. Raises UnusableRowError."""
    stem = ""
    if spec.inside:
        stem, texts = _inside(str(value(spec.inside)), spec)
    elif spec.columns:
        texts = [str(value(column)) for column in spec.columns]
    elif spec.field:
        texts = _listed(value(spec.field))
    else:
        texts = list(spec.values)
    texts = [text.strip() for text in texts]
    if len(texts) < 2 or not all(texts):
        raise UnusableRowError("the row has fewer than two options")
    if len(texts) > len(ascii_uppercase):
        raise UnusableRowError("the row has more options than letters")
    right = _right(spec, value(spec.correct), texts) if spec.correct else None
    return Options(tuple(texts), right, stem)


def _listed(value: Any) -> list[str]:
    """A list, a map's values, or a text that writes a list as JSON or Python does."""
    if isinstance(value, str):
        for parse in (json.loads, ast.literal_eval):
            try:
                value = parse(value)
                break
            except (ValueError, SyntaxError):
                continue
    if isinstance(value, dict):
        # The form of several hub data sets: {"text": [...], "label": [...]}.
        value = value.get("text", list(value.values()))
    if not isinstance(value, (list, tuple)):
        raise UnusableRowError("the options aren't a list")
    return [str(one) for one in value]


def _inside(text: str, spec: ChoicesSpec) -> tuple[str, list[str]]:
    """The stem and the options of a text that lists them one after the other."""
    stem, tail = text, text
    if spec.after:
        stem, found, tail = text.rpartition(spec.after)
        if not found:
            raise UnusableRowError(f"the text has no {spec.after!r}")
    starts: list[tuple[int, int]] = []
    position = 0
    for letter in ascii_uppercase:
        mark = spec.marker.replace("A", letter)
        # A marker opens the text or follows a space, so that one inside a word doesn't count.
        match = re.compile(rf"(?:(?<=\s)|^){re.escape(mark)}").search(tail, position)
        if match is None:
            break
        starts.append(match.span())
        position = match.end()
    if not starts:
        raise UnusableRowError(f"the text has no option {spec.marker!r}")
    if not spec.after:
        stem = text[: starts[0][0]]
    ends = [start for start, _ in starts[1:]] + [len(tail)]
    return stem.strip(), [tail[begin:end] for (_, begin), end in zip(starts, ends, strict=True)]


def _right(spec: ChoicesSpec, value: Any, texts: Sequence[str]) -> int:
    """Index of the right option, given as a number, a letter (bare or in brackets) or its text."""
    if isinstance(value, (list, tuple)):
        if len(value) != 1:
            raise UnusableRowError("the row has not exactly one right option")
        value = value[0]
    text = str(value).strip()
    letter = text.strip("().: ").upper()
    way = spec.correct_is
    if not way:
        number = type(value) is int or text.isdigit()
        way = "index" if number else "letter" if len(letter) == 1 and letter.isalpha() else "text"
        if text in texts and type(value) is not int:
            way = "text"
    try:
        if way == "index":
            index = int(text) - spec.first
        elif way == "letter":
            index = ascii_uppercase.index(letter)
        else:
            index = list(texts).index(text)
    except ValueError:
        raise UnusableRowError("the right option can't be told") from None
    if not 0 <= index < len(texts):
        raise UnusableRowError("the right option is none of the options")
    return index
