"""A run directory: what was asked, with which model, how far it got, and what came out. Whole files or none."""

from __future__ import annotations

import json
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import torch
from pydantic import JsonValue, ValidationError

from strata.experiments.results.caveats import Caveat
from strata.experiments.results.file_versions import MANIFEST_SCHEMA
from strata.experiments.results.json_file import JsonFile, ShapeT
from strata.experiments.results.table import RUN_KEY, RowT, Table, Value
from strata.experiments.run.directory_lock import locked_directory
from strata.experiments.run.files import (
    CHECKSUM,
    MANIFEST,
    file_sha256,
    is_complete,
    is_whole,
    manifest_sha256,
    read_manifest,
    read_object,
)
from strata.experiments.run.manifest import (
    DISTRIBUTION,
    CheckpointRecord,
    ItemsRecord,
    JsonObject,
    Manifest,
    SourceTree,
    StageCost,
)
from strata.experiments.run.summary_version_1 import is_first
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.errors import DamagedError, StrataError
from strata.probes.files.atomic_writes import remove_unfinished, whole_file, write_whole
from strata.probes.files.foreign_files import read_json

_LIBRARIES = ("torch", "transformers", "transformer-lens", "nnsight", "numpy", "plotly", "safetensors", DISTRIBUTION)
_UNSEEN = object()
_LONGEST = 80
"""Of a value in a message."""


