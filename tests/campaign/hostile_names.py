"""Which names may a stranger give, and how does a run look in which something is called so?"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

NAMES = (
    "</script><script>window.pwned=1</script>", "<img src=x onerror=window.pwned=1>", "</style><svg onload=window.pwned=1>",
    "\"onmouseover=window.pwned=1 x=\"", "javascript:window.pwned=1", "${window.pwned=1}", "<!--", "]]>", "__proto__", "constructor",
    "\u202etxt.exe", "العربية", "東京 😀 👩‍👩‍👧", "e\u0301" * 40, "\x1b]0;owned\x07\x1b[31m", "a\x00b\x01c\x7fd", "\x85\u2028\u2029",
    "a" * 100_000, "<b>" * 30_000, "\u0300" * 20_000, "\n\r\t", " ", "=cmd|' /C calc'!A0", "a,b;\"c\"\r\nd", "<a href=https://example.com/>x</a>",
    "<a href=\"javascript:window.pwned=1\">x</a>", "%3Cscript%3E", "$x^2$ <sub>a</sub>", "\ufeff\ufffe\uffff", "[/]",
)  # fmt: skip
LOCATED = {"family": "capital", "domain": "geography", "answer_token": " Paris", "item": "capital-005"}
"""What may be called otherwise in the made-up run: fields of its tables, and the name that it has there."""
_LONGEST_FILE = 200
"""Bytes of a directory's name."""


@dataclass(frozen=True)
class PlainRun:
    """A finished run with plain names, and what in it may be called otherwise."""

    verb: str
    directory: Path
    write: Callable[[Path], Path]
    """Its page; returns the path of report.html."""
    names: Mapping[str, str]
    """What it is, and what it is called in the plain run."""


def renamed(plain: Path, copy: Path, before: str, name: str) -> Path:
    """A copy of a run, and of those inside it, in which what is called `before` is called `name`; each manifest agrees with its files."""
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(plain, copy)
    for file in copy.rglob("*.parquet"):
        table = pq.read_table(file)
        for at, column in enumerate(table.schema):
            if pa.types.is_string(column.type):
                values = [name if value == before else value for value in table.column(at).to_pylist()]
                table = table.set_column(at, column, pa.array(values, column.type))
        pq.write_table(table, file)
    for file in copy.rglob("*.json*"):
        if file.name in ("view.json", "progress.json"):
            continue
        lines = file.read_text().split("\n") if file.suffix == ".jsonl" else [file.read_text()]
        written = [
            json.dumps(_renamed(json.loads(line), before, name), ensure_ascii=False) for line in lines if line.strip()
        ]
        file.write_text("".join(f"{line}\n" for line in written))
    for manifest in copy.rglob("manifest.json"):
        _sign(manifest)
    return copy


def _renamed(value: Any, before: str, name: str) -> Any:
    if isinstance(value, dict):
        return {name if key == before else key: _renamed(inner, before, name) for key, inner in value.items()}
    if isinstance(value, list):
        return [_renamed(inner, before, name) for inner in value]
    return name if value == before else value


def _sign(file: Path) -> None:
    from strata.experiments.run.files import CHECKSUM, file_sha256, manifest_sha256

    manifest = json.loads(file.read_text())
    if "files" in manifest:
        manifest["files"] = {name: file_sha256(file.parent / name) for name in manifest["files"]}
        manifest[CHECKSUM] = manifest_sha256(manifest)
        file.write_text(json.dumps(manifest, ensure_ascii=False))


def as_directory(name: str) -> str:
    """The name as far as a directory can be called so."""
    shown = name.replace("/", "∕").replace("\0", "").encode()[:_LONGEST_FILE].decode("utf-8", "ignore")
    return shown if shown.strip(" .") else f"a{shown}"
