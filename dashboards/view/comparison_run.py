"""What does a finished `strata compare` leave on disk? Reads its files once; a table that is absent is None."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from strata.dashboards.view.tables import Json, Rows, check_whole, json_object, table_rows
from strata.experiments.results.comparison_tables import COMPARISON_TABLES
from strata.experiments.results.file_versions import COMPARISON_SCHEMA
from strata.probes.errors import StrataError

ROLES = ("base", "distilled", "control")
"""In the order in which the page names the models."""


@dataclass(frozen=True)
class ComparisonRun:
    """The files of one comparison that the page needs."""

    run_dir: Path  # where they came from
    manifest: Json  # manifest.json
    comparison: Json  # comparison.json
    pair_check: Json  # pair_check.json; empty when absent
    families: Rows  # families.json, a row a family; empty when absent
    tables: Mapping[str, Rows | None]  # changes, layer_swaps, crossed, weights, similarity, contrasts, transfer
    models: Mapping[str, Json]  # role -> manifest.json of its own run; empty when that is absent

    @property
    def roles(self) -> list[str]:
        """Models that were compared, the base first."""
        return [role for role in ROLES if role in self.comparison["models"]]

    @property
    def others(self) -> list[str]:
        """All but the base."""
        return self.roles[1:]

    @property
    def n_layers(self) -> int:
        """Blocks of the base (L)."""
        return int(self.comparison["n_layers"])


def read_comparison(run_dir: Path) -> ComparisonRun:
    """Reads `run_dir`; raises StrataError naming the file when a needed one is absent or any is broken."""
    if not run_dir.is_dir():
        raise StrataError(f"{run_dir} is not a run directory", "Give the folder that `strata compare --out` wrote")
    manifest, comparison = (json_object(run_dir / name) for name in ("manifest.json", "comparison.json"))
    for name, value in (("manifest.json", manifest), ("comparison.json", comparison)):
        if value is None:
            raise StrataError(f"{run_dir} has no {name}", "Start the same command again: it resumes and writes it")
    assert manifest is not None and comparison is not None
    check_comparison(run_dir, comparison)
    check_whole(run_dir, manifest, None)
    return ComparisonRun(
        run_dir=run_dir,
        manifest=manifest,
        comparison=comparison,
        pair_check=json_object(run_dir / "pair_check.json") or {},
        families=_families(run_dir / "families.json"),
        tables={table.name: table_rows(run_dir / f"{table.name}.parquet") for table in COMPARISON_TABLES},
        models={role: json_object(run_dir / role / "manifest.json") or {} for role in comparison["models"]},
    )


def check_comparison(run_dir: Path, comparison: Json) -> None:
    """Raises StrataError when comparison.json is of another version or lacks what every page needs."""
    file = run_dir / "comparison.json"
    if comparison.get("schema") != COMPARISON_SCHEMA:
        raise StrataError(
            f"{file} is {comparison.get('schema')!r}, this page reads {COMPARISON_SCHEMA!r}",
            "Use the Strata that wrote it",
        )
    missing = [name for name in ("models", "n_layers", "kinds", "verdict", "generated") if name not in comparison]
    if missing or "base" not in comparison["models"]:
        raise StrataError(
            f"{file} lacks {', '.join(missing) or 'the base'}", "Delete it and start the same command again"
        )


def _families(path: Path) -> Rows:
    if not path.exists():
        return []
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise StrataError(f"{path} cannot be read ({error})", "Delete it and start the same command again") from error
    if not isinstance(value, list):
        raise StrataError(f"{path} does not hold a list", "Delete it and start the same command again")
    return value
