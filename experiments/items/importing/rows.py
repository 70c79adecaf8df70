"""How are the rows of a table read: CSV, JSON, JSON Lines, Parquet, or a Hugging Face data set?"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from strata.experiments.items.importing.arrow_table import data_set_rows, parquet_rows
from strata.experiments.items.importing.csv_table import csv_rows
from strata.experiments.items.importing.json_table import Keyed, json_lines, json_rows
from strata.experiments.items.importing.mapping_section import Section, Texts
from strata.experiments.items.importing.text_file import file_text
from strata.probes.errors import StrataError

Format = Literal["", "csv", "jsonl", "json", "parquet", "datasets"]
FORMATS = tuple(filter(None, get_args(Format)))
_BY_SUFFIX = {
    ".csv": "csv",
    ".tsv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
    ".parquet": "parquet",
}
_ESCAPES = re.compile(r"(?:\\u[0-9a-fA-F]{4})+")


class RowsSpec(Section):
    """How to read a source; the `[rows]` table of a mapping."""

    format: Format = ""
    """By the file name when empty."""
    at: str = ""
    """Path to the list of rows, or to the object that holds them by key, inside a JSON file; the file when empty."""
    files: str = ""
    """Pattern of the files to read when the source is a directory, such as `*.csv`."""
    delimiter: str = ""
    """What separates a CSV's columns; found out from its first rows when empty."""
    header: Texts = ()
    """Names of a CSV's columns; its first line when empty."""
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
    text: Texts = ()
    """Fields that are taken as they stand where they write a list or an object."""


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
    key: str | None = None
    """Its key, where the rows stand in one object."""
    fault: str = ""
    """Why it can't be used whatever the mapping says; empty where it can."""


def read_rows(source: str | Path, spec: RowsSpec) -> list[Row]:
    """The rows of a file, of a directory's files in the order of their names, or of a Hugging Face data set.

    Raises StrataError for a source that isn't there, can't be read as its format, or holds no rows at `at`.
    """
    try:
        return list(_raw_rows(source, spec))
    except RecursionError:
        raise StrataError(f"{source} holds a value that is nested too deeply", "Flatten it") from None


def source_files(source: str | Path, spec: RowsSpec) -> list[Path]:
    """The files that are read, in the order of their names. Raises StrataError where there are none."""
    path = Path(source)
    if path.is_dir():
        try:
            files = sorted(file for file in path.glob(spec.files) if file.is_file())
        except (ValueError, NotImplementedError) as error:
            raise StrataError(f"{spec.files[:80]!r} is no pattern of files", "Change `files` in [rows]") from error
        if not files:
            raise StrataError(f"No file in {path} matches {spec.files!r}", "Change `files` in [rows]")
        return files
    if not path.exists():
        raise StrataError(
            f"There is no file {path}", 'Check the path, or set format = "datasets" in [rows] for a hub name'
        )
    return [path]


def is_data_set(source: str | Path, spec: RowsSpec) -> bool:
    """Whether the source is read with the library `datasets` instead of file by file."""
    return spec.format == "datasets" or (Path(source).is_dir() and not spec.files)


def _raw_rows(source: str | Path, spec: RowsSpec) -> Iterator[Row]:
    if not is_data_set(source, spec):
        for file in source_files(source, spec):
            yield from _from_file(file, spec)
        return
    name = Path(source).name
    for number, values in enumerate(data_set_rows(str(source), spec.config, spec.split)):
        row_values = _unescaped(values) if spec.unescape else values
        yield Row(row_values, {}, name, f"{source}, row {number + 1}", number)


def _from_file(path: Path, spec: RowsSpec) -> Iterator[Row]:
    format = spec.format or _BY_SUFFIX.get(path.suffix.lower(), "")
    if format not in FORMATS:
        raise StrataError(
            f"{path} doesn't say by its name what it holds",
            f"Set `format` in [rows] to one of {', '.join(FORMATS)}, or save it as one",
        )
    encodings = (spec.encoding, spec.fallback_encoding)
    top: Mapping[str, Any] = {}
    faults: Mapping[int, str] = {}
    keyed: Iterable[Keyed]
    if format == "parquet":
        keyed = ((number, None, values) for number, values in enumerate(parquet_rows(path)))
    elif format == "csv":
        table = csv_rows(path, file_text(path, encodings), spec.delimiter, spec.header)
        keyed = [(number, None, values) for number, (values, _) in enumerate(table)]
        faults = {number: fault for number, (_, fault) in enumerate(table) if fault}
    elif format == "jsonl":
        keyed = json_lines(path, file_text(path, encodings))
    else:
        top, keyed = json_rows(path, file_text(path, encodings), spec.at)
    top = _unescaped(top) if spec.unescape else top
    for number, key, values in keyed:
        row_values = _unescaped(values) if spec.unescape else values
        yield Row(row_values, top, path.stem, f"{path}, row {number + 1}", number, key, faults.get(number, ""))


def _characters(escapes: re.Match[str]) -> str:
    """A run of escapes as its characters; together, because characters beyond 16 bits are written as two."""
    units = bytes.fromhex(escapes.group().replace("\\u", ""))
    try:
        return units.decode("utf-16-be")
    except UnicodeDecodeError:  # Half a pair says no character: it stays as it was written.
        return escapes.group()


def _unescaped(value: Any) -> Any:
    r"""Texts with a written-out `\u00e9` read as the character, all the way down."""
    if isinstance(value, str):
        return _ESCAPES.sub(_characters, value)
    if isinstance(value, dict):
        return {key: _unescaped(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_unescaped(inner) for inner in value]
    return value
