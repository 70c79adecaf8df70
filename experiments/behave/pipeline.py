"""The experiment: ask, read the options at every stream, judge, sum up. A run can be stopped and is taken up where it was."""

from __future__ import annotations

import shutil
from dataclasses import asdict
from functools import partial
from pathlib import Path

from strata.experiments.behave.chain_depth import (
    MeasuredChains,
    asked_chains,
    chain_store,
    measure_chain_depth,
    read_chains,
)
from strata.experiments.behave.confidence import MeasuredConfidence, measure_confidence
from strata.experiments.behave.config import BehaveConfig
from strata.experiments.behave.option_readings import OptionSet, asked_sets, option_sets, read_options
from strata.experiments.behave.prefills import pressed_items
from strata.experiments.behave.pressed_cells import carried, pressed_pairs
from strata.experiments.behave.pressure import measure_pressure, pressure_store, read_margins
from strata.experiments.behave.thinking import ThinkingStage
from strata.experiments.items.framing import template_sha256
from strata.experiments.items.jsonl import write_items
from strata.experiments.questions import Questions, Source, questions_for
from strata.experiments.results.behaviour_summary import BEHAVE_FILE, Behaviour, BehaviourSummary, PressureOfKinds
from strata.experiments.results.behaviour_tables import BEHAVIOUR_ITEMS, BEHAVIOUR_LAYERS, BEHAVIOUR_TABLES
from strata.experiments.results.caveats import Caveat
from strata.experiments.results.chain_depth import WhyNoChains
from strata.experiments.results.file_versions import BEHAVE_SCHEMA
from strata.experiments.results.locate_summary import CheckpointSummary
from strata.experiments.run.controls import DEFAULT_CONTROLS, RunControls
from strata.experiments.run.directory import RunDirectory
from strata.experiments.run.manifest import BatchRecord, ItemsRecord, JsonObject
from strata.experiments.run.self_test_record import note_tests
from strata.experiments.run.summary_file import behaviour_summary_of
from strata.probes.backends.batched_reads import BatchBudget
from strata.probes.backends.model_reader import ModelReader
from strata.probes.backends.torch_hooks import TorchHooks
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.errors import StrataError
from strata.probes.verification.before_measuring import admit

RESULTS = (*(f"{table.name}.parquet" for table in BEHAVIOUR_TABLES), "items.jsonl", BEHAVE_FILE.name)
"""What a finished run holds; whatever is missing is made again."""


def behave(
    checkpoint: Checkpoint,
    config: BehaveConfig,
    out: Path,
    *,
    items: Source | None = None,
    controls: RunControls = DEFAULT_CONTROLS,
) -> BehaviourSummary:
    """Measures behaviour with its layer counterpart into the run directory `out`; returns its summary.json.

    A second call with the same checkpoint, items and configuration resumes; with others it raises StrataError. Raises StrataError
    also when no item offers a choice and nothing else was asked for, NotSupportedError for an architecture that isn't read rightly, SelfTestError when an identity that
    must hold fails.

    ```
    behave(open_checkpoint("smollm2"), BehaveConfig(families=("language", "addition")), Path("runs/behaviour"))
    ```
    """
    questions = questions_for(checkpoint, config, items)
    offered = option_sets(questions.encoded)
    if not offered and config.only_confidence:
        raise StrataError(
            "No item that this model can be asked offers a choice, and nothing but confidence was asked for",
            "Give items with `choices`, or ask for pressure or thinking",
        )
    run = RunDirectory(out, verb="behave", command=controls.command, identity=_identity(checkpoint, config, questions))
    controls.on_run(out)
    status = "stopped"
    try:
        _describe(run, checkpoint, config, questions, controls.options)
        if run.complete(RESULTS):
            summary = behaviour_summary_of(run.read_object(BEHAVE_FILE.name, BEHAVE_SCHEMA))
        else:
            own = items is not None
            budget = BatchBudget.for_device(checkpoint.device, controls.batch_tokens)
            reader = ModelReader(checkpoint, TorchHooks(checkpoint), budget, controls.progress)
            summary = _stages(run, reader, config, questions, offered, own_items=own)
            run.manifest.batch = BatchRecord(tokens=budget.tokens, halvings=budget.halvings)
        status = "done"
        if not controls.keep_activations:
            shutil.rmtree(out / "activations", ignore_errors=True)
        return summary
    finally:
        run.close(status)


