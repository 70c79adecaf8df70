"""What do the JSON files of a run hold? Their JSON schemas: `python -m strata.experiments.results.schemas docs/schemas`."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from strata.experiments.results.behaviour_summary import BehaviourSummary
from strata.experiments.results.calibration import Calibration
from strata.experiments.results.comparison import Comparison, FamilyChange
from strata.experiments.results.format_check import FormCheck
from strata.experiments.results.item_split import ItemSplit
from strata.experiments.results.lens_maps import LensMaps
from strata.experiments.results.lineage_check import LineageCheck
from strata.experiments.results.locate_summary import FamilyBehaviour, Summary
from strata.experiments.results.roles import Role
from strata.experiments.results.run_difference import RunDifference
from strata.experiments.results.sweep import SweepResult
from strata.experiments.results.training import TrainingRecord

OF: Mapping[str, TypeAdapter[Any]] = {
    "comparison": TypeAdapter(Comparison),
    "comparison_families": TypeAdapter(list[FamilyChange]),
    "pair_check": TypeAdapter(dict[Role, LineageCheck]),
    "summary": TypeAdapter(Summary),
    "families": TypeAdapter(list[FamilyBehaviour]),
    "format_check": TypeAdapter(FormCheck),
    "lens_maps": TypeAdapter(LensMaps),
    "distill": TypeAdapter(TrainingRecord),
    "calibration": TypeAdapter(Calibration),
    "difference": TypeAdapter(RunDifference),
    "behave": TypeAdapter(BehaviourSummary),
    "split": TypeAdapter(ItemSplit),
    "sweep": TypeAdapter(SweepResult),
}
"""By name of the schema: comparison.json, families.json and pair_check.json of a `compare`; summary.json, families.json,
format_check.json and lens_maps.json of a `locate`; distill.json of a `distill`; calibration.json of a `calibrate`; what `strata diff --json`
prints; `behave`: summary.json of a `behave`; `split`: what `strata items split --json` prints; `sweep`: sweep.json of a
`sweep`."""


def written(name: str) -> str:
    """The schema of one of `OF` as a file of `docs/schemas` holds it."""
    schema = OF[name].json_schema(mode="serialization", by_alias=True)
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