class RunDirectory:
    """One directory a run. Opened again with the same `identity` it resumes; with another it refuses.

    `identity` is what decides the numbers (configuration, weights, items), `command` only how they were asked for.
    """

    def __init__(self, path: Path, *, verb: str, command: Sequence[str], identity: Mapping[str, JsonValue]) -> None:
        self.path = path
        self._lock = locked_directory(path)
        # Nobody else writes here: what a kill has left of files goes, wherever in the run it lies.
        for folder in (path, path / "parts", path / "activations"):
            remove_unfinished(folder, "*", everywhere=folder != path)
        # What JSON makes of it is what a later start will compare with.
        comparable: JsonObject = json.loads(json.dumps(dict(identity)))
        self.manifest = self._resumed(comparable) or Manifest(
            schema=MANIFEST_SCHEMA,
            run_id=sha256(json.dumps([verb, comparable], sort_keys=True).encode()).hexdigest()[:12],
            verb=verb,
            config=comparable,
            started=_now(),
            stages={},
            self_tests=[],
            excluded={},
            warnings=(),
            files={},
            versions=library_versions(),
            git=_git(),
        )
        self.manifest.begin(command)
        self.save()

    @property
    def run_id(self) -> str:
        return self.manifest.run_id

    def close(self, status: str) -> None:
        """Records how the run ended and lets others in."""
        self.manifest.status, self.manifest.ended = status, _now()
        self.save()
        self._lock.release()

    def save(self) -> None:
        manifest = self.manifest.as_json()
        self._write(MANIFEST, manifest | {CHECKSUM: manifest_sha256(manifest)})

    def warn(self, caveat: Caveat) -> None:
        """A caveat that must stand beside the numbers."""
        if caveat not in self.manifest.warnings:
            self.manifest.warnings = (*self.manifest.warnings, caveat)

    def measured_here(self, device: str) -> None:
        """Records what measures from now on; a resumed run that was begun under something else says so in a warning."""
        now: dict[str, str] = {**library_versions(), "device": device}
        begun = {**self.manifest.versions, "device": self.manifest.device or device}
        changed = [
            (name, begun.get(name), now.get(name))
            for name in sorted({*begun, *now})
            if begun.get(name) != now.get(name)
        ]
        if changed:
            self.warn(Caveat(code="resumed-elsewhere", changes=tuple(changed)))
        self.manifest.versions, self.manifest.git, self.manifest.device = library_versions(), _git(), device
        self.save()

    def describe(
        self,
        checkpoint: Checkpoint,
        items: ItemsRecord,
        *,
        options: Mapping[str, JsonValue],
        excluded: Mapping[str, int],
        limited: bool,
    ) -> None:
        """Records what is measured on what; to be saved with whatever is recorded next."""
        seed = (self.manifest.config or {}).get("seed")
        assert isinstance(seed, int)
        self.manifest.seed = seed
        self.manifest.options = dict(options)
        self.manifest.dtype = str(checkpoint.dtype).removeprefix("torch.")
        self.manifest.attention = checkpoint.attention
        self.manifest.bos = bool(checkpoint.prefix)
        self.manifest.checkpoint, self.manifest.items = CheckpointRecord.of(checkpoint), items
        self.manifest.excluded, self.manifest.limited = dict(excluded), limited
        for caveat in checkpoint.caveats:
            self.warn(Caveat(code="opened", opened=caveat))

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Adds the seconds and the peak memory of a stage to the manifest, also when it is cut short."""
        began = time.perf_counter()
        if torch.cuda.is_available():
            torch.cuda.reset_peak_memory_stats()
        try:
            yield
        finally:
            cost = self.manifest.stages.setdefault(name, StageCost())
            cost.seconds = round(cost.seconds + time.perf_counter() - began, 3)
            cost.peak_memory_bytes = max(cost.peak_memory_bytes, _peak_memory())
            if torch.cuda.is_available():
                cost.peak_gpu_bytes = max(cost.peak_gpu_bytes, torch.cuda.max_memory_allocated())
            self.save()

    def finished(self, name: str) -> bool:
        """Whether a file was written to its end, by this run. Raises DamagedError when it has been changed since."""
        return is_whole(self.path, self.manifest.files, name)

    def complete(self, names: Iterable[str]) -> bool:
        """Whether `names`, and whatever else this run has written, are there and unchanged."""
        return is_complete(self.path, self.manifest.files, names)

    def write_json(self, declared: JsonFile[ShapeT], content: ShapeT) -> None:
        """`content` as a declared JSON file. Raises ValueError for a number that JSON can't hold."""
        with self.writing(declared.name):
            self._write(declared.name, declared.plain(content))

    def read_as(self, declared: JsonFile[ShapeT]) -> ShapeT:
        """What a JSON file holds. Raises DamagedError when it is missing, isn't what this run wrote, or has another shape."""
        self._require(declared.name)
        file = self.path / declared.name
        again = "Delete it and start the same command again"
        content = read_json(file, again, error=DamagedError)
        try:
            return declared.shape.validate_python(content)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"])) or "the whole"
            raise DamagedError(
                f"{file} doesn't hold what its schema says ({where}: {first['msg'].lower()})", again
            ) from error

    def read_object(self, name: str, schema: str) -> JsonObject:
        """The same of a file that says which schema it has. Raises DamagedError for another one."""
        self._require(name)
        return read_object(self.path / name, schema)

    def write_rows(self, declared: Table[RowT], rows: Iterable[RowT | Mapping[str, Value]], *, name: str = "") -> None:
        """Rows of a declared table as a file. Raises KeyError for a column that isn't declared. `name` as in `write_table`."""
        self.write_table(declared, declared.of_rows(rows), name=name)

    def write_table(self, declared: Table[Any], table: pa.Table, *, name: str = "") -> None:
        """NAME.parquet, with the run id in its metadata; `name`: another one than the declared, of tables written once a model.

        Raises KeyError for other columns than the declared ones.
        """
        if not table.schema.equals(declared.schema):
            raise KeyError(f"{declared.name} declares {declared.schema.to_string()}, not {table.schema.to_string()}")
        name = name or declared.name
        tagged = table.replace_schema_metadata({**(table.schema.metadata or {}), RUN_KEY: self.run_id.encode()})
        with self.writing(f"{name}.parquet"), whole_file(self.path / f"{name}.parquet") as part:
            pq.write_table(tagged, part, compression="zstd")

    def read_table(self, name: str) -> pa.Table:
        """Raises DamagedError when the table is missing, or isn't what this run wrote."""
        self._require(f"{name}.parquet")
        return pq.read_table(self.path / f"{name}.parquet")

    def read_rows(self, declared: Table[RowT], *, name: str = "") -> list[RowT]:
        """Rows of a table that this run wrote. Raises DamagedError as `read_table` does."""
        return declared.rows(self.read_table(name or declared.name))

    @contextmanager
    def writing(self, name: str) -> Iterator[None]:
        """Whoever writes a file of the run does it in here: afterwards its checksum stands in the manifest."""
        # Taken out first: a kill between the two writes leaves a file that is made again, not one that looks damaged.
        others = {other: digest for other, digest in self.manifest.files.items() if other != name}
        if len(others) < len(self.manifest.files):
            self.manifest.files = others
            self.save()
        yield
        self.manifest.files = self.manifest.files | {name: file_sha256(self.path / name)}
        self.save()

    def _write(self, name: str, content: JsonValue) -> None:
        write_whole(self.path / name, json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False))

    def _require(self, name: str) -> None:
        if not self.finished(name):
            raise DamagedError(f"{self.path} has no {name}", "Start the same command again: it makes what is missing")

    def _resumed(self, identity: JsonObject) -> Manifest | None:
        if not (self.path / MANIFEST).exists():
            strangers = [entry.name for entry in self.path.iterdir() if entry.name != ".lock"]
            if strangers:
                raise StrataError(
                    f"{self.path} is not empty and holds no run (there is {sorted(strangers)[0]})",
                    "Give --out a new or empty directory",
                )
            return None
        manifest = read_manifest(self.path)
        before = manifest.config
        if before is None:
            raise StrataError(
                f"{self.path / MANIFEST} is damaged (no configuration)", "Delete the directory or give another --out"
            )
        if is_first({"config": before}):
            raise StrataError(
                f"{self.path} was made by an earlier version of Strata, with its first rule of where answers are made",
                f"Give another --out to measure anew; strata report {self.path} still opens its page",
            )
        differences = list(_differences(before, identity))
        if differences:
            raise StrataError(
                f"{self.path} was made with another configuration ({'; '.join(differences)})",
                "Give another --out, or the same options to resume",
            )
        return manifest


def _differences(before: JsonObject, now: JsonObject, inside: str = "") -> Iterator[str]:
    for key in sorted({*before, *now}):
        there, here = before.get(key, _UNSEEN), now.get(key, _UNSEEN)
        if isinstance(there, dict) and isinstance(here, dict):
            yield from _differences(there, here, f"{inside}{key}.")
        elif there != here:
            yield f"{inside}{key}: {_shown(there)} there, {_shown(here)} now"


def _shown(value: Any) -> str:
    text = "nothing" if value is _UNSEEN else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _peak_memory() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def library_versions() -> dict[str, str]:
    """Of Python, and of the libraries that decide numbers, as they are here."""
    versions = {"python": platform.python_version()}
    for name in _LIBRARIES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return versions


@cache
def _git() -> SourceTree | None:
    """Commit of the source tree, when it is one: looked up once, since what is loaded doesn't change with it."""
    here = Path(__file__).resolve().parents[2]
    if not (here / ".git").exists():
        return None

    def git(*words: str) -> str:
        return subprocess.run(
            ["git", "-C", str(here), *words], capture_output=True, text=True, check=True
        ).stdout.strip()

    try:
        return SourceTree(commit=git("rev-parse", "HEAD"), dirty=bool(git("status", "--porcelain")))
    except (OSError, subprocess.CalledProcessError):
        return None
