"""How are items kept in files, and which line of a file is broken and why?"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NoReturn

from strata.experiments.items.schema import KINDS, Item, Span
from strata.probes.errors import StrataError
from strata.probes.files import whole_file
from strata.probes.foreign_files import Trouble, UnreadableError, decoded, parse_json, refuse_irregular

FIELDS = (
    "id", "kind", "family", "domain", "prompt", "answer", "foil_prompt", "foil", "choices",
    "cluster", "template", "hops", "spans", "foil_spans", "source",
)  # fmt: skip
"""The schema's keys in the order they are written; every other key of a line goes to `Item.extra`."""
REQUIRED = ("id", "kind", "family", "prompt", "answer")
"""Keys a line can't do without. The rest default: domain "general", cluster = id, template "0", hops 1, no pair."""
LONGEST_ID = 200
LONGEST_NAME = 200
"""Of a family or a domain: they head tables and maps."""
MOST_HOPS = 10_000
RESERVED_SPANS = ("last", "all")
"""Position names with a meaning of their own (the predicting token, every token)."""

_DEFAULTS: dict[str, Any] = {
    "domain": "general", "foil_prompt": "", "foil": "", "choices": [], "template": "0", "hops": 1,
    "spans": {}, "foil_spans": {}, "source": "",
}  # fmt: skip


_MENDED: dict[Trouble, str] = {
    "syntax": "Write one whole JSON object a line; a table becomes items by `strata items import`",
    "levels": "Flatten the extra keys",
    "number": "Write it as text, or null",
    "surrogate": "Write the character itself",
    "twice": "Keep one of them",
    "encoding": "Save the file as UTF-8",
    "mark": "Save the file as UTF-8 without one",
}


class _Refused(ValueError):
    """A record breaks the schema; carries the reason and the remedy, but not yet the place."""

    def __init__(self, reason: str, remedy: str) -> None:
        self.reason, self.remedy = reason, remedy
        super().__init__(reason)


def read_items(path: str | Path) -> list[Item]:
    """Every item of a JSON Lines file, in the file's order.

    Raises StrataError (file, line, field, reason, remedy) at the first line that doesn't validate, for a file
    that is missing, unreadable, not UTF-8 or without any item, and for an id used twice.
    """
    items = list(scan_items(path))
    if not items:
        raise StrataError(f"{path} holds no items", "Write one JSON object a line, or choose another file")
    return items


def checked_items(items: Iterable[Item]) -> list[Item]:
    """Items that were made in Python, under the rules for those of a file. Raises StrataError for one that breaks them."""
    checked: dict[str, Item] = {}
    for item in items:
        if item.id in checked:
            raise StrataError(f"Two items have the id {item.id!r}", "Give every item an id of its own")
        checked[item.id] = item_from_dict(item_to_dict(item), f"Item {item.id!r}")
    return list(checked.values())


def scan_items(path: str | Path) -> Iterator[Item]:
    """The items of a file one at a time (memory: the ids seen so far). Raises as `read_items`, bar emptiness."""
    seen: dict[str, int] = {}
    refuse_irregular(Path(path), "Give a file of items")
    try:
        # Bytes, because only \n ends a line here: text mode would leave U+2028 alone but str.splitlines wouldn't.
        with Path(path).open("rb") as lines:
            for number, raw in enumerate(lines, start=1):
                line = raw.removeprefix(b"\xef\xbb\xbf") if number == 1 else raw
                if not line.strip():
                    continue
                item = _item_of_line(line, f"{path}:{number}")
                first = seen.setdefault(item.id, number)
                if first != number:
                    raise StrataError(
                        f"{path}:{number}: field 'id': {item.id!r} is already the id of line {first}",
                        "Give every item an id of its own",
                    )
                yield item
    except (OSError, ValueError) as error:  # a name that no file can have
        reason = getattr(error, "strerror", None) or str(error)
        raise StrataError(f"Can't read the item file {path}: {reason}", "Check the path and its permissions") from error


