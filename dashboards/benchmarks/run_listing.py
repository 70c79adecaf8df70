"""How long does `strata serve` take to list 500 runs: at the first look, and when nothing has changed?"""

from __future__ import annotations

import json
import random
import statistics
import tempfile
import time
from pathlib import Path

from pydantic import JsonValue

from strata.dashboards.benchmarks.benchmark_row import BenchmarkRow
from strata.experiments.results.file_versions import SUMMARY_SCHEMA
from strata.experiments.results.locate_summary import SUMMARY_FILE
from strata.experiments.run.directory import RunDirectory
from strata.experiments.run.listing import RunList
from strata.probes.files.atomic_writes import write_whole

RUNS = 500
ALLOWED = 2.0
"""Seconds that a list of so many may take."""
_NUMBERS = 4_000
"""In a summary: as many as eight families of a 30-block model have, 90 kB."""


def listing_benchmark(*, repeats: int = 3, seed: int = 0) -> list[BenchmarkRow]:
    """Made-up runs in a directory of their own; the reference is what it may take."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for number in range(RUNS):
            _write_run(root / f"{number:03d}", number, random.Random(seed + number))
        first: list[float] = []
        again: list[float] = []
        for _ in range(repeats):
            listed = RunList(root)
            for times in (first, again):
                began = time.perf_counter()
                found = listed.runs()
                times.append(time.perf_counter() - began)
                assert len(found) == RUNS and all(run.state == "done" for run in found)
    return [
        _row(f"list {RUNS} runs: {name}", statistics.median(times))
        for name, times in (("first look", first), ("again", again))
    ]


def _row(name: str, seconds: float) -> BenchmarkRow:
    ratio = seconds / ALLOWED
    return BenchmarkRow(
        name, seconds, ALLOWED, ratio, 1.0, ratio <= 1, "reference: the most it may take; files in the system's cache"
    )


def _write_run(path: Path, number: int, draw: random.Random) -> None:
    run = RunDirectory(path, verb="locate", command=["strata", "locate"], identity={"seed": number})
    place: dict[str, JsonValue] = {
        "layer": 3, "depth": 0.12, "interval": [2, 5], "first": 2, "last": 4, "cell": "enrich", "extent": "blocks", "families": 3, "of": 3,
        "general": True,
    }  # fmt: skip
    made_up = {
        "schema": SUMMARY_SCHEMA, "run": run.run_id, "checkpoint": {"spec": "made-up"}, "kinds": {"knowledge": {"located": place}},
        "order": {"verdict": "undetermined"}, "families": {"made-up": {"profile": [draw.random() for _ in range(_NUMBERS)]}},
    }  # fmt: skip
    with run.writing(SUMMARY_FILE.name):
        write_whole(path / SUMMARY_FILE.name, json.dumps(made_up, indent=1))
    run.close("done")
