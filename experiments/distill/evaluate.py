"""What did training bring, and what did it cost? Reasoning by split and family, knowledge before and after."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from pydantic import JsonValue

from strata.experiments.distill.evaluation_file import EVALUATION_FILE, DistillEvaluation, Knowledge, Reasoning
from strata.experiments.generated_answers.decoding import reasoning_rows
from strata.experiments.generated_answers.problems import SPLITS, Lesson, Split, evaluation_lessons
from strata.experiments.generated_answers.prompting import PROMPTS, Prompting, best_way
from strata.experiments.items.alignment import encode_items, token_length
from strata.experiments.items.builtin import build_items, chosen
from strata.experiments.results.caveats import Caveat
from strata.experiments.results.generated_tables import ANSWERS, FACTS, AnswerRow, FactRow
from strata.experiments.run.directory import RunDirectory
from strata.experiments.run.manifest import JsonObject
from strata.probes.backends.batched_reads import capture_batches
from strata.probes.backends.contract import Site
from strata.probes.backends.torch_hooks import TorchHooks
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.checkpoints.identity import hash_safetensors, hash_settings
from strata.probes.checkpoints.peft_adapter import adapter_files, adapter_settings
from strata.probes.lens.logit import read_lens
from strata.probes.progress import Progress, silent
from strata.probes.prompts.prompt import Prompt
from strata.probes.statistics.bootstrap import Estimate, cluster_bootstrap
from strata.probes.verification.before_measuring import admit

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
) -> DistillEvaluation:
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
                run.warn(Caveat(code="opened", opened=caveat, adapter=name))
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
        run.write_json(EVALUATION_FILE, summary)
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


def knowledge_rows(checkpoint: Checkpoint, seed: int, per_family: int, progress: Progress = silent) -> list[FactRow]:
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
    rows: list[FactRow] = []
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
    return sorted(rows, key=lambda row: row["item"])


def _summary(run: RunDirectory, models: Sequence[str]) -> DistillEvaluation:
    answers = [row for number in range(len(models)) for row in run.read_rows(ANSWERS, name=f"answers_{number}")]
    facts = [run.read_rows(FACTS, name=f"knowledge_{number}") for number in range(len(models))]
    reasoning = {split: _reasoning([row for row in answers if row["split"] == split], models) for split in SPLITS[1:]}
    knowledge = {
        model: _knowledge(rows, facts[0], is_base=model == BASE) for model, rows in zip(models, facts, strict=True)
    }
    known = {"reasoning": reasoning, "knowledge": knowledge}
    return DistillEvaluation.model_validate({"schema": SCHEMA, **(run.manifest.config or {}), **known})


def _reasoning(answers: Sequence[AnswerRow], models: Sequence[str]) -> dict[str, Reasoning]:
    """By model, on the problems of one split."""
    best = best_way([{"prompt": row["prompt"], "right": row["right"]} for row in answers if row["model"] == BASE])
    base = {row["item"]: row for row in answers if (row["model"], row["prompt"]) == (BASE, best)}
    by_model = {}
    for model in models:
        of_model = [row for row in answers if row["model"] == model]
        ways = [way for way in PROMPTS if any(row["prompt"] == way for row in of_model)]
        counted = best if model == BASE else "question_only"
        rows = [row for row in of_model if row["prompt"] == counted]
        result = Reasoning(
            prompt=counted,
            accuracy=_accuracy(rows),
            by_family={name: _accuracy([row for row in rows if row["family"] == name]) for name in _families(rows)},
            by_prompt={way: _accuracy([row for row in of_model if row["prompt"] == way]) for way in ways},
            no_answer=dict(Counter(reason for row in rows if (reason := row["reason"]))),
        )
        if model != BASE:
            gains = [float(row["right"]) - float(base[row["item"]]["right"]) for row in rows]
            result = result.model_copy(update={"gain": _estimate(gains, [row["cluster"] for row in rows])})
        by_model[model] = result
    return by_model


def _knowledge(rows: Sequence[FactRow], of_base: Sequence[FactRow], *, is_base: bool) -> Knowledge:
    by_family = {name: _known([row for row in rows if row["family"] == name]) for name in _families(rows)}
    result = Knowledge(accuracy=_known(rows), by_family=by_family)
    if is_base:
        return result
    before = {row["item"]: row["logit_difference"] > 0 for row in of_base}
    changes = [float(row["logit_difference"] > 0) - float(before[row["item"]]) for row in rows]
    return result.model_copy(update={"change": _estimate(changes, [row["cluster"] for row in rows])})


def _families(rows: Sequence[AnswerRow] | Sequence[FactRow]) -> list[str]:
    return list(dict.fromkeys(row["family"] for row in rows))


def _accuracy(rows: Sequence[AnswerRow]) -> Estimate | None:
    return _estimate([float(row["right"]) for row in rows], [row["cluster"] for row in rows])


def _known(rows: Sequence[FactRow]) -> Estimate | None:
    """Share of facts whose answer is likelier than the foil."""
    return _estimate([float(row["logit_difference"] > 0) for row in rows], [row["cluster"] for row in rows])


def _estimate(values: Sequence[float], clusters: Sequence[object]) -> Estimate | None:
    """None where nothing could be asked, as of facts whose words a tokenizer doesn't know."""
    return cluster_bootstrap(np.array(values)[:, None], clusters)[0] if values else None
