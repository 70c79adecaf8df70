"""What lies in a run directory? Reads its files once; an optional table that is absent is None."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from strata.dashboards.sentences.shown_names import LONGEST, shown_name, with_shown_names
from strata.experiments.results.file_versions import MANIFEST_SCHEMA, SUMMARY_SCHEMA
from strata.experiments.results.format_check import FormCheck
from strata.experiments.results.lens_maps import LensMaps
from strata.experiments.results.locate_summary import Summary
from strata.experiments.results.locate_tables import (
    BEHAVIOUR,
    CURVES,
    EMERGENCE,
    HEADS,
    LOCATIONS,
    PROFILES,
    BehaviourRow,
    CurveRow,
    EmergenceRow,
    HeadRow,
    LocationRow,
    ProfileRow,
)
from strata.experiments.results.rows import Row
from strata.experiments.results.table import RowT, Table
from strata.experiments.run.files import check_manifest, is_whole
from strata.experiments.run.manifest import JsonObject, Manifest
from strata.experiments.run.summary_file import summary_of
from strata.experiments.run.summary_version_1 import SCHEMA as FIRST_SCHEMA
from strata.experiments.run.summary_version_1 import rows_as_read, spellings, still_measured
from strata.probes.errors import StrataError
from strata.probes.files.foreign_files import parse_json, read_json_object

Checked = TypeVar("Checked", FormCheck, LensMaps, Manifest)
_AGAIN = "Delete it and start the same command again"


class Asked(BaseModel):
    """An item's two prompts, as far as the page shows them."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    prompt: str = ""
    foil_prompt: str = ""
    spans: Mapping[str, tuple[int, int]] = Field(default_factory=dict)
    """Half-open character ranges of `prompt`."""
    foil_spans: Mapping[str, tuple[int, int]] = Field(default_factory=dict)


@dataclass(frozen=True)
class RunTables:
    """The files of one run that the page needs. Of `profiles` only the few items with a map of their own are read."""

    run_dir: Path  # where they came from
    manifest: Manifest  # manifest.json
    summary: Summary  # summary.json
    behaviour: list[BehaviourRow]
    curves: list[CurveRow] | None  # None when no instrument ran
    emergence: list[EmergenceRow] | None  # None when the lens did not run
    locations: list[LocationRow] | None  # None when no onset was computed
    format_check: FormCheck | None  # None when the format-only classifier did not run
    lens_maps: LensMaps | None  # None when no map was kept
    heads: Sequence[HeadRow] = ()  # none when no head was edited, or by a run of before there was such a table
    asked: Mapping[str, Asked] = field(default_factory=dict)  # by item, from items.jsonl; empty when absent

    @property
    def n_layers(self) -> int:
        """Blocks of the model (L); streams go from 0 to L."""
        return self.summary.n_layers


def read_run(run_dir: Path) -> RunTables:
    """Reads `run_dir`; raises StrataError naming the file when a needed one is absent or any is broken."""
    if not run_dir.is_dir():
        raise StrataError(f"{run_dir} is not a run directory", "Give the folder that `strata locate --out` wrote")
    manifest = json_object(run_dir / "manifest.json")
    summary = json_object(run_dir / "summary.json")
    if summary is not None:
        # Of the first schema everything but its places is read.
        _check_schema(run_dir / "summary.json", summary, (SUMMARY_SCHEMA, FIRST_SCHEMA))
    typed_manifest = None if manifest is None else checked_manifest(run_dir, manifest)
    behaviour = _typed(run_dir, BEHAVIOUR)
    for name, value in (("manifest.json", manifest), ("summary.json", summary), ("behaviour.parquet", behaviour)):
        if value is None:
            raise StrataError(f"{run_dir} has no {name}", "Start the same command again: it resumes and writes it")
    assert typed_manifest is not None and summary is not None and behaviour is not None
    form = json_object(run_dir / "format_check.json")
    curves = _typed(run_dir, CURVES)
    return RunTables(
        run_dir=run_dir,
        manifest=typed_manifest,
        summary=summary_of(with_shown_names(summary)),
        behaviour=behaviour,
        curves=None if curves is None else still_measured(curves),
        emergence=_typed(run_dir, EMERGENCE),
        locations=_typed(run_dir, LOCATIONS),
        format_check=None if form is None else _checked(run_dir / "format_check.json", FormCheck, form),
        lens_maps=lens_maps_of(run_dir),
        heads=_typed(run_dir, HEADS) or (),
        asked=_asked(run_dir / "items.jsonl"),
    )


