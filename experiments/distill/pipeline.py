"""From a base to an adapter with everything that says how it came about: record, card, curve."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pyarrow as pa
import torch
from safetensors.torch import save_file

from strata.experiments.distill.config import DistillConfig, resolved_precision
from strata.experiments.distill.data_card import data_card
from strata.experiments.distill.train import train
from strata.experiments.distill.training_state import Curve
from strata.experiments.distill.twins import TrainingText, rows, rows_sha256
from strata.experiments.generated_answers.problems import lessons, lessons_sha256
from strata.experiments.results.caveats import Caveat
from strata.experiments.results.generated_tables import TRAINING
from strata.experiments.results.training import (
    DISTILL_FILE,
    AdapterFile,
    TrainedBase,
    TrainingData,
    TrainingLoss,
    TrainingRecord,
    TrainingSettings,
)
from strata.experiments.run.controls import DEFAULT_CONTROLS, RunControls
from strata.experiments.run.directory import RunDirectory
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.checkpoints.identity import hash_safetensors
from strata.probes.checkpoints.peft_adapter import RECORD, TRAINING_STATE
from strata.probes.files.atomic_writes import whole_file, write_whole

ADAPTER = "adapter"
WEIGHTS = f"{ADAPTER}/adapter_model.safetensors"
SETTINGS = f"{ADAPTER}/adapter_config.json"
RESULTS = (WEIGHTS, SETTINGS, f"{ADAPTER}/{RECORD}", "curve.parquet", DISTILL_FILE.name)
"""What a finished training holds."""


def distill(
    checkpoint: Checkpoint,
    config: DistillConfig,
    out: Path,
    *,
    controls: RunControls = DEFAULT_CONTROLS,
) -> TrainingRecord:
    """Trains an adapter for `checkpoint` into `out`/adapter and returns what `out`/distill.json holds.

    Opened again with the same configuration, base and data a run goes on where it was cut off. The checkpoint's model
    is used up: open it again to measure the base. Raises StrataError for an `out` of another configuration, and
    without the `distill` extra.
    """
    made = lessons("train", seed=config.seed, n=config.steps * config.batch)
    texts = rows(config.twin, checkpoint, seed=config.seed, steps=config.steps, batch=config.batch)
    # Made before the training: what can't be recorded isn't trained.
    settings = TrainingSettings(**asdict(config) | {"precision": resolved_precision(config, checkpoint.device)})
    base = TrainedBase(spec=checkpoint.identity.spec, **checkpoint.identity.parts)
    data = TrainingData(
        problems=len(made),
        distinct_questions=len({lesson.question for lesson in made}),
        families=Counter(lesson.family for lesson in made),
        tokens=sum(len(row.ids) for row in texts),
        learnt_tokens=sum(row.learnt for row in texts),
        lessons_sha256=lessons_sha256(made),
        rows_sha256=rows_sha256(texts),
    )
    identity = settings.as_json() | {"data_sha256": data.rows_sha256}
    identity |= {f"base_{name}": value for name, value in checkpoint.identity.parts.items()}
    run = RunDirectory(out, verb="distill", command=controls.command, identity=identity)
    status = "failed"
    try:
        if run.complete(RESULTS):
            status = "done"
            return run.read_as(DISTILL_FILE)
        run.measured_here(str(checkpoint.device))
        for caveat in checkpoint.caveats:
            run.warn(Caveat(code="opened", opened=caveat))
        with run.stage("train"):
            state = out / TRAINING_STATE
            model, curve = train(checkpoint, texts, config, state, scratch=out / "scratch", progress=controls.progress)
        weights = _save_adapter(model, checkpoint, run)
        record = TrainingRecord(
            base=base,
            config=settings,
            command=tuple(controls.command),
            device=str(checkpoint.device),
            threads=torch.get_num_threads(),
            versions=run.manifest.versions | {name: version(name) for name in ("trl", "peft")},
            seconds=run.manifest.stages["train"].seconds,
            data=data,
            loss=TrainingLoss(first=curve.loss[0], last=_tail(curve.loss)),
            adapter=AdapterFile(sha256=hash_safetensors([weights]), bytes=weights.stat().st_size),
        )
        with run.writing(f"{ADAPTER}/{RECORD}"):
            write_whole(out / ADAPTER / RECORD, json.dumps(DISTILL_FILE.plain(record), indent=1) + "\n")
        write_whole(out / ADAPTER / "README.md", data_card(record))
        run.write_table(TRAINING, _curve_table(curve, texts, config.batch))
        write_whole(
            out / ADAPTER / "curve.json", json.dumps({name: _short(values) for name, values in vars(curve).items()})
        )
        # Written last: a directory that has it needs nothing more.
        run.write_json(DISTILL_FILE, record)
        state.unlink(missing_ok=True)
        shutil.rmtree(out / "scratch", ignore_errors=True)
        status = "done"
        return record
    except KeyboardInterrupt:
        status = "stopped"
        raise
    finally:
        run.close(status)


def _save_adapter(model: Any, checkpoint: Checkpoint, run: RunDirectory) -> Path:
    """Weights in bfloat16, a thousandth of the base's size; settings in an order of their own, without paths."""
    from peft import get_peft_model_state_dict

    state = get_peft_model_state_dict(model, save_embedding_layers=False)
    tensors = {name: tensor.detach().to("cpu", torch.bfloat16).contiguous() for name, tensor in sorted(state.items())}
    settings = model.peft_config["default"].to_dict()
    settings |= {"base_model_name_or_path": checkpoint.identity.spec, "inference_mode": True}
    plain = {name: sorted(value) if isinstance(value, (set, frozenset)) else value for name, value in settings.items()}
    weights = run.path / WEIGHTS
    with run.writing(WEIGHTS), whole_file(weights) as part:
        save_file(tensors, part, metadata={"format": "pt"})
    with run.writing(SETTINGS):
        write_whole(run.path / SETTINGS, json.dumps(plain, indent=1, sort_keys=True, default=str) + "\n")
    return weights


def _curve_table(curve: Curve, texts: Sequence[TrainingText], batch: int) -> pa.Table:
    groups = [texts[first : first + batch] for first in range(0, curve.steps * batch, batch)]
    learnt = [sum(row.learnt for row in group) for group in groups]
    tokens = [sum(len(row.ids) for row in group) for group in groups]
    columns: dict[str, Sequence[float]] = {
        "step": list(range(curve.steps)), "loss": curve.loss, "gradient": curve.gradient, "rate": curve.rate,
        "learnt_tokens": _running(learnt), "tokens": _running(tokens),
    }  # fmt: skip
    return TRAINING.of_columns(columns)


def _running(counts: Sequence[int]) -> list[int]:
    totals: list[int] = []
    for count in counts:
        totals.append(count + (totals[-1] if totals else 0))
    return totals


def _tail(values: Sequence[float]) -> float:
    """Mean of the last twentieth: single batches jump."""
    last = values[-max(1, len(values) // 20) :]
    return sum(last) / len(last)


def _short(values: Sequence[float]) -> list[float]:
    return [float(f"{value:.5g}") for value in values]
