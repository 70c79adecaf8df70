"""Which texts does a table hold? Its rows, the field that holds the text, and the spans in it, checked one by one."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from strata.experiments.items.importing.paths import AbsentError, look_up
from strata.experiments.items.importing.rows import Row, RowsSpec, read_rows
from strata.experiments.items.item_validation import REQUIRED, item_from_dict
from strata.probes.errors import StrataError
from strata.probes.prompts.texts import Text

_KNOWN = 12
"""Fields that a message names."""
_TEXT = ("prompt", "text")
"""Where the text is if nobody says so: the first that a row has."""


def texts_of_table(source: Path, field: str | None = None) -> tuple[Text, ...]:
    """The texts of a table (JSON Lines, JSON, CSV, TSV, Parquet) with ids and spans where its rows have them.

    `field`: what holds the text; None: `prompt`, else `text`. A row that is a whole item is checked as one.
    Raises StrataError for a source that isn't there, a field that no row has, a row without a text, an id used twice and
    spans that aren't ranges of the text.
    """
    rows = table_rows(source, "Give a table with a text in each row")
    if field is None:
        field = next((name for name in _TEXT if any(name in row.values for row in rows)), _TEXT[0])
    require_field(str(source), rows, "text", field)
    for row in rows:
        if is_item(row):
            item_from_dict(row.values, row.where)
    texts = []
    for row in rows:
        text = text_in(row, field)
        texts.append(Text(id_of(row), text, spans_in(row, text)))
    refuse_repeated_ids(str(source), [text.id for text in texts])
    return tuple(texts)


def table_rows(source: Path, remedy: str) -> list[Row]:
    """The rows of a file, or of a directory's JSON Lines files. Raises StrataError for a faulty row, and for none."""
    if not source.exists():
        raise StrataError(f"There is no file {source}", "Check the path")
    read_as = RowsSpec(format="" if source.suffix else "jsonl", files="*.jsonl" if source.is_dir() else "")
    rows = read_rows(source, read_as)
    faulty = next((row for row in rows if row.fault), None)
    if faulty is not None:
        raise StrataError(f"{faulty.where}: {faulty.fault}", "Mend the row")
    if not rows:
        raise StrataError(f"{source} holds no rows", remedy)
    return rows


def require_field(source: str, rows: Sequence[Row], option: str, path: str) -> None:
    """Raises StrataError where no row has the field that `--option` names, with the nearest fields there are."""
    known: dict[str, None] = {}
    for row in rows:
        with suppress(AbsentError):
            look_up(row.values, path)
            return
        known |= dict.fromkeys(_paths(row.values))
    near = _nearest(path, known)
    some = [*list(known)[:_KNOWN], *(["…"] if len(known) > _KNOWN else [])]
    way = "Name the field that holds the text with --text FIELD. " if option == "text" else ""
    raise StrataError(
        f"No item of {source} has the field {path!r} (--{option})",
        f"{way}{f'Did you mean {near}? ' if near else ''}There is: {', '.join(some) or 'nothing'}",
    )


def value_in(row: Row, path: str) -> Any:
    """What the row has at a path; None where it has nothing there."""
    try:
        return look_up(row.values, path)
    except AbsentError:
        return None


def text_in(row: Row, path: str) -> str:
    """Raises StrataError where the field holds no text."""
    text = value_in(row, path)
    if not isinstance(text, str) or not text.strip():
        kind = "is empty" if isinstance(text, str) else "is missing" if text is None else f"is a {type(text).__name__}"
        raise StrataError(f"{row.where}: the text in {path!r} {kind}", "Fill it in, or drop the row")
    return text


def id_of(row: Row) -> str:
    """The row's own id, else its number from 0."""
    return str(row.values.get("id", row.number))


def is_item(row: Row) -> bool:
    """Whether it has every field that an item can't do without."""
    return all(key in row.values for key in REQUIRED)


def spans_in(row: Row, text: str) -> dict[str, tuple[int, int]]:
    """Named half-open character ranges of the text. Raises StrataError for one that isn't."""
    spans = row.values.get("spans") or {}
    if not isinstance(spans, Mapping):
        raise StrataError(f"{row.where}: 'spans' is a {type(spans).__name__}", 'Write {"subject": [start, end]}')
    checked = {}
    for name, span in spans.items():
        whole = isinstance(span, (list, tuple)) and len(span) == 2 and all(type(end) is int for end in span)
        if not whole or not 0 <= span[0] < span[1] <= len(text):
            raise StrataError(
                f"{row.where}: span {name!r} isn't a range of the {len(text)} characters of its text",
                "Count characters (not bytes) from 0, end exclusive",
            )
        checked[str(name)] = (span[0], span[1])
    return checked


def refuse_repeated_ids(source: str, ids: Sequence[str]) -> None:
    """Raises StrataError for an id used twice."""
    seen: set[str] = set()
    for id in ids:
        if id in seen:
            raise StrataError(f"Two items of {source} have the id {id!r}", "Give every item an id of its own")
        seen.add(id)


def _nearest(path: str, known: Collection[str]) -> str | None:
    """The field that was probably meant: whole or by its last part, in large or small letters."""
    spellings = {name.rpartition(".")[2].lower(): name for name in known} | {name.lower(): name for name in known}
    near = get_close_matches(path.lower(), spellings, n=1, cutoff=0.6)
    return spellings[near[0]] if near else None


def _paths(values: Mapping[str, Any], before: str = "") -> Iterator[str]:
    for key, value in values.items():
        if isinstance(value, Mapping) and value and key not in ("spans", "foil_spans"):
            yield from _paths(value, f"{before}{key}.")
        else:
            yield f"{before}{key}"
