"""What does the page of a probe run show? Lines by stream, confusion by stream, the hardest items, and where it all comes from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow.parquet as pq

from strata.dashboards.number_formats import significant
from strata.dashboards.sentences.page_parts import OTHER_LABELS, probe_title
from strata.dashboards.sentences.probe import caveats, sentences
from strata.dashboards.sentences.provenance import items_of_words
from strata.dashboards.view.build import axes_of
from strata.dashboards.view.provenance import build_provenance
from strata.dashboards.view.run_head import measured_model, model_label, run_head
from strata.dashboards.view.schema_probe import (
    PROBE_VIEW_SCHEMA,
    HardItem,
    ProbedPosition,
    ProbeView,
    StreamLine,
)
from strata.experiments.results.file_versions import PROBE_SCHEMA
from strata.experiments.results.probe_summary import ProbeSummary
from strata.experiments.results.probe_tables import ACCURACY, PREDICTIONS, PROBE_TABLES, AccuracyRow, PredictionRow
from strata.experiments.run.files import check_run, read_manifest, read_object
from strata.experiments.run.summary_file import probe_summary_of
from strata.probes.errors import StrataError
from strata.probes.files.foreign_files import decoded, file_bytes, parse_json

MOST_CLASSES = 24
"""Labels that the confusion map has rows for; rarer ones share a row."""
HARDEST = 40
"""Items listed with the lowest likelihood of their label at the best stream."""


def build_probe_view(run_dir: Path) -> ProbeView:
    """Everything the page shows, computed from the run's tables. Raises StrataError for a missing or changed file."""
    if not (run_dir / "summary.json").exists():
        raise StrataError(
            f"The run in {run_dir} is not finished", "Start the same command again: it resumes where it was stopped"
        )
    manifest = read_manifest(run_dir)
    summary = probe_summary_of(read_object(run_dir / "summary.json", PROBE_SCHEMA))
    check_run(run_dir, manifest, [table.name for table in PROBE_TABLES], ("items.jsonl", "summary.json"))
    accuracy = ACCURACY.read(pq.read_table(run_dir / "accuracy.parquet").to_pylist())
    predictions = PREDICTIONS.read(pq.read_table(run_dir / "predictions.parquet").to_pylist())
    prompts = _prompts(run_dir / "items.jsonl")
    return ProbeView(
        schema=PROBE_VIEW_SCHEMA,
        run=run_head(manifest, probe_title(model_label(manifest), summary.target)),
        models=(measured_model(manifest),),
        axes=axes_of(summary.checkpoint.n_layers),
        target=summary.target,
        positions=tuple(
            _position(
                summary,
                name,
                [row for row in accuracy if row["position"] == name],
                [row for row in predictions if row["position"] == name],
                prompts,
            )
            for name in summary.positions
        ),
        warnings=tuple(caveats(summary)),
        provenance=build_provenance(manifest, items_of_words(summary.items, manifest.items.source), asked=False),
        sizes={},
    )


def _position(
    summary: ProbeSummary,
    name: str,
    accuracy: Sequence[AccuracyRow],
    predictions: Sequence[PredictionRow],
    prompts: Mapping[str, str],
) -> ProbedPosition:
    result = summary.positions[name]
    labels, confusion = _confusion(predictions, summary.checkpoint.n_layers + 1)
    return ProbedPosition(
        name=name,
        sentences=tuple(sentences(summary, name)),
        best=result.best.stream,
        rises=result.rises.stream,
        chance=None if result.shuffled is None else significant(result.shuffled.best_95),
        lines={
            measure: _line([row for row in accuracy if row["measure"] == measure])
            for measure in dict.fromkeys(row["measure"] for row in accuracy)
        },
        hardest=_hardest(predictions, result.best.stream, prompts),
        labels=labels,
        confusion=confusion,
    )


def _line(rows: Sequence[AccuracyRow]) -> StreamLine:
    first = rows[0]
    return StreamLine(
        layer=tuple(row["stream"] for row in rows),
        mean=tuple(significant(row["mean"]) for row in rows),
        low=tuple(significant(row["low"]) for row in rows),
        high=tuple(significant(row["high"]) for row in rows),
        n_items=first["n_items"],
        n_clusters=first["n_clusters"],
        method=first["method"],
    )


def _confusion(
    rows: Sequence[PredictionRow], n_streams: int
) -> tuple[tuple[str, ...], tuple[tuple[tuple[int, ...], ...], ...]]:
    """Names of the labels, most frequent first, and by stream a table of counts: true label × predicted label."""
    frequent = [label for label, _ in Counter(row["label"] for row in rows if row["stream"] == 0).most_common()]
    names = frequent if len(frequent) <= MOST_CLASSES else [*frequent[: MOST_CLASSES - 1], OTHER_LABELS]
    code = {label: min(index, len(names) - 1) for index, label in enumerate(frequent)}
    tables = [[[0] * len(names) for _ in names] for _ in range(n_streams)]
    for row in rows:
        tables[row["stream"]][code[row["label"]]][code[row["predicted"]]] += 1
    return tuple(names), tuple(tuple(tuple(counts) for counts in table) for table in tables)


def _hardest(rows: Sequence[PredictionRow], stream: int, prompts: Mapping[str, str]) -> tuple[HardItem, ...]:
    """Items whose own label was least likely at a stream while they were held out, hardest first."""
    there = sorted((row for row in rows if row["stream"] == stream), key=lambda row: row["log_likelihood"])
    return tuple(
        HardItem(
            item=row["item"], prompt=prompts.get(row["item"], ""), label=row["label"], predicted=row["predicted"],
            correct=row["correct"], log_likelihood=significant(row["log_likelihood"], 3),
        )
        for row in there[:HARDEST]
    )  # fmt: skip


def _prompts(file: Path) -> dict[str, str]:
    try:
        items = [parse_json(line) for line in decoded(file_bytes(file)).split("\n") if line]
        return {str(item["id"]): str(item["prompt"]) for item in items}
    except (ValueError, KeyError, TypeError) as error:
        raise StrataError(f"{file} holds what is no item ({error})", "Restore it") from error
