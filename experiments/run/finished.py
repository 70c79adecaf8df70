"""Is this directory a finished run, and are its files what the run wrote? Whoever reads one from outside starts here."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from strata.experiments.results.behaviour_tables import BEHAVIOUR_TABLES
from strata.experiments.results.comparison_tables import COMPARISON_TABLES
from strata.experiments.results.file_versions import (
    BEHAVE_SCHEMA,
    COMPARISON_SCHEMA,
    PROBE_SCHEMA,
    SUMMARY_SCHEMA,
    SWEEP_SCHEMA,
)
from strata.experiments.results.locate_tables import LOCATE_TABLES
from strata.experiments.results.probe_tables import PROBE_TABLES
from strata.experiments.results.sweep_tables import SWEEP_TABLES
from strata.experiments.results.table import Table
from strata.experiments.run import summary_version_1
from strata.experiments.run.files import (
    MANIFEST,
    check_run,
    read_manifest,
    read_object,
)
from strata.experiments.run.manifest import JsonObject, Manifest, hashes_of
from strata.probes.errors import DamagedError, StrataError

SUMMARY, COMPARISON, SWEEP = "summary.json", "comparison.json", "sweep.json"
_GIVE = "Give the --out of a strata locate, compare, probe, behave or sweep"
_RESUME = "Start the same command again: it resumes where it was stopped"


@dataclass(frozen=True)
class FinishedRun:
    directory: Path
    manifest: Manifest
    """manifest.json: command, configuration, seeds, versions, what was measured on what."""
    result: JsonObject
    """summary.json of a `locate`, a `probe` or a `behave`, comparison.json of a `compare`, sweep.json of a `sweep`."""
    tables: tuple[str, ...]
    """Names of its tables, each NAME.parquet."""
    models: dict[str, Path]
    """Of a comparison: the run directory of each of its models by role. Otherwise empty."""


def finished_run(directory: Path) -> FinishedRun:
    """A run of `locate`, `probe`, `behave`, `compare` or `sweep`, every recorded file checked against its checksum; the runs inside of it aren't.

    Raises StrataError where there is no such run or it isn't finished, DamagedError where a file isn't what the run wrote.
    """
    if not (directory / MANIFEST).exists():
        lacks = f"no {MANIFEST}" if directory.is_dir() else "it is a file" if directory.exists() else "it isn't there"
        raise StrataError(f"{directory} is not a run directory ({lacks})", _meant(directory) or _GIVE)
    manifest = read_manifest(directory)
    verb = manifest.verb
    if verb == "locate" and summary_version_1.is_first({"config": manifest.config}):
        return _summarised(directory, manifest, summary_version_1.SCHEMA, summary_version_1.TABLES)
    if verb == "locate":
        return _summarised(directory, manifest, SUMMARY_SCHEMA, _names(LOCATE_TABLES))
    if verb == "probe":
        return _summarised(directory, manifest, PROBE_SCHEMA, _names(PROBE_TABLES))
    if verb == "behave":
        return _summarised(directory, manifest, BEHAVE_SCHEMA, _names(BEHAVIOUR_TABLES))
    if verb == "compare":
        return _compared(directory, manifest)
    if verb == "sweep":
        return _swept(directory, manifest)
    raise StrataError(f"{directory} was made by strata {verb}, which leaves nothing to read here", _GIVE)


def _meant(directory: Path) -> str:
    """A run beside it that is called much the same."""
    try:
        beside = [entry.name for entry in directory.parent.iterdir() if (entry / MANIFEST).exists()]
    except OSError:
        return ""
    near = difflib.get_close_matches(directory.name, beside, 1)
    return f"Did you mean {directory.parent / near[0]}?" if near else ""


def _summarised(directory: Path, manifest: Manifest, schema: str, tables: tuple[str, ...]) -> FinishedRun:
    if not (directory / SUMMARY).exists():
        raise StrataError(f"The run in {directory} is not finished", _RESUME)
    summary = read_object(directory / SUMMARY, schema)
    run_id, summarised = manifest.run_id, summary.get("run")
    if not run_id or summarised is None:
        lacks = "'run'" if run_id else "'run_id'"
        raise DamagedError(f"{directory} has a damaged {MANIFEST} or {SUMMARY} (no {lacks})", "Run it again")
    if summarised != run_id:
        raise DamagedError(
            f"{directory / SUMMARY} belongs to another run ({summarised}; this one is {run_id})",
            "Delete it and start the same command again",
        )
    check_run(directory, manifest, tables, ("items.jsonl", SUMMARY))
    return FinishedRun(directory, manifest, summary, _tables(manifest, tables), {})


def _compared(directory: Path, manifest: Manifest) -> FinishedRun:
    if not (directory / COMPARISON).exists():
        raise StrataError(f"The comparison in {directory} is not finished", _RESUME)
    comparison = read_object(directory / COMPARISON, COMPARISON_SCHEMA)
    measured, compared = manifest.compared_weights(), hashes_of(comparison.get("models"), "sha256")
    if not measured or not compared:
        lacking = MANIFEST if compared else COMPARISON
        raise DamagedError(f"{directory} has a damaged {lacking} (no models)", "Run it again")
    if measured != compared:
        raise DamagedError(
            f"{directory / COMPARISON} is about other models than {MANIFEST}",
            "Delete it and start the same command again",
        )
    tables = _names(COMPARISON_TABLES)
    check_run(directory, manifest, tables, ("items.jsonl", COMPARISON))
    models = {role: directory / role for role in compared}
    return FinishedRun(directory, manifest, comparison, _tables(manifest, tables), models)


def _swept(directory: Path, manifest: Manifest) -> FinishedRun:
    if not (directory / SWEEP).exists():
        raise StrataError(f"The sweep in {directory} is not finished", _RESUME)
    result, tables = read_object(directory / SWEEP, SWEEP_SCHEMA), _names(SWEEP_TABLES)
    if result.get("run") != manifest.run_id:
        raise DamagedError(
            f"{directory / SWEEP} belongs to another run ({result.get('run')}; this one is {manifest.run_id})",
            "Delete it and start the same command again",
        )
    check_run(directory, manifest, tables, (SWEEP,))
    return FinishedRun(directory, manifest, result, _tables(manifest, tables), {})


def _names(tables: Sequence[Table[Any]]) -> tuple[str, ...]:
    return tuple(table.name for table in tables)


def _tables(manifest: Manifest, known: tuple[str, ...]) -> tuple[str, ...]:
    """Those every such run holds, then whatever else this one wrote."""
    written = (Path(name) for name in sorted(manifest.files))
    others = (file.stem for file in written if file.suffix == ".parquet" and file.stem not in known)
    return (*known, *others)
