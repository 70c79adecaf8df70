"""What lies in a run directory? Reads its files once; an optional table that is absent is None."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from strata.experiments.results.file_versions import MANIFEST_SCHEMA, SUMMARY_SCHEMA
from strata.experiments.run.files import check_manifest, is_whole
from strata.experiments.run.first_schema import SCHEMA as FIRST_SCHEMA
from strata.experiments.run.first_schema import as_read, rows_as_read, spellings
from strata.probes.errors import StrataError

Json = dict[str, Any]
Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class RunTables:
    """The files of one run that the page needs. Of `profiles` only the few items with a map of their own are read."""

    run_dir: Path  # where they came from
    manifest: Json  # manifest.json
    summary: Json  # summary.json
    behaviour: Rows  # behaviour.parquet, a row an item
    curves: Rows | None  # curves.parquet; None when no instrument ran
    emergence: Rows | None  # emergence.parquet; None when the lens did not run
    locations: Rows | None  # locations.parquet; None when no onset was computed
    format_check: Json | None  # format_check.json; None when the format-only classifier did not run
    lens_maps: Json | None  # lens_maps.json; None when no map was kept
    prompts: Mapping[str, str]  # item id -> prompt, from items.jsonl; empty when absent
    asked: Mapping[str, Json] = field(default_factory=dict)  # item id -> its prompts and spans, from items.jsonl

    @property
    def n_layers(self) -> int:
        """Blocks of the model (L); streams go from 0 to L."""
        return int(self.manifest["checkpoint"]["n_layers"])


def read_run(run_dir: Path) -> RunTables:
    """Reads `run_dir`; raises StrataError naming the file when a needed one is absent or any is broken."""
    if not run_dir.is_dir():
        raise StrataError(f"{run_dir} is not a run directory", "Give the folder that `strata locate --out` wrote")
    manifest = json_object(run_dir / "manifest.json")
    summary = json_object(run_dir / "summary.json")
    check_whole(run_dir, manifest, summary)
    behaviour = table_rows(run_dir / "behaviour.parquet")
    for name, value in (("manifest.json", manifest), ("summary.json", summary), ("behaviour.parquet", behaviour)):
        if value is None:
            raise StrataError(f"{run_dir} has no {name}", "Start the same command again: it resumes and writes it")
    assert manifest is not None and summary is not None and behaviour is not None
    try:
        int(manifest["checkpoint"]["n_layers"])
    except (KeyError, TypeError, ValueError) as error:
        raise StrataError(
            f"{run_dir / 'manifest.json'} does not say checkpoint.n_layers", "Rerun the command"
        ) from error
    asked = _asked(run_dir / "items.jsonl")
    return RunTables(
        run_dir=run_dir,
        manifest=manifest,
        summary=as_read(summary) if summary.get("schema") == FIRST_SCHEMA else summary,
        behaviour=behaviour,
        curves=table_rows(run_dir / "curves.parquet"),
        emergence=table_rows(run_dir / "emergence.parquet"),
        locations=table_rows(run_dir / "locations.parquet"),
        format_check=json_object(run_dir / "format_check.json"),
        lens_maps=json_object(run_dir / "lens_maps.json"),
        prompts={item: str(line.get("prompt") or "") for item, line in asked.items()},
        asked=asked,
    )


def check_whole(run_dir: Path, manifest: Json | None, summary: Json | None) -> None:
    """Raises StrataError when a file isn't what the run wrote, or is of a schema that this version doesn't read."""
    for name, content, schemas in (
        ("manifest.json", manifest, (MANIFEST_SCHEMA,)),
        ("summary.json", summary, (SUMMARY_SCHEMA, FIRST_SCHEMA)),  # of the first one all but its places
    ):
        if content is not None and content.get("schema", schemas[0]) not in schemas:
            raise StrataError(
                f"{run_dir / name} is {content['schema']!r}, this page reads {schemas[0]!r}",
                "Use the Strata that wrote it",
            )
    if manifest is not None:
        check_manifest(run_dir, manifest)
        files = manifest.get("files", {})
        for name in files:
            is_whole(run_dir, files, name)


def json_object(path: Path) -> Json | None:
    """A file that holds one JSON object; None when there is none. Raises StrataError naming it when it is broken."""
    if not path.exists():
        return None
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise StrataError(f"{path} cannot be read ({error})", "Delete it and start the same command again") from error
    if not isinstance(value, dict):
        raise StrataError(f"{path} does not hold a JSON object", "Delete it and start the same command again")
    return value


def table_rows(path: Path) -> Rows | None:
    """The rows of a table; None when there is none. Raises StrataError naming it when it is broken."""
    if not path.exists():
        return None
    try:
        rows: Rows = pq.read_table(path).to_pylist()
    except (OSError, ValueError, pa.ArrowException) as error:
        raise StrataError(f"{path} cannot be read ({error})", "Delete it and start the same command again") from error
    return rows_as_read(rows)


def _asked(path: Path) -> dict[str, Json]:
    if not path.exists():
        return {}
    asked: dict[str, Json] = {}
    with path.open(encoding="utf-8", errors="replace") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                item = json.loads(line)
                asked[str(item["id"])] = {k: item.get(k) for k in ("prompt", "foil_prompt", "spans", "foil_spans")}
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                raise StrataError(f"{path}:{number} is not an item ({error})", "Restore items.jsonl") from error
    return asked


def patching_items(run: RunTables) -> list[str]:
    """Items that have activation patching effects of their own, sorted; none when the table is absent."""
    path = run.run_dir / "profiles.parquet"
    if not path.exists():
        return []
    rows = _filtered(path, [("instrument", "in", spellings("patching"))], ["item"])
    return sorted(str(i) for i in rows.column("item").unique().to_pylist())


def patching_rows(run: RunTables, items: Sequence[str]) -> Rows:
    """The activation patching effects of a few items, a row an effect."""
    if not items:
        return []
    where = [("instrument", "in", spellings("patching")), ("item", "in", list(items))]
    rows: Rows = _filtered(run.run_dir / "profiles.parquet", where, None).to_pylist()
    return rows_as_read(rows)


def _filtered(path: Path, where: list[tuple[str, str, Any]], columns: list[str] | None) -> pa.Table:
    try:
        return pq.read_table(path, columns=columns, filters=where)
    except (OSError, ValueError, pa.ArrowException) as error:
        raise StrataError(f"{path} cannot be read ({error})", "Delete it and start the same command again") from error
