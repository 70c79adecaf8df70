"""What do the JSON files of a run hold? Their JSON schemas: `python -m strata.experiments.results.schemas docs/schemas`."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from strata.experiments.results.comparison import Comparison, FamilyChange
from strata.experiments.results.lineage_check import LineageCheck
from strata.experiments.results.roles import Role

OF: Mapping[str, TypeAdapter[Any]] = {
    "comparison": TypeAdapter(Comparison),
    "comparison_families": TypeAdapter(list[FamilyChange]),
    "pair_check": TypeAdapter(dict[Role, LineageCheck]),
}
"""By name of the schema: comparison.json, families.json and pair_check.json of a `compare`."""


def written(name: str) -> str:
    """The schema of one of `OF` as a file of `docs/schemas` holds it."""
    schema = OF[name].json_schema(mode="serialization")
    return json.dumps(schema, indent=1, ensure_ascii=False) + "\n"


def file_of(name: str, folder: Path) -> Path:
    return folder / f"{name}.schema.json"


def write_schemas(folder: Path) -> None:
    """All of them into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in OF:
        file_of(name, folder).write_text(written(name), encoding="utf-8")


if __name__ == "__main__":
    write_schemas(Path(sys.argv[1]))
