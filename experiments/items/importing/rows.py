"""How are the rows of a table read: CSV, JSON, JSON Lines, Parquet, or a Hugging Face data set?"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from probes.errors import StrataError

FORMATS = ("csv", "jsonl", "json", "parquet", "datasets")
_BY_SUFFIX = {
    ".csv": "csv",
    ".tsv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
    ".parquet": "parquet",
}
_ESCAPES = re.compile(r"(?:\\u[0-9a-fA-F]{4})+")


@dataclass(frozen=True)
class RowsSpec:
    """How to read a source; the `[rows]` table of a mapping."""

    format: str = ""
    """One of FORMATS; by the file name when empty."""
    at: str = ""
    """Dotted path to the list of rows inside a JSON file; the file itself when empty."""
    files: str = ""
    """Pattern of the files to read when the source is a directory, such as `*.csv`."""
    delimiter: str = ""
    """What separates a CSV's columns; found out from its first line when empty."""
    encoding: str = "utf-8"
    """Text encoding of the files."""
    fallback_encoding: str = ""
    """Encoding of those files that aren't in the first one."""
    config: str = ""
    """Configuration of a Hugging Face data set."""
    split: str = ""
    """Split of a Hugging Face data set; `test` when empty."""
    unescape: bool = False
    r"""Whether texts hold `\u00e9` written out, to be read as the character."""


@dataclass(frozen=True)
class Row:
    """One row with what is known about where it stands."""

    values: Mapping[str, Any]
    """Its columns."""
    top: Mapping[str, Any]
    """The rest of the JSON file around the rows."""
    file: str
    """Name of the file without directory and suffix, or of the data set."""
    where: str
    """File and row, for messages."""
    number: int
    """Its place in the file, from 0."""


def read_rows(source: str | Path, spec: RowsSpec) -> Iterator[Row]:
    """The rows of a file, of a directory's files in the order of their names, or of a Hugging Face data set.

    Raises StrataError for a source that isn't there, can't be read as its format, or holds no rows at `at`.
    """
    path = Path(source)
    if spec.format == "datasets" or (path.is_dir() and not spec.files):
        yield from _from_datasets(str(source), spec)
        return
    for file in _files(path, spec):
        yield from _from_file(file, spec)


def _files(path: Path, spec: RowsSpec) -> list[Path]:
    if path.is_dir():
        found = sorted(file for file in path.glob(spec.files) if file.is_file())
        if not found:
            raise StrataError(f"No file in {path} matches {spec.files!r}", "Change `files` in [rows]")
        return found
    if not path.exists():
        raise StrataError(
            f"There is no file {path}", 'Check the path, or set format = "datasets" in [rows] for a hub name'
        )
    return [path]


def _from_file(path: Path, spec: RowsSpec) -> Iterator[Row]:
    format = spec.format or _BY_SUFFIX.get(path.suffix.lower(), "")
    if format not in FORMATS:
        raise StrataError(
            f"{path} doesn't say by its name what it holds", f"Set `format` in [rows] to one of {', '.join(FORMATS)}"
        )
    if format == "parquet":
        yield from _rows(path, spec, {}, enumerate(_parquet(path)))
        return
    text = _text(path, spec)
    if format == "csv":
        yield from _rows(path, spec, {}, enumerate(_csv(path, text, spec)))
    elif format == "jsonl":
        yield from _rows(path, spec, {}, _json_lines(path, text))
    else:
        top, rows = _json(path, text, spec)
        yield from _rows(path, spec, top, enumerate(rows))


def _rows(
    path: Path, spec: RowsSpec, top: Mapping[str, Any], rows: Iterator[tuple[int, Mapping[str, Any]]]
) -> Iterator[Row]:
    top = _unescaped(top) if spec.unescape else top
    for number, values in rows:
        kept = _unescaped(values) if spec.unescape else values
        yield Row(kept, top, path.stem, f"{path}, row {number + 1}", number)


def _text(path: Path, spec: RowsSpec) -> str:
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise StrataError(f"Can't read {path}: {error.strerror}", "Check the path and its permissions") from error
    for encoding in filter(None, (spec.encoding, spec.fallback_encoding)):
        try:
            return raw.decode("utf-8-sig" if encoding.lower() in ("utf-8", "utf8") else encoding)
        except UnicodeDecodeError:
            continue
        except LookupError as error:
            raise StrataError(
                f"There is no text encoding {encoding!r}", "Change it in [rows]; Python's names count, e.g. mac_roman"
            ) from error
    raise StrataError(
        f"{path} isn't text in {spec.encoding}", "Set `encoding` (or `fallback_encoding`) in [rows], e.g. mac_roman"
    )