def write_items(path: str | Path, items: Iterable[Item]) -> None:
    """Write items as JSON Lines so that the file appears whole or not at all, and reads back as the same items.

    Raises StrataError for an item that `read_items` would refuse, a repeated id, no items, or a place that can't be
    written, DoesNotFitError when the disk is full.
    """
    target = Path(path)
    seen: set[str] = set()
    with whole_file(target) as part, part.open("wb") as file:
        for item in items:
            file.write(_line(item, target))
            if item.id in seen:
                raise StrataError(f"Two items have the id {item.id!r}", "Give every item an id of its own")
            seen.add(item.id)
        if not seen:
            raise StrataError(f"There are no items to write to {target}", "Ask for at least one item")
        file.flush()


def item_to_dict(item: Item) -> dict[str, Any]:
    """The item as one JSON object: schema keys first, fields at their default excluded, `extra` at top level.

    Raises StrataError when `extra` uses a key of the schema, which would overwrite it.
    """
    clash = [key for key in item.extra if key in FIELDS]
    if clash:
        raise StrataError(f"Item {item.id!r} has the schema's key {clash[0]!r} in `extra`", "Rename the extra key")
    record: dict[str, Any] = {
        "id": item.id, "kind": item.kind, "family": item.family, "domain": item.domain, "prompt": item.prompt,
        "answer": item.answer, "foil_prompt": item.foil_prompt, "foil": item.foil, "choices": list(item.choices),
        "cluster": item.cluster, "template": item.template, "hops": item.hops,
        "spans": {name: list(span) for name, span in item.spans.items()},
        "foil_spans": {name: list(span) for name, span in item.foil_spans.items()},
        "source": item.source,
    }  # fmt: skip
    optional = ("foil_prompt", "foil", "choices", "spans", "foil_spans", "source")
    return {key: value for key, value in record.items() if value or key not in optional} | dict(item.extra)


def item_from_dict(record: Mapping[str, Any], where: str = "item") -> Item:
    """One validated item. `where` (file:line) opens the StrataError that names the field, reason and remedy.

    `null` in an optional field counts as absent. Unknown keys are kept in `extra`.
    """
    try:
        return _validated(record)
    except _Refused as refused:
        raise StrataError(f"{where}: {refused.reason}", refused.remedy) from None


def items_sha256(items: Iterable[Item]) -> str:
    """Hex digest of the items' content in their order; the same for the same questions however they were laid out."""
    digest = hashlib.sha256()
    for item in items:
        digest.update(json.dumps(item_to_dict(item), sort_keys=True, allow_nan=False).encode("ascii") + b"\n")
    return digest.hexdigest()


def _line(item: Item, path: Path) -> bytes:
    record = item_to_dict(item)
    where = f"Item {item.id!r} for {path}"
    item_from_dict(record, where)
    try:
        return json.dumps(record, ensure_ascii=False, allow_nan=False).encode("utf-8") + b"\n"
    except (TypeError, ValueError) as error:
        raise StrataError(f"{where} can't be written as JSON: {error}", "Keep only JSON values in `extra`") from error


def _item_of_line(line: bytes, where: str) -> Item:
    try:
        record = parse_json(decoded(line), distinct=True)
    except UnreadableError as error:
        column = f" at column {error.column}" if error.trouble == "syntax" else ""
        raise StrataError(f"{where}: {error.reason}{column}", _MENDED[error.trouble]) from None
    if not isinstance(record, dict):
        raise StrataError(f"{where}: a {_type_name(record)}, not an object", "Write each item as {…} on one line")
    return item_from_dict(record, where)


