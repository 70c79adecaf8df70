"""What do the JSON files that Strata writes hold, and what it reads: items and mappings? Their JSON schemas: `python -m strata.dashboards.schemas docs/schemas`."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from strata.dashboards.view.behave.schema import BEHAVE_VIEW_FILE
from strata.dashboards.view.comparison.schema import COMPARISON_VIEW_FILE
from strata.dashboards.view.schema import VIEW_FILE
from strata.dashboards.view.schema_probe import PROBE_VIEW_FILE
from strata.dashboards.view.sweep.schema import SWEEP_VIEW_FILE
from strata.experiments.calibrate.embedded.plant_files import PLANT_FILE
from strata.experiments.distill.evaluation_file import EVALUATION_FILE
from strata.experiments.items.importing.mapping import Mapped
from strata.experiments.items.item_validation import ITEM
from strata.experiments.results.behaviour_summary import BEHAVE_FILE
from strata.experiments.results.calibration import CALIBRATION_FILE
from strata.experiments.results.cell_changes import CELLS_FILE
from strata.experiments.results.comparison import CHANGED_FAMILIES_FILE, COMPARISON_FILE
from strata.experiments.results.format_check import FORMAT_CHECK_FILE
from strata.experiments.results.item_split import ItemSplit
from strata.experiments.results.json_file import JsonFile
from strata.experiments.results.lens_maps import LENS_MAPS_FILE
from strata.experiments.results.lineage_check import PAIR_CHECK_FILE
from strata.experiments.results.locate_summary import FAMILIES_FILE, SUMMARY_FILE
from strata.experiments.results.probe_summary import PROBE_FILE
from strata.experiments.results.run_difference import RunDifference
from strata.experiments.results.steering import STEERING_FILE
from strata.experiments.results.sweep import SWEEP_FILE
from strata.experiments.results.training import DISTILL_FILE
from strata.experiments.run.manifest import MANIFEST_FILE
from strata.experiments.run.progress_file import PROGRESS_FILE

FILES: tuple[JsonFile[Any], ...] = (
    MANIFEST_FILE, PROGRESS_FILE,
    SUMMARY_FILE, FAMILIES_FILE, FORMAT_CHECK_FILE, LENS_MAPS_FILE,
    COMPARISON_FILE, CHANGED_FAMILIES_FILE, PAIR_CHECK_FILE, CELLS_FILE, STEERING_FILE,
    BEHAVE_FILE, PROBE_FILE, SWEEP_FILE, DISTILL_FILE, EVALUATION_FILE, CALIBRATION_FILE, PLANT_FILE,
    VIEW_FILE, COMPARISON_VIEW_FILE, BEHAVE_VIEW_FILE, PROBE_VIEW_FILE, SWEEP_VIEW_FILE,
)  # fmt: skip
"""Of runs, of pages, and of what else experiments leave."""
OF: Mapping[str, TypeAdapter[Any]] = {
    **{file.schema: file.shape for file in FILES},
    "difference": TypeAdapter(RunDifference),
    "split": TypeAdapter(ItemSplit),
    "item": ITEM,
    "mapping": TypeAdapter(Mapped),
}
"""By name of the schema; beside the files a line of items.jsonl, a mapping, and what `strata diff --json` and `strata items split --json` print."""
READ_ALONE = {"mapping"}
"""What people write and Strata reads: its schema says what may be given, not what becomes of it."""


def schema_text(name: str) -> str:
    """The schema of one of `OF` as a file of `docs/schemas` holds it."""
    schema = OF[name].json_schema(mode="validation" if name in READ_ALONE else "serialization", by_alias=True)
    return json.dumps(schema, indent=1, ensure_ascii=False) + "\n"


def schema_file(name: str, folder: Path) -> Path:
    return folder / f"{name}.schema.json"


def write_schemas(folder: Path) -> None:
    """All of them into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in OF:
        schema_file(name, folder).write_text(schema_text(name), encoding="utf-8")


if __name__ == "__main__":
    write_schemas(Path(sys.argv[1]))
