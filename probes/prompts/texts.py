"""From what a person gives as texts to rows a model can read: strings, or items with named spans, checked one by one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, runtime_checkable

from strata.probes.arguments.whole_numbers import as_whole_number
from strata.probes.checkpoints.checkpoint import Checkpoint, NoEmbeddingError
from strata.probes.errors import StrataError
from strata.probes.foreign_types import ForeignJson
from strata.probes.prompts.prompt import Prompt

Span = tuple[int, int]
LAST = "last"


@runtime_checkable
class TextItem(Protocol):
    """An item as far as a model reads it; an `id: str` is taken over where there is one."""

    @property
    def prompt(self) -> str:
        """The text that is run."""
        ...

    @property
    def spans(self) -> Mapping[str, Span]:
        """Named half-open character ranges of the prompt."""
        ...


Texts = str | Iterable[str | TextItem | ForeignJson]
"""One text, or several; an item may be an object or a mapping with `prompt`, and `spans` and `id` where it has them."""


@dataclass(frozen=True)
class Text:
    id: str
    """Unique among the texts given: an item's own id, else its number from 0."""
    text: str
    """What is run."""
    spans: Mapping[str, Span] = field(default_factory=dict)
    """Named half-open character ranges of `text`."""


def texts_of(texts: Texts) -> tuple[Text, ...]:
    """The texts in their order. Raises StrataError for none, an empty one, an id used twice, or what isn't a text."""
    refuse_table(texts)
    given: Iterable[Any] = [texts] if isinstance(texts, str | TextItem | Mapping) else texts
    if not isinstance(given, Iterable):
        raise StrataError(f"{texts!r} is no text", "Give a text, a list of texts, or items")
    rows = tuple(_row(number, text) for number, text in enumerate(given))
    if not rows:
        raise StrataError("No texts were given", "Give at least one")
    _refuse_repeated_ids(rows)
    return rows


def refuse_table(given: Any) -> None:
    """Raises StrataError for a data frame, whose iteration gives the names of its columns."""
    if hasattr(given, "columns"):
        raise StrataError(
            f"A {type(given).__name__} is no list of texts", "Give one column as a list, or the rows as mappings"
        )


def spans_of(spans: Any, where: str, text: str) -> Mapping[str, Span]:
    """Named ranges of `text`, `where` they come from in words. Raises StrataError for one that is no range within it."""
    if not isinstance(spans or {}, Mapping):
        raise StrataError(
            f"The spans of {where} are of type {type(spans).__name__}", "Give a mapping: {name: (start, end)}"
        )
    ranges = {name: _range_of(span) for name, span in (spans or {}).items()}
    for name, span in (spans or {}).items():
        start, end = ranges[name]
        if not 0 <= start < end <= len(text):
            raise StrataError(
                f"Span {name!r} of {where} is {span!r}",
                f"Give (start, end) in characters of the text, which has {len(text)}",
            )
    return ranges


def _range_of(span: Any) -> Span:
    """(0, 0), which is no range of a text, for what isn't two whole numbers."""
    numbers = [as_whole_number(offset) for offset in span] if isinstance(span, Iterable) else []
    start, end = numbers if len(numbers) == 2 else (None, None)
    return (0, 0) if start is None or end is None else (start, end)


def prompts_of(checkpoint: Checkpoint, rows: Sequence[Text]) -> list[Prompt]:
    """Token ids of every text, its last token as position `last` and the last token of every span that covers one.

    Raises StrataError naming the text that has no tokens, needs one without an embedding, or is longer than the model reads.
    """
    return list(_prompts(checkpoint, rows))


def last_token_of(span: Span, offsets: Sequence[Span]) -> int | None:
    """Index of the last token that covers a character of `span`, given every token's characters; None if none does."""
    start, end = span
    return next((i for i in range(len(offsets) - 1, -1, -1) if offsets[i][0] < end and offsets[i][1] > start), None)


def _row(number: int, given: Any) -> Text:
    if isinstance(given, str):
        row = Text(str(number), given)
    elif isinstance(given, Mapping):
        if not isinstance(given.get("prompt"), str):
            raise StrataError(f"Text {number} is a mapping without a text under 'prompt'", "Give it one")
        row = Text(_id(given.get("id"), number), given["prompt"], given.get("spans") or {})
    elif isinstance(getattr(given, "prompt", None), str):
        row = Text(_id(getattr(given, "id", None), number), given.prompt, getattr(given, "spans", None) or {})
    else:
        raise StrataError(f"Text {number} is of type {type(given).__name__}", "Give texts or items")
    try:
        row.text.encode()
    except UnicodeEncodeError as error:
        raise StrataError(f"{named(row)} holds half a surrogate pair", "Write the character itself") from error
    if not row.text.strip():
        raise StrataError(f"{named(row)} is empty", "Leave it out, or fill it in")
    return replace(row, spans=spans_of(row.spans, inside(row), row.text))


def _id(own: Any, number: int) -> str:
    return str(number if own is None else own)


def named(row: Text) -> str:
    """How messages call a text."""
    return f"Text {_called(row)}"


def inside(row: Text) -> str:
    """`named` in the middle of a sentence."""
    return f"text {_called(row)}"


def _called(row: Text) -> str:
    return row.id if row.id.isdecimal() else repr(row.id)


def _refuse_repeated_ids(rows: Sequence[Text]) -> None:
    seen: set[str] = set()
    for row in rows:
        if row.id in seen:
            raise StrataError(f"Two texts have the id {row.id!r}", "Give every item an id of its own")
        seen.add(row.id)


def _prompts(checkpoint: Checkpoint, rows: Sequence[Text]) -> Iterator[Prompt]:
    longest = checkpoint.max_context
    for row in rows:
        try:
            if row.spans:
                ids, offsets = checkpoint.encode_with_offsets(row.text)
            else:
                ids, offsets = checkpoint.encode(row.text), ()
        except NoEmbeddingError as error:
            raise StrataError(f"{named(row)} {error.reason}", error.remedy) from error
        if not ids:
            raise StrataError(f"{named(row)} ({row.text[:20]!r}) has no tokens", "Leave it out")
        if longest is not None and len(ids) > longest:
            raise StrataError(
                f"{named(row)} has {len(ids)} tokens, this model reads at most {longest}", "Shorten it, or leave it out"
            )
        tokens = {name: last_token_of(span, offsets) for name, span in row.spans.items()}
        positions = {name: token for name, token in tokens.items() if token is not None}
        yield Prompt(row.id, ids, {**positions, LAST: len(ids) - 1})
