"""An evaluation goes on where it was, but never with the answers of an adapter that has been trained again."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file, save_file
from tiny_models import tiny_checkpoint, tiny_model

from strata.experiments.distill import evaluate as evaluation
from strata.experiments.distill.evaluate import evaluate
from strata.experiments.distill.evaluation_file import DistillEvaluation
from strata.experiments.generated_answers.decoding import Decoding, reasoning_rows
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.errors import StrataError


def test_an_adapter_that_was_trained_again_is_not_given_its_old_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluation, "reasoning_rows", partial(reasoning_rows, decoding=Decoding(1)))
    adapter = tmp_path / "adapter"
    get_peft_model(tiny_model("llama"), LoraConfig(r=2, target_modules=["q_proj"])).save_pretrained(adapter)
    checkpoint = tiny_checkpoint("llama", max_position_embeddings=1024)
    asked: list[str] = []

    def opened(name: str | None) -> Checkpoint:
        return checkpoint

    def report(stage: str, done: int, total: int | None, unit: str) -> None:
        asked.append(stage)

    def start() -> DistillEvaluation:
        return evaluate(opened, [str(adapter)], tmp_path / "run", per_family=1, progress=report)

    first = start()
    assert asked
    asked.clear()
    assert start() == first and not asked
    file = adapter / "adapter_model.safetensors"
    save_file({name: torch.full_like(tensor, 0.05) for name, tensor in load_file(file).items()}, file)
    with pytest.raises(StrataError, match="adapters_sha256"):
        start()
    assert not asked