def checked_manifest(run_dir: Path, content: JsonObject) -> Manifest:
    """manifest.json of a run. Raises StrataError when it, or a file that it records, isn't what the run wrote."""
    file = run_dir / "manifest.json"
    _check_schema(file, content, (MANIFEST_SCHEMA,))
    check_manifest(run_dir, content)
    manifest = _checked(file, Manifest, content)
    for name in manifest.files:
        is_whole(run_dir, manifest.files, name)
    return manifest


def lens_maps_of(run_dir: Path) -> LensMaps | None:
    """lens_maps.json; None where no map was kept. Raises StrataError for a damaged one."""
    content = json_object(run_dir / "lens_maps.json")
    return None if content is None else _checked(run_dir / "lens_maps.json", LensMaps, with_shown_names(content))


def _check_schema(file: Path, content: JsonObject, schemas: Sequence[str]) -> None:
    if content.get("schema", schemas[0]) not in schemas:
        raise StrataError(
            f"{file} is {content['schema']!r}, this page reads {schemas[0]!r}", "Use the Strata that wrote it"
        )


def json_object(path: Path) -> JsonObject | None:
    """A file that holds one JSON object; None when there is none. Raises StrataError naming it when it is broken."""
    if not path.exists():
        return None
    return read_json_object(path, _AGAIN)


def table_rows(path: Path) -> Sequence[Row] | None:
    """The rows of a table; None when there is none. Raises StrataError naming it when it is broken."""
    if not path.exists():
        return None
    return rows_as_read(_read(path).to_pylist())


def _typed(run_dir: Path, declared: Table[RowT]) -> list[RowT] | None:
    """The same, each of them typed."""
    path = run_dir / f"{declared.name}.parquet"
    if not path.exists():
        return None
    try:
        return declared.read(_with_shown_names(_read(path)))
    except TypeError as error:
        raise StrataError(f"{path} lacks a column ({error})", _AGAIN) from error


def _checked(path: Path, record: type[Checked], content: JsonObject) -> Checked:
    try:
        return record.model_validate({name: value for name, value in content.items() if name in record.model_fields})
    except ValidationError as error:
        problem = error.errors()[0]
        where = ".".join(map(str, problem["loc"]))
        raise StrataError(f"{path} cannot be read ({where}: {problem['msg'].lower()})", _AGAIN) from error


def _asked(path: Path) -> dict[str, Asked]:
    if not path.exists():
        return {}
    asked: dict[str, Asked] = {}
    with path.open(encoding="utf-8", errors="replace") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                item = parse_json(line)
                asked[shown_name(str(item["id"]))] = Asked.model_validate(
                    {name: item[name] for name in Asked.model_fields if item.get(name)}
                )
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                raise StrataError(f"{path}:{number} is not an item ({error})", "Restore items.jsonl") from error
    return asked


def patching_items(run: RunTables) -> list[str]:
    """Items that have activation patching effects of their own, sorted; none when the table is absent."""
    path = run.run_dir / "profiles.parquet"
    if not path.exists():
        return []
    rows = _read(path, [("instrument", "in", spellings("patching"))], ["item"])
    return sorted(str(i) for i in rows.column("item").unique().to_pylist())


def patching_rows(run: RunTables, items: Sequence[str]) -> list[ProfileRow]:
    """The activation patching effects of a few items, a row an effect."""
    if not items:
        return []
    where = [("instrument", "in", spellings("patching")), ("item", "in", list(items))]
    return still_measured(PROFILES.read(_with_shown_names(_read(run.run_dir / "profiles.parquet", where))))


def _read(
    path: Path, where: list[tuple[str, str, list[str]]] | None = None, columns: list[str] | None = None
) -> pa.Table:
    try:
        return pq.read_table(path, columns=columns, filters=where)
    except Exception as error:  # Arrow's own, and bare ones of every kind for a damaged file
        raise StrataError(f"{path} cannot be read ({str(error)[:200]})", _AGAIN) from error


def _with_shown_names(table: pa.Table) -> Sequence[Row]:
    rows = rows_as_read(table.to_pylist())
    texts = (column for column in table.columns if pa.types.is_string(column.type))
    # Whether one is too long costs nothing to find out in the table, and much in its rows.
    too_long = any((pc.max(pc.utf8_length(column)).as_py() or 0) > LONGEST for column in texts)
    return with_shown_names(rows) if too_long else rows
