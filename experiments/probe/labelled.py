"""Which texts carry which label? Rows of any table, or items of built-in families, with the field that is probed."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from strata.experiments.items.builtin import FAMILIES, build_items, chosen
from strata.experiments.items.importing.paths import AbsentError, look_up
from strata.experiments.items.importing.rows import Row, RowsSpec, read_rows
from strata.experiments.items.jsonl import REQUIRED, item_from_dict, item_to_dict
from strata.experiments.locate.questions import entity_of
from strata.experiments.probe.config import ProbeConfig
from strata.probes.errors import StrataError
from strata.probes.plain_values import plain_value

_KNOWN = 12
"""Fields that a message names."""
_ALL_TEXT = (".csv", ".tsv")
"""Tables whose cells have no types."""
_MISSING = ("", "na", "nan", "none", "null", "n/a")
"""How they mark a missing label, in any case."""
_WHOLE = re.compile(r"[+-]?(0|[1-9]\d*)", re.ASCII)
_NUMBER = re.compile(r"[+-]?((0|[1-9]\d*)(\.\d*)?|\.\d+)(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)
"""Not what begins with 0 like a code: 007."""


@dataclass(frozen=True)
class Labelled:
    """One text with its label."""

    id: str
    """Unique in its set: the item's own, else the number of its row from 0."""
    prompt: str
    """The text that is run."""
    label: Any
    """A text, a number, or true or false; None where the item has none."""
    cluster: str
    """What must not stand on both sides of a fold."""
    template: str | None
    """How it is worded, where that is known."""
    spans: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    """Named half-open character ranges of the prompt."""

    def as_json(self) -> dict[str, Any]:
        """As items.jsonl holds it."""
        return {
            "id": self.id, "prompt": self.prompt, "label": self.label, "cluster": self.cluster, "template": self.template,
            "spans": {name: list(span) for name, span in self.spans.items()},
        }  # fmt: skip


@dataclass(frozen=True)
class LabelledSet:
    items: tuple[Labelled, ...]
    """In the order of their source."""
    clustered: bool
    """Whether the items say what belongs together; else every item is its own cluster."""
    limited: bool
    """Whether the set was cut."""

    @property
    def sha256(self) -> str:
        """Over everything that decides numbers, in order."""
        digest = hashlib.sha256()
        for item in self.items:
            digest.update(json.dumps(item.as_json(), sort_keys=True).encode() + b"\n")
        return digest.hexdigest()


