"""How are items kept in files, and which line of a file is broken and why?"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from strata.experiments.items.item_validation import FIELDS, item_from_dict, type_name
from strata.experiments.items.schema import Item
from strata.probes.errors import StrataError
from strata.probes.files.atomic_writes import whole_file
from strata.probes.files.foreign_files import Trouble, UnreadableError, decoded, parse_json, refuse_irregular

_MENDED: dict[Trouble, str] = {
    "syntax": "Write one whole JSON object a line; a table becomes items by `strata items import`",
    "levels": "Flatten the extra keys",
    "number": "Write it as text, or null",
    "surrogate": "Write the character itself",
    "twice": "Keep one of them",
    "encoding": "Save the file as UTF-8",
    "mark": "Save the file as UTF-8 without one",
}


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
        raise StrataError(f"{where}: a {type_name(record)}, not an object", "Write each item as {…} on one line")
    return item_from_dict(record, where)