def _csv(path: Path, text: str, spec: RowsSpec) -> Iterator[Mapping[str, Any]]:
    delimiter = spec.delimiter or _delimiter(text)
    try:
        for row in csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True):
            yield {key: value for key, value in row.items() if key}
    except csv.Error as error:
        raise StrataError(f"{path} isn't a CSV table: {error}", "Set `delimiter` in [rows]") from error


def _delimiter(text: str) -> str:
    """The separator that the header holds most of."""
    header = text.split("\n", 1)[0]
    return max(",;\t|", key=header.count)


def _json_lines(path: Path, text: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    for number, line in enumerate(text.split("\n")):
        if line.strip():
            try:
                row = json.loads(line)
            except json.JSONDecodeError as error:
                raise StrataError(f"{path}:{number + 1} isn't JSON: {error.msg}", "Mend or remove the line") from error
            if not isinstance(row, dict):
                raise StrataError(f"{path}:{number + 1} isn't a JSON object", "Write one object a line")
            yield number, row


def _json(path: Path, text: str, spec: RowsSpec) -> tuple[Mapping[str, Any], Iterator[Mapping[str, Any]]]:
    try:
        whole = json.loads(text)
    except json.JSONDecodeError as error:
        raise StrataError(f"{path}:{error.lineno} isn't JSON: {error.msg}", "Mend the file") from error
    rows: Any = whole
    for step in filter(None, spec.at.split(".")):
        if not isinstance(rows, dict) or step not in rows:
            there = ", ".join(rows) if isinstance(rows, dict) else "a list"
            raise StrataError(f"{path} holds nothing at {spec.at!r}", f"Change `at` in [rows]; there is: {there}")
        rows = rows[step]
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise StrataError(
            f"{path} holds no list of objects at {spec.at or 'its top'!r}", "Change `at` in [rows] to where they are"
        )
    top = {key: value for key, value in whole.items() if key != spec.at} if isinstance(whole, dict) else {}
    return top, iter(rows)


def _parquet(path: Path) -> Iterator[Mapping[str, Any]]:
    import pyarrow
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(path) as table:
            for batch in table.iter_batches():
                yield from batch.to_pylist()
    except (pyarrow.ArrowInvalid, OSError) as error:
        raise StrataError(f"{path} isn't a Parquet table", "Check the file") from error


def _from_datasets(source: str, spec: RowsSpec) -> Iterator[Row]:
    try:
        import datasets
    except ImportError as error:
        raise StrataError(
            "Reading a Hugging Face data set needs the package datasets",
            "Install it with `pip install 'strata-probes[datasets]'`",
        ) from error
    try:
        if Path(source).is_dir():
            loaded = datasets.load_from_disk(source)
        else:
            loaded = datasets.load_dataset(source, spec.config or None)
    except Exception as error:  # The library raises many kinds, all of them about the name or the network.
        first = str(error).split("\n", 1)[0]
        raise StrataError(
            f"The data set {source!r} can't be loaded: {first}", "Check its name, `config`, and the network"
        ) from error
    table = loaded
    if isinstance(loaded, dict):
        wanted = spec.split or ("test" if "test" in loaded else next(iter(loaded)))
        if wanted not in loaded:
            raise StrataError(
                f"The data set {source!r} has no split {wanted!r}", f"Set `split` in [rows]: {', '.join(loaded)}"
            )
        table = loaded[wanted]
    name = Path(source).name
    for number, values in enumerate(table):
        kept = _unescaped(values) if spec.unescape else values
        yield Row(kept, {}, name, f"{source}, row {number + 1}", number)


def _characters(escapes: re.Match[str]) -> str:
    """A run of escapes as its characters; together, because characters beyond 16 bits are written as two."""
    units = bytes.fromhex(escapes.group().replace("\\u", ""))
    return units.decode("utf-16-be", errors="replace")


def _unescaped(value: Any) -> Any:
    r"""Texts with a written-out `\u00e9` read as the character, all the way down."""
    if isinstance(value, str):
        return _ESCAPES.sub(_characters, value)
    if isinstance(value, dict):
        return {key: _unescaped(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_unescaped(inner) for inner in value]
    return value
