"""What does the page of a probe run show? Lines by stream, confusion by stream, the hardest items, and where it all comes from."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from strata.dashboards.sentences.probe import sentences
from strata.dashboards.text import count, significant, without_paths
from strata.dashboards.view.build import axes_of
from strata.dashboards.view.provenance import code_words, from_manifest, shown_facts
from strata.experiments.results.file_versions import PROBE_SCHEMA
from strata.experiments.results.probe_tables import PROBE_TABLES
from strata.experiments.run.files import check_run, read_manifest, read_object
from strata.probes.errors import StrataError

Json = dict[str, Any]
VIEW_SCHEMA = "strata.probe-view/1"
MOST_CLASSES = 24
"""Labels that the confusion map has rows for; rarer ones share a row."""
HARDEST = 40
"""Items listed with the lowest likelihood of their label at the best stream."""
_OTHERS = "all others"


def build_probe_view(run_dir: Path) -> Json:
    """Everything the page shows, computed from the run's tables. Raises StrataError for a missing or changed file."""
    if not (run_dir / "summary.json").exists():
        raise StrataError(
            f"The run in {run_dir} is not finished", "Start the same command again: it resumes where it was stopped"
        )
    recorded = read_manifest(run_dir)
    summary: Any = read_object(run_dir / "summary.json", PROBE_SCHEMA)
    manifest: Any = recorded.as_json()
    check_run(run_dir, recorded, [table.name for table in PROBE_TABLES], ("items.jsonl", "summary.json"))
    model = _model(manifest)
    lines: dict[str, dict[str, Json]] = defaultdict(dict)
    for row in pq.read_table(run_dir / "accuracy.parquet").to_pylist():
        line = lines[row["position"]].setdefault(
            row["measure"], {"layer": [], "mean": [], "low": [], "high": [], "n_items": row["n_items"],
                             "n_clusters": row["n_clusters"], "method": row["method"]}
        )  # fmt: skip
        line["layer"].append(row["stream"])
        for name in ("mean", "low", "high"):
            line[name].append(significant(row[name]))
    predictions = pq.read_table(run_dir / "predictions.parquet").to_pylist()
    prompts = _prompts(run_dir / "items.jsonl")
    positions = []
    for name, result in summary["positions"].items():
        here = [row for row in predictions if row["position"] == name]
        positions.append(
            {
                "name": name,
                "sentences": sentences(summary, name),
                "best": result["best"]["stream"],
                "rises": result["rises"]["stream"],
                "chance": None if result["shuffled"] is None else significant(result["shuffled"]["best_95"]),
                "lines": lines[name],
                "hardest": _hardest(here, result["best"]["stream"], prompts),
            }
            | _confusion(here, summary["checkpoint"]["n_layers"] + 1)
        )
    return {
        "schema": VIEW_SCHEMA,
        "run": _run(manifest, summary, model),
        "models": [model],
        "axes": axes_of(summary["checkpoint"]["n_layers"]).as_json(),
        "target": summary["target"],
        "positions": positions,
        "warnings": [str(without_paths(warning)) for warning in summary["warnings"]],
        "provenance": {"facts": _facts(manifest, summary, model), **from_manifest(manifest).as_json()},
        "sizes": {},
    }


def _run(manifest: Json, summary: Json, model: Json) -> Json:
    badges = [{"code": "limited", "text": "LIMITED"}] if summary["limited"] else []
    if any(not test.get("passed") for test in manifest.get("self_tests") or []):
        badges.append({"code": "self_test", "text": "SELF-TEST FAILED"})
    return {
        "run_id": str(manifest.get("run_id") or ""),
        "title": f"At which layer of {model['label']} is “{summary['target']}” decodable?",
        "started": str(manifest.get("started") or ""),
        "badges": badges,
    }


def _model(manifest: Json) -> Json:
    checkpoint = manifest["checkpoint"]
    return {
        "label": str(without_paths(str(checkpoint.get("spec") or "this model"))).removeprefix("…/"),
        "n_layers": int(checkpoint["n_layers"]),
        "d_model": checkpoint.get("d_model"),
        "dtype": manifest.get("dtype"),
    }


def _facts(manifest: Json, summary: Json, model: Json) -> tuple[tuple[str, str], ...]:
    checkpoint, items = manifest["checkpoint"], manifest.get("items") or {}
    return shown_facts(
        [
            ("Run", manifest.get("run_id")),
            ("Started", manifest.get("started")),
            ("Checkpoint", checkpoint.get("spec")),
            ("Weights sha256", checkpoint.get("weights_sha256")),
            ("Tokenizer sha256", checkpoint.get("tokenizer_sha256")),
            ("Shape", f"{model['n_layers']} blocks, width {model['d_model']}"),
            ("Device", manifest.get("device")),
            ("Precision", manifest.get("dtype")),
            ("Items", f"{count(summary['items'], 'item')} of {items.get('source')}"),
            ("Items sha256", items.get("sha256")),
            ("Seed", summary["seed"]),
            ("Code", code_words(manifest)),
        ]
    )


def _confusion(rows: list[Json], n_streams: int) -> Json:
    """Names of the labels, most frequent first, and by stream a table of counts: true label × predicted label."""
    frequent = [label for label, _ in Counter(row["label"] for row in rows if row["stream"] == 0).most_common()]
    names = frequent if len(frequent) <= MOST_CLASSES else [*frequent[: MOST_CLASSES - 1], _OTHERS]
    code = {label: min(index, len(names) - 1) for index, label in enumerate(frequent)}
    tables = [[[0] * len(names) for _ in names] for _ in range(n_streams)]
    for row in rows:
        tables[row["stream"]][code[row["label"]]][code[row["predicted"]]] += 1
    return {"labels": names, "confusion": tables}


def _hardest(rows: list[Json], stream: int, prompts: Json) -> list[Json]:
    """Items whose own label was least likely at a stream while they were held out, hardest first."""
    there = sorted((row for row in rows if row["stream"] == stream), key=lambda row: row["log_likelihood"])
    return [
        {
            "item": row["item"], "prompt": prompts.get(row["item"], ""), "label": row["label"], "predicted": row["predicted"],
            "correct": row["correct"], "log_likelihood": significant(row["log_likelihood"], 3),
        }
        for row in there[:HARDEST]
    ]  # fmt: skip


def _prompts(file: Path) -> Json:
    with file.open(encoding="utf-8") as lines:
        return {item["id"]: item["prompt"] for item in map(json.loads, lines)}
