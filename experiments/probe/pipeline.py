"""The experiment: read the labels, capture, probe every position, sum up. A run can be stopped and is taken up where it was."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from hashlib import sha256
from pathlib import Path

from strata.experiments.items.alignment import token_length
from strata.experiments.probe.config import ProbeConfig
from strata.experiments.probe.labelled import LabelledSet, labelled_items
from strata.experiments.probe.part_files import Parts
from strata.experiments.probe.streams import Readable, capture_streams, kept_streams, readable
from strata.experiments.probe.summarise import position_summary, summarise
from strata.experiments.probe.table_rows import accuracy_rows, fold_rows, prediction_rows, shuffle_rows
from strata.experiments.results.file_versions import PROBE_SCHEMA
from strata.experiments.results.probe_summary import PROBE_FILE, PositionSummary, ProbeSummary
from strata.experiments.results.probe_tables import (
    ACCURACY,
    FOLDS,
    PREDICTIONS,
    PROBE_TABLES,
    SHUFFLES,
    AccuracyRow,
    FoldRow,
    PredictionRow,
    ShuffleRow,
)
from strata.experiments.run.controls import DEFAULT_CONTROLS, RunControls
from strata.experiments.run.directory import RunDirectory
from strata.experiments.run.manifest import ItemsRecord, JsonObject
from strata.experiments.run.self_test_record import note_tests
from strata.experiments.run.summary_file import probe_summary_of
from strata.probes.backends.batched_reads import BatchBudget
from strata.probes.backends.model_reader import ModelReader
from strata.probes.backends.torch_hooks import TorchHooks
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.checkpoints.open_spec import randomly_initialised
from strata.probes.files.activation_store import ActivationStore
from strata.probes.files.atomic_writes import write_whole
from strata.probes.linear import LinearProbe, ProbeScores
from strata.probes.linear.cross_validation import cross_validate, probeable
from strata.probes.progress import Progress
from strata.probes.verification.before_measuring import admit

RESULTS = (*(f"{table.name}.parquet" for table in PROBE_TABLES), "items.jsonl", PROBE_FILE.name)
"""What a finished run holds, beside one fitted probe a position; whatever is missing is made again."""


def probe(
    checkpoint: Checkpoint,
    source: str,
    config: ProbeConfig,
    out: Path,
    *,
    controls: RunControls = DEFAULT_CONTROLS,
) -> ProbeSummary:
    """Probes one field of one's own data at every stream into the run directory `out`; returns its summary.json.

    `source`: a table (JSON Lines, JSON, CSV, TSV, Parquet) with a text and a label in each row, or names of built-in
    families with commas between them. A second call with the same checkpoint, items and configuration resumes; with others
    it raises StrataError. Raises StrataError also for a field that isn't there and labels that can't be probed,
    NotSupportedError for an architecture that isn't read rightly.

    ```
    probe(open_checkpoint("smollm2"), "reviews.csv", ProbeConfig("sentiment", text="review"), Path("runs/sentiment"))
    ```
    """
    labelled = labelled_items(source, config, token_length(checkpoint))
    asked = readable(labelled.items, checkpoint, config.positions)
    groups = [item.cluster for item in asked.items] if labelled.clustered else None
    for position in config.positions:  # before anything is run
        here = asked.at(position)
        probeable(
            [asked.items[index].label for index in here],
            None if groups is None else [groups[index] for index in here],
            len(here),
            config.folds,
            [asked.prompts[index].ids for index in here],
        )
    run = RunDirectory(out, verb="probe", command=controls.command, identity=_identity(checkpoint, config, labelled))
    controls.on_run(out)
    status = "stopped"
    try:
        _describe(run, checkpoint, labelled, asked, controls.options, source)
        summary = _stages(run, checkpoint, config, labelled, asked, controls)
        status = "done"
        if not controls.keep_activations:
            shutil.rmtree(out / "activations", ignore_errors=True)
        return summary
    finally:
        run.close(status)


def probe_file(position: str) -> str:
    """Where the probe of a position, fitted on all items, lies in its run.

    A name that a file can't bear, or that differs from another only by case, is told apart by its hash.
    """
    plain = "".join(sign if sign.isalnum() or sign in "-_" else "-" for sign in position.lower())
    mark = "" if plain == position else f"-{sha256(position.encode()).hexdigest()[:8]}"
    return f"probe-{plain}{mark}.safetensors"


def _stages(
    run: RunDirectory,
    checkpoint: Checkpoint,
    config: ProbeConfig,
    labelled: LabelledSet,
    asked: Readable,
    controls: RunControls,
) -> ProbeSummary:
    if run.complete((*RESULTS, *map(probe_file, config.positions))):
        return probe_summary_of(run.read_object(PROBE_FILE.name, PROBE_SCHEMA))
    run.measured_here(str(checkpoint.device))
    with run.stage("self-tests"):
        admit(checkpoint, asked.prompts, record=partial(note_tests, run), progress=controls.progress)
    with run.stage("capture"):
        stores = {"model": _captured(run, checkpoint, "model", config, asked, controls)}
    if config.random_init:
        with run.stage("random-init"):
            fresh = _FreshWeights(checkpoint, config.seed)
            stores["random-init"] = _captured(run, fresh, "random-init", config, asked, controls)
    accuracy: list[AccuracyRow] = []
    folds: list[FoldRow] = []
    predictions: list[PredictionRow] = []
    shuffles: list[ShuffleRow] = []
    positions: dict[str, PositionSummary] = {}
    for position in config.positions:
        with run.stage("probes"):
            scores = _probed(run, checkpoint, config, labelled, asked, stores, position, controls.progress)
        here = asked.at(position)
        items = [asked.items[index] for index in here]
        accuracy += accuracy_rows(position, scores)
        folds += fold_rows(position, scores)
        predictions += prediction_rows(position, scores, items)
        shuffles += shuffle_rows(position, scores)
        absent = len(asked.items) - len(here)
        lacking = {f"no position {position!r}": absent} if absent else {}
        positions[position] = position_summary(scores, config, lacking, probe_file(position))
    with run.stage("tables"):
        run.write_rows(ACCURACY, accuracy)
        run.write_rows(FOLDS, folds)
        run.write_rows(PREDICTIONS, predictions)
        run.write_rows(SHUFFLES, shuffles)
    summary = summarise(run, checkpoint, config, labelled, asked, positions)
    run.write_json(PROBE_FILE, summary)
    return summary


def _probed(
    run: RunDirectory,
    checkpoint: Checkpoint,
    config: ProbeConfig,
    labelled: LabelledSet,
    asked: Readable,
    stores: Mapping[str, ActivationStore],
    position: str,
    progress: Progress,
) -> ProbeScores:
    """Cross-validated, and fitted on all items into a file that `LinearProbe.load` reads."""
    here = asked.at(position)
    items, prompts = [asked.items[index] for index in here], [asked.prompts[index] for index in here]
    labels = [item.label for item in items]
    clusters = [item.cluster for item in items] if labelled.clustered else None
    templates = [item.template for item in items]
    streams = {
        name: kept_streams(store, checkpoint, prompts, position, config.positions) for name, store in stores.items()
    }
    scores = cross_validate(
        streams["model"],
        labels,
        clusters,
        None if None in templates else templates,
        random_init=streams.get("random-init"),
        folds=config.folds,
        seed=config.seed,
        shuffles=config.shuffles,
        draws=config.draws,
        device=checkpoint.device,
        progress=progress,
        remember=Parts(run, position),
    )
    name = probe_file(position)
    if not run.finished(name):
        with run.writing(name):
            fitted = LinearProbe(seed=config.seed, folds=config.folds, device=checkpoint.device)
            fitted.fit(streams["model"], labels, clusters).save(run.path / name)
    return scores


class _FreshWeights:
    """The same architecture with random weights, made only if something still has to be captured from it."""

    def __init__(self, checkpoint: Checkpoint, seed: int) -> None:
        self._checkpoint, self._seed = checkpoint, seed

    def open(self) -> Checkpoint:
        return randomly_initialised(self._checkpoint, self._seed)


def _captured(
    run: RunDirectory,
    source: Checkpoint | _FreshWeights,
    name: str,
    config: ProbeConfig,
    asked: Readable,
    controls: RunControls,
) -> ActivationStore:
    signature = {"run": run.run_id, "model": name, "positions": list(config.positions)}
    store = ActivationStore(run.path / "activations" / name, signature)
    if any(prompt.key not in store for prompt in asked.prompts):
        checkpoint = source if isinstance(source, Checkpoint) else source.open()
        budget = BatchBudget.for_device(checkpoint.device, controls.batch_tokens)
        stage = "capture" if name == "model" else name
        reader = ModelReader(checkpoint, TorchHooks(checkpoint), budget, controls.progress)
        capture_streams(reader, asked.prompts, config.positions, store, stage)
    return store


def _identity(checkpoint: Checkpoint, config: ProbeConfig, labelled: LabelledSet) -> JsonObject:
    return asdict(config) | {
        **checkpoint.identity.parts,
        "items_sha256": labelled.sha256,
        "dtype": str(checkpoint.dtype),
        "attention": checkpoint.attention,
    }


def _describe(
    run: RunDirectory,
    checkpoint: Checkpoint,
    labelled: LabelledSet,
    asked: Readable,
    options: JsonObject,
    source: str,
) -> None:
    asked_of = ItemsRecord(sha256=labelled.sha256, n=len(labelled.items), source=source)
    run.describe(checkpoint, asked_of, options=options, excluded=asked.excluded, limited=labelled.limited)
    run.save()
    if not run.finished("items.jsonl"):
        lines = [json.dumps(item.as_json(), ensure_ascii=False) + "\n" for item in labelled.items]
        with run.writing("items.jsonl"):
            write_whole(run.path / "items.jsonl", "".join(lines))
