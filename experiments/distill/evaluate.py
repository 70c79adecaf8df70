"""What did training bring, and what did it cost? Reasoning by split and family, knowledge before and after."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import JsonValue

from strata.experiments.generated_answers.decoding import reasoning_rows
from strata.experiments.generated_answers.problems import SPLITS, Lesson, Split, evaluation_lessons
from strata.experiments.generated_answers.prompting import PROMPTS, Prompting, best_way
from strata.experiments.items.alignment import encode_items, token_length
from strata.experiments.items.builtin import build_items, chosen
from strata.experiments.results.generated_tables import ANSWERS, FACTS
from strata.experiments.run.directory import RunDirectory
from strata.experiments.run.manifest import JsonObject
from strata.probes.backends.contract import Site
from strata.probes.backends.torch_hooks import TorchHooks
from strata.probes.capture_batches import capture_batches
from strata.probes.checkpoints.adapter import adapter_files, adapter_settings
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.checkpoints.identity import hash_safetensors, hash_settings
from strata.probes.lens.logit import read_lens
from strata.probes.progress import Progress, silent
from strata.probes.prompts.prompt import Prompt
from strata.probes.statistics.bootstrap import Estimate, cluster_bootstrap
from strata.probes.verification.gate import admit

SCHEMA = "strata.distill-evaluation/1"
BASE = "base"
KNOWLEDGE = ("knowledge",)
Open = Callable[[str | None], Checkpoint]


def evaluate(
    open_model: Open,
    adapters: Sequence[str],
    out: Path,
    *,
    seed: int = 0,
    per_family: int = 40,
    command: Sequence[str] = (),
    progress: Progress = silent,
) -> dict[str, Any]:
    """Measures the base (`open_model(None)`) and each adapter in turn; returns what `out`/evaluation.json holds.

    The base is asked in every way of `PROMPTS` and counted by its best way in each split, an adapter by the question alone
    question, as it was trained. Accuracies and paired differences come with cluster bootstrap intervals. One model
    is in memory at a time; a finished model is not asked again when the work was cut off. Raises StrataError for
    an `out` of another configuration.
    """
    # A name stays when an adapter is trained again into the same directory.
    hashes: list[JsonValue] = [
        [hash_safetensors([adapter_files(name)[1]]), hash_settings(adapter_settings(name))] for name in adapters
    ]
    identity: JsonObject = {
        "adapters": list(adapters),
        "adapters_sha256": hashes,
        "seed": seed,
        "per_family": per_family,
    }
    asked = {split: evaluation_lessons(split, seed=seed, per_family=per_family) for split in SPLITS[1:]}
    run: RunDirectory | None = None
    status = "failed"
    try:
        for name in (None, *adapters):
            checkpoint = open_model(name)
            if run is None:
                identity |= {f"base_{name}": value for name, value in checkpoint.identity.parts.items()}
                run = RunDirectory(out, verb="distill-evaluation", command=command, identity=identity)
                run.measured_here(str(checkpoint.device))
            for caveat in checkpoint.caveats:
                run.warn(caveat if name is None else f"{name}: {caveat}")
            label = BASE if name is None else name
            number = 0 if name is None else 1 + list(adapters).index(name)
            if not run.finished(f"knowledge_{number}.parquet"):
                admit(checkpoint, _bare_prompts(checkpoint, asked))
                ways: tuple[Prompting, ...] = PROMPTS if name is None else ("question_only",)
                rows = reasoning_rows(checkpoint, label, asked, ways, progress)
                run.write_rows(ANSWERS, rows, name=f"answers_{number}")
                facts = knowledge_rows(checkpoint, seed, per_family, progress)
                run.write_rows(FACTS, facts, name=f"knowledge_{number}")
        assert run is not None
        summary = _summary(run, [BASE, *adapters])
        run.write_json("evaluation.json", summary)
        status = "done"
        return summary
    except KeyboardInterrupt:
        status = "stopped"
        raise
    finally:
        if run is not None:
            run.close(status)


def _bare_prompts(checkpoint: Checkpoint, asked: Mapping[Split, Sequence[Lesson]]) -> list[Prompt]:
    return [Prompt(lesson.id, checkpoint.encode(lesson.prompt)) for made in asked.values() for lesson in made]


def knowledge_rows(
    checkpoint: Checkpoint, seed: int, per_family: int, progress: Progress = silent
) -> list[dict[str, Any]]:
    """One row of `FACTS` a knowledge item of the built-in families."""
    items = build_items(
        chosen(KNOWLEDGE),
        seed=seed,
        per_family=per_family,
        token_length=token_length(checkpoint),
    )
    encoded = [
        encoded_item
        for encoded_item in encode_items(items, checkpoint, checkpoint.max_context)[0]
        if encoded_item.foil_id is not None
    ]
    rows: list[dict[str, Any]] = []
    if not encoded:
        return rows
    for batch in capture_batches(
        TorchHooks(checkpoint), [encoded_item.prompt for encoded_item in encoded], pad_id=checkpoint.pad_id, device=checkpoint.device,
        sites=[Site("resid_post", checkpoint.n_layers - 1)], keep_on_device=True, progress=progress, stage="knowledge",
    ):  # fmt: skip
        asked = [encoded[row] for row in batch.rows]
        targets = {
            "answer": torch.tensor([encoded_item.answer_id for encoded_item in asked]),
            "foil": torch.tensor([encoded_item.foil_id for encoded_item in asked]),
        }
        difference = read_lens(checkpoint.readout, batch.values, targets, ranked=(), top_k=1).logit_difference()
        for encoded_item, value in zip(asked, difference[:, 0, 0].tolist(), strict=True):
            rows.append(
                {
                    "item": encoded_item.key,
                    "family": encoded_item.item.family,
                    "cluster": encoded_item.item.cluster,
                    "logit_difference": value,
                }
            )
    return sorted(rows, key=lambda row: str(row["item"]))


def _summary(run: RunDirectory, models: Sequence[str]) -> dict[str, Any]:
    answers = [row for number in range(len(models)) for row in run.read_table(f"answers_{number}").to_pylist()]
    reasoning: dict[str, Any] = {}
    for split in SPLITS[1:]:
        best = best_way([row for row in answers if row["model"] == BASE and row["split"] == split])
        base = {
            row["item"]: row for row in answers if (row["model"], row["prompt"], row["split"]) == (BASE, best, split)
        }
        reasoning[split] = {}
        for model in models:
            ways = [way for way in PROMPTS if any(row["model"] == model and row["prompt"] == way for row in answers)]
            counted = best if model == BASE else "question_only"
            of_model = [row for row in answers if row["model"] == model and row["split"] == split]
            rows = [row for row in of_model if row["prompt"] == counted]
            reasoning[split][model] = {
                "prompt": counted,
                "accuracy": _accuracy(rows),
                "by_family": {name: _accuracy(part) for name, part in _by_family(rows).items()},
                "by_prompt": {way: _accuracy([row for row in of_model if row["prompt"] == way]) for way in ways},
                "no_answer": _reasons(rows),
            }
            if model != BASE:
                gains = [float(row["right"]) - float(base[row["item"]]["right"]) for row in rows]
                reasoning[split][model]["gain"] = _estimate(gains, [row["cluster"] for row in rows])
    knowledge: dict[str, Any] = {}
    known = [run.read_table(f"knowledge_{number}").to_pylist() for number in range(len(models))]
    before = {row["item"]: row["logit_difference"] > 0 for row in known[0]}
    for model, rows in zip(models, known, strict=True):
        right = [{**row, "right": row["logit_difference"] > 0} for row in rows]
        knowledge[model] = {
            "accuracy": _accuracy(right),
            "by_family": {name: _accuracy(part) for name, part in _by_family(right).items()},
        }
        if model != BASE:
            changes = [float(row["right"]) - float(before[row["item"]]) for row in right]
            knowledge[model]["change"] = _estimate(changes, [row["cluster"] for row in right])
    return {"schema": SCHEMA, **(run.manifest.config or {}), "reasoning": reasoning, "knowledge": knowledge}


def _by_family(rows: Sequence[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    parts: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        parts[row["family"]].append(row)
    return dict(parts)


def _accuracy(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    return _estimate([float(row["right"]) for row in rows], [row["cluster"] for row in rows])


def _estimate(values: Sequence[float], clusters: Sequence[object]) -> dict[str, Any] | None:
    """None where nothing could be asked, as of facts whose words a tokenizer doesn't know."""
    if not values:
        return None
    estimate: Estimate = cluster_bootstrap(np.array(values)[:, None], clusters)[0]
    return asdict(estimate)


def _reasons(rows: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    counts: dict[str, int] = defaultdict(int)
    for row in rows:
        if row["reason"]:
            counts[row["reason"]] += 1
    return dict(counts)
