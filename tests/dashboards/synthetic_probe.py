"""A made-up run of `strata probe`: four streams, labels planted at stream 2, hostile names; no model is opened."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch

from strata.experiments.probe.config import ProbeConfig
from strata.experiments.probe.labelled import Labelled, LabelledSet
from strata.experiments.probe.streams import Readable
from strata.experiments.probe.summarise import position_summary, summarise
from strata.experiments.probe.table_rows import accuracy_rows, fold_rows, prediction_rows, shuffle_rows
from strata.experiments.results.probe_summary import PROBE_FILE
from strata.experiments.results.probe_tables import PROBE_TABLES
from strata.experiments.run.directory import RunDirectory
from strata.experiments.run.manifest import CheckpointRecord, ItemsRecord
from strata.probes.files.atomic_writes import write_whole
from strata.probes.linear import LinearProbe

HOSTILE = "<img src=x onerror=alert(1)>"


def write_synthetic_probe(run_dir: Path) -> Path:
    """The run directory, finished but without a page."""
    rng = np.random.default_rng(0)
    items = tuple(
        Labelled(f"item {n}", f"text {n} {HOSTILE}", ("a", HOSTILE)[n // 2 % 2], f"cluster {n // 2}", str(n % 2))
        for n in range(40)
    )
    labels = [item.label for item in items]
    config = ProbeConfig("meta.topic", positions=("last", "subject"), shuffles=9, draws=200)
    run = RunDirectory(run_dir, verb="probe", command=["strata", "probe", "tiny"], identity={"target": config.target})
    tables: dict[str, list[dict[str, Any]]] = {table.name: [] for table in PROBE_TABLES}
    positions = {}
    for position in config.positions:
        x = rng.normal(size=(40, 4, 6))
        x[np.array(labels) == "a", 2] += 2
        scores = LinearProbe().cross_validate(
            SimpleNamespace(streams=torch.from_numpy(x), numbers=range(4)), labels, [item.cluster for item in items], [item.template for item in items], random_init=rng.normal(size=x.shape),
            shuffles=config.shuffles, draws=config.draws,
        )  # fmt: skip
        tables["accuracy"] += accuracy_rows(position, scores)
        tables["folds"] += fold_rows(position, scores)
        tables["predictions"] += prediction_rows(position, scores, items)
        tables["shuffles"] += shuffle_rows(position, scores)
        positions[position] = position_summary(scores, config, {}, f"probe-{position}.safetensors")
    run.manifest.checkpoint = CheckpointRecord(spec="tiny", n_layers=3, d_model=6)
    run.manifest.dtype, run.manifest.device = "float32", "cpu"
    run.manifest.items = ItemsRecord(source="mine.jsonl")
    for table in PROBE_TABLES:
        run.write_rows(table, tables[table.name])
    with run.writing("items.jsonl"):
        import json

        write_whole(run_dir / "items.jsonl", "".join(json.dumps(item.as_json()) + "\n" for item in items))
    checkpoint: Any = SimpleNamespace(identity=SimpleNamespace(spec="tiny", weights_sha256="0" * 64), n_layers=3)
    labelled, asked = LabelledSet(items, True, False), Readable(items, (), Counter())
    run.write_json(PROBE_FILE, summarise(run, checkpoint, config, labelled, asked, positions))
    run.close("done")
    return run_dir