def _stages(
    run: RunDirectory,
    reader: ModelReader,
    config: BehaveConfig,
    questions: Questions,
    offered: list[OptionSet],
    *,
    own_items: bool,
) -> BehaviourSummary:
    checkpoint = reader.checkpoint
    run.measured_here(str(checkpoint.device))
    with run.stage("self-tests"):
        prompts = [one.prompt for one in questions.encoded]
        admit(checkpoint, prompts, backend=reader.backend, record=partial(note_tests, run))
    confidence = MeasuredConfidence({}, [], [])
    sets = asked_sets(offered, config.confidence_items)
    if sets:
        with run.stage("options"):
            readings = read_options(reader, sets, run.path / "activations", run.run_id)
        with run.stage("confidence"):
            confidence = measure_confidence(
                readings, draws=config.draws, null_draws=config.null_draws, seed=config.seed
            )
    with run.stage("pressure"):
        pressed, not_pressed = pressed_items(
            checkpoint, questions.encoded, questions.prompt_prefix, config.pressure_items
        )
        margins = read_margins(reader, pressed, pressure_store(run.path / "activations", run.run_id))
        pressure = measure_pressure(pressed, margins, draws=config.draws, seed=config.seed)
    with run.stage("pressure, interventions"):
        pairs = pressed_pairs(checkpoint, pressed, margins, questions.prompt_prefix, config.pressure_pairs)
        cells = carried(
            run, checkpoint, pairs, most=config.pressure_pairs, draws=config.draws, seed=config.seed, progress=reader.progress
        )  # fmt: skip
    with run.stage("chains"):
        chains = _chains(run, reader, config, questions, own_items=own_items)
    chain_items, chain_layers = (chains.items, chains.layers) if isinstance(chains, MeasuredChains) else ([], [])
    with run.stage("thinking"):
        stage = ThinkingStage(run, reader, config)
        thought = stage.measure(questions, from_file=own_items)
    with run.stage("tables"):
        run.write_rows(BEHAVIOUR_ITEMS, [*confidence.items, *pressure.items, *chain_items, *thought.items])
        run.write_rows(BEHAVIOUR_LAYERS, [*confidence.layers, *pressure.layers, *chain_layers, *thought.layers])
    identity = checkpoint.identity
    summary = BehaviourSummary(
        run=run.run_id,
        checkpoint=CheckpointSummary(spec=identity.spec, identity=dict(identity.parts)),
        n_layers=checkpoint.n_layers,
        seed=config.seed,
        framing=config.framing,
        items=len(questions.items),
        excluded=questions.counted_reasons,
        without_options=len(questions.encoded) - len(offered),
        limited=questions.limited,
        behaviour=Behaviour(
            confidence=confidence.kinds,
            pressure=PressureOfKinds(
                kinds=pressure.kinds,
                not_pressed=not_pressed,
                cells={} if isinstance(cells, str) else cells,
                why_no_cells=cells if isinstance(cells, str) else None,
            ),
            chain_depth=chains.summary if isinstance(chains, MeasuredChains) else None,
            why_no_chain_depth=None if isinstance(chains, MeasuredChains) else chains,
            thinking=thought.thinking,
        ),
        warnings=run.manifest.warnings,
    )
    run.write_json(BEHAVE_FILE, summary)
    return summary


def _chains(
    run: RunDirectory, reader: ModelReader, config: BehaveConfig, questions: Questions, *, own_items: bool
) -> MeasuredChains | WhyNoChains:
    """Chains of one to five links, or why none are asked."""
    if own_items or not config.chain_items:
        return "own-items" if own_items else "not-asked"
    chains = asked_chains(reader.checkpoint, questions.prompt_prefix, config.chain_items, config.seed)
    if not chains:
        return "no-pairs"
    store = chain_store(run.path / "activations", run.run_id)
    readings = read_chains(reader, chains, store)
    return measure_chain_depth(
        chains, readings, draws=config.draws, null_draws=config.null_draws, seed=config.seed
    )  # fmt: skip


def _identity(checkpoint: Checkpoint, config: BehaveConfig, questions: Questions) -> JsonObject:
    return asdict(config) | {
        **checkpoint.identity.parts,
        "items_sha256": questions.sha256,
        "prompt_prefix": questions.prompt_prefix,
        "dtype": str(checkpoint.dtype),
        "attention": checkpoint.attention,
    }


def _describe(
    run: RunDirectory, checkpoint: Checkpoint, config: BehaveConfig, questions: Questions, options: JsonObject
) -> None:
    kinds = [item.kind for item in questions.items]
    items = ItemsRecord(
        sha256=questions.sha256, n=len(kinds), by_kind={kind: kinds.count(kind) for kind in sorted(set(kinds))}
    )
    run.describe(checkpoint, items, options=options, excluded=questions.counted_reasons, limited=questions.limited)
    run.manifest.checkpoint.chat_template_sha256 = template_sha256(checkpoint.tokenizer)
    if config.framing != "raw":
        run.warn(Caveat(code="framed", framing=config.framing))
    run.save()
    if not run.finished("items.jsonl"):
        with run.writing("items.jsonl"):
            write_items(run.path / "items.jsonl", questions.items)
