"""What does a finished `strata compare` leave on disk? Reads its files once; a table that is absent is None."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from strata.dashboards.view.tables import checked_manifest, json_object, table_rows
from strata.experiments.items.schema import KINDS, Kind
from strata.experiments.results.comparison import Comparison, FamilyChange
from strata.experiments.results.comparison_tables import COMPARISON_TABLES
from strata.experiments.results.file_versions import COMPARISON_SCHEMA, MANIFEST_SCHEMA
from strata.experiments.results.lineage_check import LineageCheck
from strata.experiments.results.locate_summary import Summary
from strata.experiments.results.roles import BASE, ROLES, Role
from strata.experiments.results.rows import Row
from strata.experiments.run.manifest import JsonObject, Manifest
from strata.experiments.run.summary_file import read_summary
from strata.probes.errors import StrataError

T = TypeVar("T")
_AGAIN = "Delete it and start the same command again"
_FAMILIES = TypeAdapter(list[FamilyChange])
_CHECKS = TypeAdapter(Mapping[Role, LineageCheck])


@dataclass(frozen=True)
class ComparisonRun:
    """The files of one comparison that the page needs."""

    run_dir: Path  # where they came from
    manifest: Manifest  # manifest.json
    comparison: Comparison  # comparison.json
    pair_check: Mapping[Role, LineageCheck]  # pair_check.json; empty when absent
    families: list[FamilyChange]  # families.json, a row a family; empty when absent
    tables: Mapping[str, Sequence[Row] | None]  # by name; None when absent
    answers: Mapping[Role, Sequence[Row]]  # role -> the generated answers that count; empty where there are none
    models: Mapping[Role, Manifest]  # role -> manifest.json of its own run; an empty one when that is absent
    summaries: Mapping[Role, Summary]  # role -> summary.json of its own run, where it is there

    def rows(self, table: str) -> Sequence[Row]:
        """Of a table; none when it is absent."""
        return self.tables.get(table) or []

    @property
    def roles(self) -> list[Role]:
        """Models that were compared, the base first."""
        return [role for role in ROLES if role in self.comparison.models]

    @property
    def others(self) -> list[Role]:
        """All but the base."""
        return self.roles[1:]

    @property
    def n_layers(self) -> int:
        """Blocks of the base (L)."""
        return self.comparison.n_layers

    @property
    def temperature(self) -> float:
        """Of generated answers."""
        value = (self.manifest.config or {}).get("temperature")
        return float(value) if isinstance(value, int | float) else 0.0

    @property
    def locate_config(self) -> JsonObject:
        """How every model was asked: the part of the configuration that its own run shares."""
        config = (self.manifest.config or {}).get("locate")
        return config if isinstance(config, dict) else {}

    @property
    def failed_self_tests(self) -> dict[Role | None, list[str]]:
        """Names of failed tests by model; None: of the comparison itself."""
        owners: dict[Role | None, Manifest] = {None: self.manifest, **dict(self.models.items())}
        failed = {
            owner: [test.name for test in manifest.self_tests if not test.passed] for owner, manifest in owners.items()
        }
        return {owner: tests for owner, tests in failed.items() if tests}

    def blocks_of(self, role: Role) -> int:
        """Number of blocks of a model."""
        return self.models[role].checkpoint.n_layers or self.n_layers

    def holds(self, kind: str) -> bool:
        """Whether there is any item of the kind."""
        return any(self.was_asked(known) for known in KINDS if known == kind)

    def was_asked(self, kind: Kind) -> bool:
        """Whether the run holds any item of the kind."""
        return self.comparison.kind(kind).items > 0

    def was_sought(self, role: Role) -> bool:
        """Whether any intervention was asked for of the model."""
        return (self.models[role].config or {}).get("causal_map") != "none"


def read_comparison(run_dir: Path) -> ComparisonRun:
    """Reads `run_dir`; raises StrataError naming the file when a needed one is absent or any is broken."""
    if not run_dir.is_dir():
        raise StrataError(f"{run_dir} is not a run directory", "Give the folder that `strata compare --out` wrote")
    manifest, comparison = (json_object(run_dir / name) for name in ("manifest.json", "comparison.json"))
    for name, value in (("manifest.json", manifest), ("comparison.json", comparison)):
        if value is None:
            raise StrataError(f"{run_dir} has no {name}", "Start the same command again: it resumes and writes it")
    assert manifest is not None and comparison is not None
    typed = typed_comparison(run_dir / "comparison.json", comparison)
    return ComparisonRun(
        run_dir=run_dir,
        manifest=checked_manifest(run_dir, manifest),
        comparison=typed,
        pair_check=_read(run_dir / "pair_check.json", _CHECKS, {}),
        families=_read(run_dir / "families.json", _FAMILIES, []),
        tables={table.name: table_rows(run_dir / f"{table.name}.parquet") for table in COMPARISON_TABLES},
        answers={role: _counting(table_rows(run_dir / f"answers_{role}.parquet")) for role in typed.models},
        models={role: _manifest_of(run_dir / role) for role in typed.models},
        summaries={
            role: read_summary(run_dir / role) for role in typed.models if (run_dir / role / "summary.json").exists()
        },
    )


def _counting(rows: Sequence[Row] | None) -> list[Row]:
    return [row for row in rows or () if row.get("counts")]


def typed_comparison(file: Path, comparison: JsonObject) -> Comparison:
    """Raises StrataError when comparison.json is of another version, or names the field that isn't what the schema says."""
    if comparison.get("schema") != COMPARISON_SCHEMA:
        raise StrataError(
            f"{file} is {comparison.get('schema')!r}, this page reads {COMPARISON_SCHEMA!r}",
            "Use the Strata that wrote it",
        )
    try:
        typed = Comparison.model_validate(comparison)
    except ValidationError as error:
        raise StrataError(f"{file} is damaged ({_first(error)})", _AGAIN) from error
    if BASE not in typed.models:
        raise StrataError(f"{file} lacks the base", _AGAIN)
    return typed


def _manifest_of(run_dir: Path) -> Manifest:
    content = json_object(run_dir / "manifest.json")
    return Manifest(schema=MANIFEST_SCHEMA) if content is None else checked_manifest(run_dir, content)


def _read(path: Path, adapter: TypeAdapter[T], otherwise: T) -> T:
    if not path.exists():
        return otherwise
    try:
        return adapter.validate_json(path.read_text(encoding="utf-8"))
    except ValidationError as error:
        raise StrataError(f"{path} is damaged ({_first(error)})", _AGAIN) from error
    except (OSError, ValueError) as error:
        raise StrataError(f"{path} cannot be read ({error})", _AGAIN) from error


def _first(error: ValidationError) -> str:
    """The first field that isn't what the schema says."""
    problem = error.errors()[0]
    return f"{'.'.join(map(str, problem['loc'])) or 'the whole'}: {problem['msg']}"
