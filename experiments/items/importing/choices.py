"""Which options does a row offer, by which labels, and which does it score as right?"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from string import ascii_uppercase
from typing import Any

from strata.experiments.items.importing.column_numbers import number_order
from strata.experiments.items.importing.mapping import ChoicesSpec
from strata.experiments.items.importing.scores import Marking, best, is_score
from strata.experiments.items.importing.usable_values import UnusableRowError, plain_text, written

_TEXTS = ("text", "texts", "option", "options", "choice", "choices", "value", "content", "answer")
_LABELS = ("label", "labels", "key", "keys", "letter", "id")
_SHORT = re.compile(r"[A-Za-z]|\d{1,2}")
_MARKS = (
    re.compile(r"\(([A-Za-z]|\d{1,2})\)\s*(?=\S)"),
    re.compile(r"([A-Za-z]|\d{1,2})\)\s*(?=\S)"),
    re.compile(r"([A-Za-z]|\d{1,2})[.:]\s+(?=\S)"),
)


@dataclass(frozen=True)
class Options:
    """The options of one row."""

    texts: tuple[str, ...]
    """Their texts, in order."""
    labels: tuple[str, ...] = ()
    """What the data calls them; empty where it only lists them."""
    columns: tuple[str, ...] = ()
    """The columns they stood in, when each had one."""
    counted: tuple[int, ...] = ()
    """Their places here in the order in which the data counts them; empty where it is this order."""
    right: int | None = None
    """Index of the right one, where it is known."""
    numeric: bool = False
    """Whether some option was a number and not text."""
    stem: str = ""
    """The question without the options, where they stood in its text."""

    def at(self, position: int) -> int | None:
        """Place of the option that the data counts as this one, from 0; None where there is none."""
        if not 0 <= position < len(self.texts):
            return None
        return self.counted[position] if self.counted else position

    @property
    def letters(self) -> tuple[str, ...]:
        """Their own labels where these are letters or numbers, else A, B, C, …"""
        if self.labels and all(_SHORT.fullmatch(label) for label in self.labels):
            return self.labels
        return tuple(ascii_uppercase[: len(self.texts)])

    @property
    def listed(self) -> str:
        """One option a line, with letters."""
        return "\n".join(f"{letter}. {text}" for letter, text in zip(self.letters, self.texts, strict=True))


def options_of(
    spec: ChoicesSpec,
    marking: Marking,
    value: Callable[[str], Any],
    cell: Callable[[str], Any],
    peek: Callable[[str], Any],
) -> Options:
    """The options that the mapping names, in a table with such `marking`. Raises UnusableRowError.

    `value` looks up a field, `cell` one that is to be text, `peek` one that may not be there (None).
    """
    if spec.inside:
        stem, texts = _inside(plain_text(cell(spec.inside), spec.inside), spec)
        options = replace(_made(texts), stem=stem)
    elif spec.columns:
        columns = tuple(column.rpartition(".")[2] for column in spec.columns)
        options = _made([cell(column) for column in spec.columns])
        options = replace(options, columns=columns, counted=number_order(columns))
    elif spec.field:
        options = _of_field(_joined(spec, value, peek), marking)
    else:
        options = _made(list(spec.values))
    if len(set(options.texts)) < 2:
        raise UnusableRowError("the row has fewer than two options")
    if len(options.texts) > len(ascii_uppercase):
        raise UnusableRowError("the row has more options than letters")
    return options


def numbers_in(
    spec: ChoicesSpec, value: Callable[[str], Any], peek: Callable[[str], Any]
) -> Mapping[str, float] | None:
    """The numbers beside the options in their field, by name or place; empty where these are texts, None without such.

    Raises UnusableRowError.
    """
    entries = _joined(spec, value, peek)
    entries = _present(entries) if isinstance(entries, Mapping) else {}
    if not entries:
        return None
    texts, labels = _listed(entries, _TEXTS), _listed(entries, _LABELS)
    if len(texts) == 1:
        entries = dict(enumerate(labels[0])) if labels else {}
    return {str(key): number for key, number in entries.items()} if all(map(is_score, entries.values())) else {}


def unmarked(rows: Sequence[Options]) -> list[Options]:
    """The same options with marks such as `A)` taken out of their texts as labels, where those of every row have them."""
    if any(options.labels or options.columns for options in rows):
        return list(rows)
    stripped = [_unmarked(options) for options in rows]
    return list(rows) if None in stripped else [options for options in stripped if options is not None]


def bare_label(label: str) -> str:
    """A label or key as it is compared: `(B)`, `b.` and `B` are one."""
    text = label.strip()
    match = re.fullmatch(r"[(\[]?\s*(.*?)\s*[)\].:]*", text, re.DOTALL)
    bare = match.group(1) if match and match.group(1) else text
    # Tables with gaps keep whole numbers as floats.
    return re.sub(r"^(\d+)\.0+$", r"\1", bare).casefold()


def _made(values: Sequence[Any], labels: Sequence[Any] = ()) -> Options:
    if any(value is None or value == "" or (isinstance(value, float) and math.isnan(value)) for value in values):
        raise UnusableRowError("an option is empty")
    texts = [_option_text(value) for value in values]
    numeric = any(not isinstance(value, str) for value in values)
    names = [plain_text(label, "the options' labels") for label in labels]
    if names and len(names) != len(texts):
        raise UnusableRowError("the options and their labels differ in number")
    if len(set(map(bare_label, names))) < len(names):
        raise UnusableRowError("two options have the same label")
    order = _run(names) or range(len(texts))
    return Options(
        tuple(texts[index] for index in order),
        tuple(names[index] for index in order) if names else (),
        counted=tuple(order.index(index) for index in range(len(texts))),
        numeric=numeric,
    )


def _option_text(value: Any) -> str:
    if isinstance(value, list | tuple | Mapping):
        raise UnusableRowError(f"an option is {'an object' if isinstance(value, Mapping) else 'a list'}, not a text")
    if isinstance(value, str) and not value.strip():
        raise UnusableRowError("an option is empty")
    return plain_text(value, "", called="an option")


def _run(labels: Sequence[str]) -> list[int] | None:
    """The order in which labels count on (A, B, C or 1, 2, 3); None where they don't."""
    bare = [bare_label(label) for label in labels]
    if not bare:
        return None
    for start in ("a", "0", "1"):
        wanted = [chr(97 + n) if start == "a" else str(int(start) + n) for n in range(len(bare))]
        if sorted(bare) == sorted(wanted):
            return [bare.index(label) for label in wanted]
    return None


