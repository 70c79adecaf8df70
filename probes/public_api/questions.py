"""What did a person ask, in plain Python? Texts with answers, and minimal pairs, as questions that can be tokenised."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from strata.probes.errors import StrataError
from strata.probes.prompts.texts import Span, Text, TextItem, inside, named, refuse_table, spans_of, texts_of

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
    refuse_table(pairs)
    if isinstance(pairs, str | Mapping | TextItem):
        raise StrataError("pairs isn't a list of pairs", "Give a list, also for a single pair")
    if isinstance(pairs, tuple) and len(pairs) == len(PAIR_FIELDS) and all(isinstance(part, str) for part in pairs):
        raise StrataError("pairs is a single pair", "Give a list of pairs: [(prompt, answer, foil_prompt, foil)]")
    given = [_whole_pair(number, pair) for number, pair in enumerate(pairs)]
    if not given:
        raise StrataError("No pairs were given", "Give at least one (prompt, answer, foil_prompt, foil)")
    return [_with_fields(row, pair) for row, pair in zip(texts_of(given), given, strict=True)]


def texts_asked(
    texts: Any, answers: str | Sequence[str] | None = None, foils: str | Sequence[str] | None = None
) -> list[Asked]:
    """Texts as given: one string, or a list of strings, pairs, dicts or items, whose own answers and foils count if none are given.

    Raises StrataError for an empty text, an unequal number of answers or foils, and an answer that is its own foil.
    """
    refuse_table(texts)
    given: Any = [texts] if isinstance(texts, str | Mapping | TextItem) else texts
    if isinstance(given, Iterable):
        given = [_whole_pair(number, text) if isinstance(text, tuple) else text for number, text in enumerate(given)]
    rows = texts_of(given)
    asked = []
    for row, own, answer, foil in zip(
        rows, given, _column("answers", answers, rows), _column("foils", foils, rows), strict=True
    ):
        question = Asked(row.id, row.text, spans=row.spans) if isinstance(own, str) else _with_fields(row, own)
        question = replace(
            question,
            answer=question.answer if answer is None else answer,
            foil=question.foil if foil is None else foil,
            foil_prompt="",
            foil_spans={},
        )
        if question.foil and not question.answer:
            raise StrataError(f"{named(row)} has a foil and no answer", "Give answers as well")
        if question.answer and question.answer == question.foil:
            raise StrataError(
                f"Answer and foil of {inside(row)} are the same ({question.answer!r})", "Give two that differ"
            )
        asked.append(question)
    return asked


def _column(name: str, given: str | Sequence[str] | None, rows: Sequence[Text]) -> Sequence[str | None]:
    """One answer (or foil) a text; None where the texts' own count."""
    if given is None:
        return [None] * len(rows)
    column = [given] if isinstance(given, str) else list(given)
    if len(column) != len(rows):
        raise StrataError(f"There are {len(column)} {name} for {len(rows)} texts", f"Give every text one of the {name}")
    for row, entry in zip(rows, column, strict=True):
        if not isinstance(entry, str) or (name == "answers" and not entry):
            raise StrataError(f"The {name[:-1]} of {inside(row)} is {entry!r}", "Give the text that would continue it")
    return column


def _whole_pair(number: int, pair: Any) -> Any:
    """A pair as a mapping or an item, after checking that each of its parts is there and that its two sides differ."""
    if isinstance(pair, str):
        raise StrataError(f"Pair {number} is a single text", f"Give {', '.join(PAIR_FIELDS)}")
    if isinstance(pair, Sequence):
        if len(pair) != len(PAIR_FIELDS):
            raise StrataError(
                f"Pair {number} has {len(pair)} parts", f"Give {len(PAIR_FIELDS)}: {', '.join(PAIR_FIELDS)}"
            )
        pair = dict(zip(PAIR_FIELDS, pair, strict=True))
    for name in PAIR_FIELDS:
        part = _part(pair, name)
        if part is None:
            known = ", ".join(map(str, pair)) if isinstance(pair, Mapping) else type(pair).__name__
            raise StrataError(f"Pair {number} has no field {name!r}, only {known or 'none'}", "Give it one")
        if not isinstance(part, str):
            raise StrataError(f"The {name} of pair {number} is a {type(part).__name__}", "Give a string")
        # An item without a counterfactual prompt is a sound item, only not one for patching.
        if not part and (isinstance(pair, Mapping) or name in ("prompt", "answer")):
            raise StrataError(f"The {name} of pair {number} is empty", "Give some text")
    for key, foil_key, what in (("prompt", "foil_prompt", "Both prompts"), ("answer", "foil", "Answer and foil")):
        if _part(pair, key) == _part(pair, foil_key):
            raise StrataError(f"{what} of pair {number} are the same ({_part(pair, key)!r})", "Give two that differ")
    return pair


def _with_fields(row: Text, given: Any) -> Asked:
    """The other fields of a mapping or an item; kind and family make the group."""
    texts: dict[str, str] = {}
    for name in PAIR_FIELDS[1:]:
        part = _part(given, name) or ""
        if not isinstance(part, str):
            raise StrataError(f"The {name} of {inside(row)} is a {type(part).__name__}", "Give a string")
        texts[name] = part
    group = " ".join(str(_part(given, name)) for name in ("kind", "family") if _part(given, name))
    return Asked(
        row.id, row.text, texts["answer"], texts["foil_prompt"], texts["foil"],
        spans=row.spans, group=group,
        foil_spans=spans_of(_part(given, "foil_spans"), f"the foil_prompt of {inside(row)}", texts["foil_prompt"]),
    )  # fmt: skip


def _part(given: Any, name: str) -> Any:
    return given.get(name) if isinstance(given, Mapping) else getattr(given, name, None)
