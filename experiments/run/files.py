"""Are the files of a run directory what the run wrote? Each has its checksum in the manifest and is checked before it is used."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import ValidationError

from strata.experiments.results.file_versions import MANIFEST_SCHEMA
from strata.experiments.results.table import RUN_KEY
from strata.experiments.run.manifest import JsonObject, Manifest
from strata.probes.errors import DamagedError, StrataError
from strata.probes.files.file_state import file_state
from strata.probes.files.foreign_files import read_json_object, refuse_irregular

MANIFEST = "manifest.json"
CHECKSUM = "sha256"
"""Field of the manifest: of everything else in it."""
_FILES = "files"
_RESTORE = "Put it back, delete the directory, or give another --out"
"""Without its manifest a directory is no run, so deleting it alone would not help."""


def read_manifest(directory: Path) -> Manifest:
    """manifest.json of a run. Raises DamagedError when it is damaged, changed by hand or of another version."""
    content = read_object(directory / MANIFEST, MANIFEST_SCHEMA, _RESTORE)
    check_manifest(directory, content)
    try:
        return Manifest.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise DamagedError(f"{directory / MANIFEST} is damaged ({where}: {first['msg']})", _RESTORE) from error


def check_manifest(directory: Path, content: JsonObject) -> None:
    """Raises DamagedError when what manifest.json holds has been changed since the run wrote it."""
    if _FILES in content and content.get(CHECKSUM) != manifest_sha256(content):
        raise DamagedError(f"{directory / MANIFEST} is not what the run wrote (its checksum differs)", _RESTORE)


def manifest_sha256(manifest: JsonObject) -> str:
    """Over all but the checksum itself."""
    content = {name: value for name, value in manifest.items() if name != CHECKSUM}
    return hashlib.sha256(json.dumps(content, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


class OtherVersionError(DamagedError):
    """A file of a run was written by another version of Strata."""


def read_object(file: Path, schema: str, remedy: str = "Delete it and start the same command again") -> JsonObject:
    """A JSON file that says which schema it has. Raises DamagedError when it is damaged, OtherVersionError of another one."""
    content: JsonObject = read_json_object(file, remedy, error=DamagedError)
    if content.get("schema") != schema:
        raise OtherVersionError(
            f"{file} is {str(content.get('schema'))[:60]!r}, this Strata reads {schema!r}",
            "Use the Strata that wrote it, or give another directory",
        )
    return content


def is_whole(directory: Path, files: Mapping[str, str], name: str) -> bool:
    """Whether the file is there and recorded in `files` (name: sha256). Raises DamagedError when it isn't what was recorded."""
    file = directory / name
    recorded = files.get(name)
    if recorded is None or not file.exists():
        return False
    refuse_irregular(file)
    if file_sha256(file) != recorded:
        raise DamagedError(
            f"{file} is not what this run wrote (its checksum differs)",
            "Put it back, or delete it and start the same command again: it is made anew",
        )
    return True


def is_complete(directory: Path, files: Mapping[str, str], names: Iterable[str]) -> bool:
    """Whether `names`, and whatever else is recorded in `files`, are there. Raises DamagedError for one that was changed."""
    return all(is_whole(directory, files, name) for name in sorted({*names, *files}))


def check_run(directory: Path, manifest: Manifest, tables: Sequence[str], others: Iterable[str]) -> None:
    """Raises DamagedError when a file of a finished run is missing, damaged or another run's."""
    check_tables(directory, manifest.run_id, tables)  # says whose a table is
    if not manifest.has_checksums:
        return
    for name in sorted({*others, *(f"{table}.parquet" for table in tables), *manifest.files}):
        if not is_whole(directory, manifest.files, name):
            lacks = "has no record of" if (directory / name).exists() else "has no"
            raise DamagedError(f"{directory} {lacks} {name}", "Start the same command again: it makes what is missing")


def table_of(directory: Path, name: str) -> pa.Table:
    """A table of another run, checked. Raises DamagedError when it is missing or isn't what that run wrote."""
    file = f"{name}.parquet"
    if not is_whole(directory, read_manifest(directory).files, file):
        raise DamagedError(f"{directory} has no {file}", "Start the same command again: it makes what is missing")
    return pq.read_table(directory / file)


def file_sha256(file: Path) -> str:
    """Read once a process and state of the file."""
    return _sha256(str(file), file_state(file))


@lru_cache(maxsize=1024)
def _sha256(file: str, _state: str) -> str:
    with Path(file).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def check_tables(run: Path, run_id: str, names: Sequence[str]) -> None:
    """Raises StrataError when a table of the finished run in `run` is missing, broken, or was written by another run."""
    for name in names:
        file = run / f"{name}.parquet"
        if not file.exists():
            raise StrataError(f"{run} has no {file.name}", "Start the same command again: it makes what is missing")
        try:
            metadata = pq.read_schema(file).metadata or {}
        except (OSError, pa.ArrowException) as error:
            raise StrataError(
                f"{file} can't be read ({str(error).splitlines()[0]})", "Delete it and start the same command again"
            ) from error
        writer = metadata.get(RUN_KEY, b"none").decode("utf-8", "replace")
        if writer != run_id:
            raise StrataError(
                f"{file} belongs to another run ({writer}; this one is {run_id})",
                "Delete it and start the same command again",
            )