def labelled_items(source: str, config: ProbeConfig, token_length: Callable[[str], int] | None = None) -> LabelledSet:
    """The texts and labels of a table (JSON Lines, JSON, CSV, TSV, Parquet), or of built-in families (names with commas).

    Raises StrataError for a source that isn't there, a field that no row has (with the nearest there is), a row without a
    text, an id used twice, spans that aren't ranges of the text, and a target that holds lists or objects.
    """
    rows = _rows(source, config, token_length)
    limited = config.limit is not None and config.limit < len(rows)
    if limited:
        assert config.limit is not None
        rows = [rows[number * len(rows) // config.limit] for number in range(config.limit)]
    fields = [_Field(name) for name in (config.text, config.target)]
    for name in (config.cluster, config.template):
        fields += [_Field(name)] if name is not None else []
    for column in fields:
        column.require(source, rows)
    cells = [_value(row, config.target) for row in rows]
    labels = _typed(cells) if Path(source).suffix.lower() in _ALL_TEXT else cells
    items = [_labelled(row, label, config) for row, label in zip(rows, labels, strict=True)]
    _refuse_repeated_ids(source, items)
    clustered = config.cluster is not None or any(_says_what_belongs_together(row) for row in rows)
    return LabelledSet(tuple(items), clustered, limited)


def _rows(source: str, config: ProbeConfig, token_length: Callable[[str], int] | None) -> list[Row]:
    path = Path(source)
    if path.exists():
        rows = read_rows(path, RowsSpec(files="*.jsonl" if path.is_dir() else ""))
        faulty = next((row for row in rows if row.fault), None)
        if faulty is not None:
            raise StrataError(f"{faulty.where}: {faulty.fault}", "Mend the row")
        if not rows:
            raise StrataError(f"{source} holds no rows", "Give a table with a text and a label in each row")
        return rows
    names = [name.strip() for name in source.split(",") if name.strip()]
    known = {word for family in FAMILIES for word in (family.name, family.kind, family.domain)} | {"all"}
    unknown = next((name for name in names if name not in known), None)
    if unknown is not None or not names:
        raise StrataError(
            f"There is no file {source}" + ("" if path.suffix else f", and no item family {unknown!r}"),
            "Check the path, or name built-in families (strata items list)",
        )
    items = build_items(chosen(names), seed=config.seed, per_family=config.per_family, token_length=token_length)
    return [Row(item_to_dict(item), {}, source, f"item {item.id!r}", number) for number, item in enumerate(items)]


class _Field:
    """A field that some row has to have."""

    def __init__(self, path: str) -> None:
        self.path = path

    def require(self, source: str, rows: Sequence[Row]) -> None:
        """Raises StrataError where no row has it, with the nearest field of any row."""
        known: dict[str, None] = {}
        for row in rows:
            with suppress(AbsentError):
                look_up(row.values, self.path)
                return
            known |= dict.fromkeys(_paths(row.values))
        near = get_close_matches(self.path, known, n=1, cutoff=0.6)
        some = [*list(known)[:_KNOWN], *(["…"] if len(known) > _KNOWN else [])]
        raise StrataError(
            f"No item of {source} has the field {self.path!r}",
            (f"Did you mean {near[0]}? " if near else "") + f"There is: {', '.join(some) or 'nothing'}",
        )


def _paths(values: Mapping[str, Any], before: str = "") -> Iterator[str]:
    for key, value in values.items():
        if isinstance(value, Mapping) and value and key not in ("spans", "foil_spans"):
            yield from _paths(value, f"{before}{key}.")
        else:
            yield f"{before}{key}"


def _typed(cells: Sequence[Any]) -> list[Any]:
    """Labels of a table that holds nothing but text: None where it marks a missing one, numbers where all others are numbers."""
    there = [None if str(cell).strip().lower() in _MISSING else cell for cell in cells]
    numeric = all(_NUMBER.fullmatch(str(cell).strip()) for cell in there if cell is not None)
    return [_number(str(cell)) if numeric and cell is not None else cell for cell in there]


def _number(text: str) -> int | float:
    return int(text) if _WHOLE.fullmatch(text.strip()) else float(text)


def _labelled(row: Row, value: Any, config: ProbeConfig) -> Labelled:
    text = _value(row, config.text)
    if not isinstance(text, str) or not text.strip():
        kind = "is empty" if isinstance(text, str) else "is missing" if text is None else f"is a {type(text).__name__}"
        raise StrataError(f"{row.where}: the text in {config.text!r} {kind}", "Fill it in, or drop the row")
    label = plain_value(value)
    if isinstance(label, (list, dict, tuple)):
        inner = f"{config.target}[0]" if not isinstance(label, dict) else f"{config.target}.{next(iter(label), 'key')}"
        kind = "an object" if isinstance(label, dict) else "a list"
        raise StrataError(
            f"{row.where}: {config.target!r} holds {kind}, not a label", f"Name one entry of it, such as {inner}"
        )
    if isinstance(label, str) and not label.strip():
        label = None
    cluster, template = _groups(row, config)
    return Labelled(
        id=str(row.values.get("id", row.number)),
        prompt=text,
        label=label if isinstance(label, (str, int, float, bool)) or label is None else str(label),
        cluster=cluster,
        template=template,
        spans=_spans(row, text),
    )


def _value(row: Row, path: str) -> Any:
    try:
        return look_up(row.values, path)
    except AbsentError:
        return None


def _says_what_belongs_together(row: Row) -> bool:
    whole = all(key in row.values for key in REQUIRED)
    return row.values.get("cluster") is not None or (whole and bool(row.values.get("subject")))


def _groups(row: Row, config: ProbeConfig) -> tuple[str, str | None]:
    """What it belongs to and how it is worded: the fields named, else those of a whole item, else what there is."""
    cluster, template = _value(row, config.cluster or "cluster"), _value(row, config.template or "template")
    cluster = f"item {row.values.get('id', row.number)}" if cluster is None else str(cluster)
    template = None if template is None else str(template)
    if all(key in row.values for key in REQUIRED):
        item = item_from_dict(row.values, row.where)
        cluster = entity_of(item) if config.cluster is None else cluster
        # Families name their templates alike and word them otherwise.
        template = f"{item.family} {item.template}" if config.template is None else template
    return cluster, template


def _spans(row: Row, text: str) -> dict[str, tuple[int, int]]:
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


def _refuse_repeated_ids(source: str, items: Sequence[Labelled]) -> None:
    seen: set[str] = set()
    for item in items:
        if item.id in seen:
            raise StrataError(f"Two items of {source} have the id {item.id!r}", "Give every item an id of its own")
        seen.add(item.id)
