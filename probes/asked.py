"""What did a person ask, in plain Python? Strings, tuples, dicts and items become questions that can be tokenised."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from strata.probes.alignment import Span
from strata.probes.errors import StrataError

PAIR_FIELDS = ("prompt", "answer", "foil_prompt", "foil")
"""The parts of a pair, in the order of a tuple."""


@dataclass(frozen=True)
class Asked:
    """One question made of plain strings; what isn't given stays empty."""

    id: str
    """Unique among those asked together: its place in the list unless it came with one."""
    prompt: str
    """The text up to the answer."""
    answer: str = ""
    """The continuation that is scored, with its leading space."""
    foil_prompt: str = ""
    """The counterfactual prompt, answered by `foil`."""
    foil: str = ""
    """What the answer is held against."""
    choices: tuple[str, ...] = ()
    """Candidate continuations; none are offered here."""
    spans: Mapping[str, Span] = field(default_factory=dict)
    """Named half-open character ranges of `prompt`."""
    foil_spans: Mapping[str, Span] = field(default_factory=dict)
    """The same names in `foil_prompt`."""
    group: str = ""
    """Questions of one group may be one another's donors."""


def pairs_asked(pairs: Iterable[Any]) -> list[Asked]:
    """Minimal pairs as given: items, dicts with the fields of an item, or tuples (prompt, answer, foil_prompt, foil).

    Raises StrataError that names the pair for a part that is missing or empty, and for two prompts or two answers that
    are the same. An item without a counterfactual prompt passes: it is excluded, and counted, where pairs are aligned.
    """
    if isinstance(pairs, str | Mapping) or hasattr(pairs, "prompt"):
        raise StrataError("pairs isn't a list of pairs", "Give a list, also for a single pair")
    if isinstance(pairs, tuple) and len(pairs) == 4 and all(isinstance(part, str) for part in pairs):
        raise StrataError("pairs is a single pair", "Give a list of pairs: [(prompt, answer, foil_prompt, foil)]")
    asked = [_pair(index, pair) for index, pair in enumerate(pairs)]
    if not asked:
        raise StrataError("No pairs were given", "Give at least one (prompt, answer, foil_prompt, foil)")
    return _unique(asked)


def texts_asked(
    texts: Any, answers: str | Sequence[str] | None = None, foils: str | Sequence[str] | None = None
) -> list[Asked]:
    """Texts as given: one string, or a list of strings, pairs, dicts or items, whose answers and foils count if none are given.

    Raises StrataError for an empty text, an unequal number of answers or foils, and an answer that is its own foil.
    """
    given = [texts] if isinstance(texts, str | Mapping) or hasattr(texts, "prompt") else list(texts)
    if not given:
        raise StrataError("No texts were given", "Give at least one")
    columns = {}
    for name, column in (("answers", answers), ("foils", foils)):
        filled = [column] if isinstance(column, str) else list(column) if column is not None else None
        if filled is not None and len(filled) != len(given):
            raise StrataError(
                f"There are {len(filled)} {name} for {len(given)} texts", f"Give every text one of the {name}"
            )
        columns[name] = filled
    asked = []
    for index, text in enumerate(given):
        own = _text(index, text)
        answer = own.answer if columns["answers"] is None else columns["answers"][index]
        foil = own.foil if columns["foils"] is None else columns["foils"][index]
        for name, part in (("text", own.prompt), ("answer", answer), ("foil", foil)):
            if not isinstance(part, str):
                raise StrataError(f"The {name} of text {index} is a {type(part).__name__}", "Give strings")
        if not own.prompt:
            raise StrataError(f"Text {index} is empty", "Give some text")
        if columns["answers"] is not None and not answer:
            raise StrataError(f"The answer of text {index} is empty", "Give the continuation that is to be scored")
        if foil and not answer:
            raise StrataError(f"Text {index} has a foil and no answer", "Give answers as well")
        if answer and answer == foil:
            raise StrataError(f"Answer and foil of text {index} are the same ({answer!r})", "Give two that differ")
        asked.append(Asked(own.id, own.prompt, answer, foil=foil, spans=own.spans, group=own.group))
    return _unique(asked)


