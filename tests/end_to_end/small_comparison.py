"""planted models compared at the smallest size at which intervals still form."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from planted_models import Planted
from planted_models.pairs import write_planted_pair

from strata.experiments.compare.config import CompareConfig
from strata.experiments.compare.model_specs import Specs
from strata.experiments.compare.pipeline import compare
from strata.experiments.locate import stages
from strata.experiments.locate.config import LocateConfig
from strata.experiments.locate.probing import Probed
from strata.experiments.run.controls import RunControls
from strata.probes.checkpoints.open_spec import open_checkpoint
from strata.probes.progress import Progress, silent

SHAPE: dict[str, Any] = {"n_layers": 5, "retrieval": 2, "reasoning": 4, "decoy": None}
LOCATE = LocateConfig(
    causal_map="quick",
    pairs=10,
    draws=100,
    random_init=False,
    lens_maps=1,
    folds=3,
    damage_texts=2,
    positions=("last",),
)
CONFIG = CompareConfig(locate=LOCATE, swap_pairs=10, generated=0, spectra=False)


def planted_pair(directory: Path, changed: Any, **options: Any) -> tuple[Planted, Planted]:
    """`write_planted_pair` with five blocks: facts are looked up in block 2, sums worked out in block 4."""
    return write_planted_pair(directory, changed, **(SHAPE | options))


def few_items(planted: Planted, file: Path, per_family: int = 10) -> Path:
    """The first plainly worded facts and sums of a planted model, each about an entity of its own."""
    records = [json.loads(line) for line in planted.items.read_text().splitlines()]
    chosen: list[dict[str, Any]] = []
    for family in ("fact", "sum"):
        chosen += [record for record in records if record["template"] == f"{family}.plain"][:per_family]
    file.write_text("".join(json.dumps(record) + "\n" for record in chosen))
    return file


def compared(
    specs: Specs,
    out: Path,
    items: Path,
    *,
    config: CompareConfig = CONFIG,
    progress: Progress = silent,
    openers: Mapping[str, Callable[[], Any]] | None = None,
    one_at_a_time: bool = False,
    probed: bool = False,
) -> dict[str, Any]:
    """comparison.json. `probed`: with linear probes, which take a third of the time and of which little is compared."""
    opened = openers or {role: partial(open_checkpoint, spec) for role, spec in specs.by_role().items()}
    controls = RunControls(one_at_a_time=one_at_a_time, progress=progress)
    with nullcontext() if probed else without_probes():
        comparison = compare(specs, opened, config, out, items=items, controls=controls)
    return comparison.model_dump(mode="json")


@contextmanager
def without_probes() -> Iterator[None]:
    """Runs in here fit none; probes have tests of their own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stages, "probe_targets", lambda *given, **options: Probed([], [], []))
        yield


def rows_of(run: Path, table: str, **wanted: Any) -> list[dict[str, Any]]:
    """The rows of a table whose columns are as wanted."""
    rows = pq.read_table(run / f"{table}.parquet").to_pylist()
    return [row for row in rows if all(row[name] == value for name, value in wanted.items())]