def _beside(spec: ChoicesSpec, peek: Callable[[str], Any]) -> Any:
    """The labels that stand beside the texts in one object, where the mapping names the texts alone: choices.text."""
    holder, _, name = spec.field.rpartition(".")
    paths = [f"{holder}.{label}" for label in ("label", "labels")] if holder and name in _TEXTS else []
    candidates = (peek(path) for path in paths if path != spec.correct)
    return next((labels for labels in candidates if isinstance(labels, list | tuple)), None)


def _of_field(value: Any, marking: Marking) -> Options:
    """A list, a list of labelled options, an object by label, or an object of scores by text."""
    if isinstance(value, Mapping):
        return _of_object(value, marking)
    if not isinstance(value, list | tuple):
        raise UnusableRowError("the options aren't a list")
    if value and all(isinstance(option, Mapping) for option in value):
        pairs = [_labelled(option) for option in value]
        labels = [label for label, _ in pairs]
        return _made([text for _, text in pairs], labels if any(label is not None for label in labels) else ())
    return _made(value)


def _joined(spec: ChoicesSpec, value: Callable[[str], Any], peek: Callable[[str], Any]) -> Any:
    """The options' field, entered where it is a text that writes one, with the labels of another field."""
    texts, labels = value(spec.field), value(spec.labels) if spec.labels else _beside(spec, peek)
    texts = written(texts) if isinstance(texts, str) else texts
    labels = written(labels) if isinstance(labels, str) else labels
    return {_TEXTS[0]: texts, _LABELS[0]: labels} if isinstance(labels, list | tuple) else texts


def _listed(value: Mapping[Any, Any], names: Sequence[str]) -> list[Sequence[Any]]:
    return [entry for name, entry in value.items() if name in names and isinstance(entry, list | tuple)]


def _present(value: Mapping[Any, Any]) -> Mapping[Any, Any]:
    """Without the names that hold nothing: tables of columns give every row the names of all rows."""
    return {name: entry for name, entry in value.items() if entry is not None}


def _of_object(value: Mapping[Any, Any], marking: Marking) -> Options:
    value = _present(value)
    texts, labels = _listed(value, _TEXTS), _listed(value, _LABELS)
    if len(texts) == 1:
        # Zeros and a one can be scores as well as labels: labels count on, and need a key in another field.
        marks = labels[0] if labels and all(map(is_score, labels[0])) and set(labels[0]) <= {0, 1} else ()
        if marks and (marking.named or _run([str(int(mark)) for mark in marks]) is None):
            return replace(_made(texts[0]), right=best(marks) if marking.scored else None)
        return _made(texts[0], labels[0] if labels else ())
    keys = [str(key) for key in value]
    scores = list(value.values())
    if marking.named and scores and all(map(is_score, scores)):
        return replace(_made(keys), right=best(scores) if marking.scored else None)
    return _made(scores, keys)


def _labelled(option: Mapping[str, Any]) -> tuple[Any, Any]:
    """Label and text of an option that is an object: {"label": "A", "text": "…"} or {"A": "…"}."""
    texts = [name for name in _TEXTS if name in option]
    if texts:
        return next((option[name] for name in _LABELS if name in option), None), option[texts[0]]
    present = _present(option)
    if len(present) == 1 and not present.keys() & set(_LABELS):
        return next(iter(present.items()))
    raise UnusableRowError("an option is an object, not a text")


def _unmarked(options: Options) -> Options | None:
    for mark in _MARKS:
        matches = [mark.match(text) for text in options.texts]
        if all(matches):
            labels = [match.group(1) for match in matches if match]
            texts = [text[match.end() :] for text, match in zip(options.texts, matches, strict=True) if match]
            order = _run(labels)
            if order is not None and len(set(texts)) == len(texts):
                return replace(
                    options,
                    texts=tuple(texts[place] for place in order),
                    labels=tuple(labels[place] for place in order),
                    counted=tuple(order.index(place) for place in range(len(texts))),
                )
    return None


def _inside(text: str, spec: ChoicesSpec) -> tuple[str, list[str]]:
    """The stem and the options of a text that lists them one after the other."""
    stem, tail = text, text
    if spec.after:
        stem, separator, tail = text.rpartition(spec.after)
        if not separator:
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