def _text(index: int, text: Any) -> Asked:
    if isinstance(text, str):
        return Asked(str(index), text)
    if isinstance(text, Sequence):
        return _pair(index, text)
    return _from_fields(index, text, ("prompt",), "Text")


def _pair(index: int, pair: Any) -> Asked:
    if isinstance(pair, str):
        raise StrataError(f"Pair {index} is a single text", f"Give {', '.join(PAIR_FIELDS)}")
    if isinstance(pair, Sequence):
        if len(pair) != len(PAIR_FIELDS):
            raise StrataError(
                f"Pair {index} has {len(pair)} parts", f"Give {len(PAIR_FIELDS)}: {', '.join(PAIR_FIELDS)}"
            )
        asked = _from_fields(index, dict(zip(PAIR_FIELDS, pair, strict=True)), PAIR_FIELDS, "Pair")
    else:
        asked = _from_fields(index, pair, PAIR_FIELDS, "Pair")
    of_items = not isinstance(pair, Sequence | Mapping)
    for name in PAIR_FIELDS:
        if not getattr(asked, name) and not (of_items and name in ("foil_prompt", "foil")):
            raise StrataError(f"The {name} of pair {index} is empty", "Give some text")
    if asked.prompt == asked.foil_prompt:
        raise StrataError(
            f"Both prompts of pair {index} are the same ({asked.prompt!r})", "Give a counterfactual prompt that differs"
        )
    if asked.answer == asked.foil:
        raise StrataError(f"Answer and foil of pair {index} are the same ({asked.answer!r})", "Give two that differ")
    return asked


def _from_fields(index: int, given: Any, needed: Sequence[str], what: str) -> Asked:
    """A question of a mapping or of an object with the fields of an item."""
    if isinstance(given, Mapping):
        fields = dict(given)
    elif isinstance(getattr(given, "prompt", None), str):
        fields = {name: getattr(given, name) for name in (*_FIELDS, "kind", "family") if hasattr(given, name)}
    else:
        raise StrataError(f"{what} {index} is a {type(given).__name__}", "Give strings, dicts, tuples or items")
    for name in needed:
        if name not in fields:
            raise StrataError(
                f"{what} {index} has no field {name!r}", f"It has: {', '.join(map(str, fields)) or 'nothing'}"
            )
    for name in PAIR_FIELDS:
        if not isinstance(fields.get(name, ""), str):
            raise StrataError(
                f"The {name} of {what.lower()} {index} is a {type(fields[name]).__name__}", "Give a string"
            )
    prompts = {"spans": fields.get("prompt", ""), "foil_spans": fields.get("foil_prompt", "")}
    spans = {name: _spans(fields.get(name) or {}, text, f"{what} {index}") for name, text in prompts.items()}
    group = " ".join(str(fields[name]) for name in ("kind", "family") if fields.get(name))
    return Asked(
        id=str(fields.get("id", index)), **{name: fields[name] for name in PAIR_FIELDS if name in fields}, **spans, group=group
    )  # fmt: skip


_FIELDS = ("id", *PAIR_FIELDS, "spans", "foil_spans")


def _spans(given: Any, text: str, where: str) -> dict[str, Span]:
    if not isinstance(given, Mapping):
        raise StrataError(f"The spans of {where.lower()} are a {type(given).__name__}", 'Give {"name": (start, end)}')
    spans = {}
    for name, span in given.items():
        inside = isinstance(span, Sequence) and len(span) == 2 and 0 <= int(span[0]) < int(span[1]) <= len(text)
        if not inside:
            raise StrataError(
                f"Span {name!r} of {where.lower()} ({span!r}) lies outside its {len(text)} characters",
                "Give it as (start, end), end exclusive",
            )
        spans[str(name)] = (int(span[0]), int(span[1]))
    return spans


def _unique(asked: list[Asked]) -> list[Asked]:
    seen: set[str] = set()
    for question in asked:
        if question.id in seen:
            raise StrataError(f"Two of the questions have the id {question.id!r}", "Give every one an id of its own")
        seen.add(question.id)
    return asked