def _validated(record: Mapping[str, Any]) -> Item:
    for key in REQUIRED:
        if key not in record:
            _refuse(key, "is missing", f"Every item needs {', '.join(REQUIRED)}")
    known = {**_DEFAULTS, **{key: record[key] for key in FIELDS if key in record and record[key] is not None}}
    for key in REQUIRED:
        known.setdefault(key, record[key])
    known.setdefault("cluster", known["id"])
    for key in FIELDS:
        if key not in ("choices", "hops", "spans", "foil_spans") and not isinstance(known[key], str):
            remedy = {
                "null": "Fill it in, or drop the line",
                "number": "Put it in quotes",
                "boolean": "Put it in quotes",
            }
            kind = _type_name(known[key])
            _refuse(key, f"is {'an' if kind == 'object' else 'a'} {kind}, not text", remedy.get(kind, "Give one text"))
    for key in (*REQUIRED, "cluster", "template", "domain"):
        if not known[key].strip():
            _refuse(key, "is empty", "Fill it in, or drop the line")
    name = known["id"]
    if name != name.strip() or not name.isprintable() or len(name) > LONGEST_ID:
        _refuse(
            "id", f"{name[:40]!r} can't be shown in a table",
            f"Use at most {LONGEST_ID} printable characters without blanks around them",
        )  # fmt: skip
    for key in ("family", "domain"):
        if len(known[key]) > LONGEST_NAME:
            _refuse(key, f"has {len(known[key])} characters", f"Use at most {LONGEST_NAME}")
    if known["kind"] not in KINDS:
        _refuse("kind", f"{known['kind'][:40]!r} is unknown", f"Use one of {', '.join(KINDS)}")
    _check_pair(known)
    hops = known["hops"]
    if isinstance(hops, bool) or not isinstance(hops, int):
        _refuse("hops", f"is a {_type_name(hops)}, not a whole number", "Write 0, 1, 2, …")
    if not 0 <= hops <= MOST_HOPS:
        _refuse(
            "hops",
            f"is {hops if abs(hops) < 10**20 else 'a number beyond all bounds'}",
            f"Write a number from 0 to {MOST_HOPS}",
        )
    known["choices"] = _choices(known["choices"], known["answer"])
    known["spans"] = _spans(known["spans"], "spans", known["prompt"])
    known["foil_spans"] = _spans(known["foil_spans"], "foil_spans", known["foil_prompt"])
    return Item(**known, extra={key: value for key, value in record.items() if key not in FIELDS})


def _check_pair(known: Mapping[str, Any]) -> None:
    if known["foil"].strip() == known["answer"].strip():
        _refuse("foil", f"{known['foil']!r} is the answer itself", "Give a wrong answer of the same type, or none")
    if not known["foil_prompt"]:
        return
    if not known["foil"].strip():
        _refuse("foil", "is empty although there is a foil_prompt", "Give the answer to foil_prompt, or drop both")
    if known["foil_prompt"] == known["prompt"]:
        _refuse("foil_prompt", "is the prompt itself", "Change what the answer hangs on, or leave foil_prompt out")


def _choices(value: Any, answer: str) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not all(isinstance(choice, str) for choice in value):
        _refuse("choices", "isn't a list of texts", 'Write ["…", "…"], or leave it out')
    if value and answer not in value:
        _refuse("choices", f"doesn't hold the answer {answer!r}", "Add it, with the same leading space")
    if any(not choice.strip() for choice in value):
        _refuse("choices", "holds an empty text", "Drop it")
    if len(set(value)) != len(value):
        twice = next(choice for choice in value if value.count(choice) > 1)
        _refuse("choices", f"holds {twice!r} twice", "Name every choice once")
    return tuple(value)


def _spans(value: Any, field: str, text: str) -> dict[str, Span]:
    if not isinstance(value, Mapping):
        _refuse(field, f"is a {_type_name(value)}, not an object", 'Write {"subject": [start, end]}')
    spans: dict[str, Span] = {}
    for name, span in value.items():
        if name in RESERVED_SPANS or not name.strip():
            _refuse(field, f"can't name a span {name!r}", f"Choose another name than {', '.join(RESERVED_SPANS)}")
        if (
            not isinstance(span, list | tuple)
            or len(span) != 2
            or not all(isinstance(offset, int) and not isinstance(offset, bool) for offset in span)
        ):
            _refuse(field, f"{name!r} isn't [start, end]", "Write two whole numbers: half-open character offsets")
        start, end = span
        if not 0 <= start < end <= len(text):
            _refuse(
                field, f"{name!r} = [{start}, {end}] isn't a range of the {len(text)} characters of its prompt",
                "Count characters (not bytes) from 0, end exclusive",
            )  # fmt: skip
        spans[name] = (start, end)
    return spans


def _refuse(field: str, reason: str, remedy: str) -> NoReturn:
    raise _Refused(f"field {field!r} {reason}", remedy)


def _type_name(value: Any) -> str:
    names = {"NoneType": "null", "dict": "object", "str": "text", "int": "number", "float": "number", "bool": "boolean"}
    return names.get(type(value).__name__, type(value).__name__)
