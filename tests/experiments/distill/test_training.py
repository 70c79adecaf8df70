"""Training does what a plain loop does, goes on where it was cut off, and leaves an adapter that knows its base."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path

import pytest
import torch
from peft import get_peft_model_state_dict
from safetensors.torch import load_file
from tiny_models import tiny_checkpoint, tiny_model, tiny_tokenizer

from strata.dashboards.cli.main import main
from strata.experiments.distill import train as training
from strata.experiments.distill.config import DistillConfig
from strata.experiments.distill.pipeline import distill
from strata.experiments.distill.train import adapted, train
from strata.experiments.distill.twins import row_of, rows
from strata.experiments.generated_answers.problems import lessons
from strata.experiments.results.training import TrainingRecord
from strata.experiments.run.controls import RunControls
from strata.probes.checkpoints import peft_adapter as adapters
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.checkpoints.open_spec import open_checkpoint
from strata.probes.errors import StrataError

CONFIG = DistillConfig(steps=6, batch=3, rank=2, precision="float32")
PICKLES = (".bin", ".pt", ".pth", ".pkl")


class PowerCut(KeyboardInterrupt):
    pass


def tiny() -> Checkpoint:
    return tiny_checkpoint("llama", max_position_embeddings=1024)


def test_filler_learns_as_many_tokens_of_the_same_lessons_and_works_nothing_out() -> None:
    checkpoint = tiny()
    for lesson in lessons("train", seed=0, n=100):
        think, filler = (row_of(lesson, twin, checkpoint) for twin in ("think", "filler"))
        assert think.learnt == filler.learnt
        end = checkpoint.tokenizer.eos_token_id
        assert think.ids[-1] == filler.ids[-1] == end
        for text in (think, filler):
            assert text.ids[: len(text.ids) - text.learnt] == checkpoint.encode(lesson.prompt)
        # Between the tags nothing stands but the question's own tokens.
        inside = set(filler.ids[-filler.learnt : -1]) - set(checkpoint.encode(f" {lesson.question},"))
        assert inside <= set(checkpoint.encode(f"<think> </think> {lesson.answer}"))


def test_plain_learns_question_and_answer_and_reads_nothing_that_tells_it() -> None:
    checkpoint = tiny()
    for lesson in lessons("train", seed=0, n=100):
        plain = row_of(lesson, "plain", checkpoint)
        spelt = checkpoint.encode(f"{lesson.prompt} {lesson.answer}")
        assert plain.ids == (*spelt, checkpoint.tokenizer.eos_token_id)
        assert plain.learnt == len(plain.ids) - max(1, len(checkpoint.prefix))


def test_training_is_a_plain_loop_over_the_learnt_tokens(tmp_path: Path) -> None:
    checkpoint = tiny()
    texts = rows("think", checkpoint, seed=0, steps=CONFIG.steps, batch=CONFIG.batch)
    model, curve = train(checkpoint, texts, CONFIG, tmp_path / "state.safetensors", scratch=tmp_path / "scratch")
    trained = get_peft_model_state_dict(model, save_embedding_layers=False)

    other = tiny()
    plain = adapted(other, CONFIG)
    parameters = [parameter for parameter in plain.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(parameters, weight_decay=0.0)
    losses = []
    for step in range(CONFIG.steps):
        for group in optimizer.param_groups:
            # The rise of a twentieth of six steps is one step.
            group["lr"] = CONFIG.learning_rate * min(1.0, (CONFIG.steps - step) / (CONFIG.steps - 1))
        total, count = torch.zeros(()), 0
        for row in texts[step * CONFIG.batch : (step + 1) * CONFIG.batch]:
            ids = torch.tensor([row.ids])
            log_probs = plain(input_ids=ids).logits[0].log_softmax(-1)
            for place in range(len(row.ids) - row.learnt, len(row.ids)):
                total = total - log_probs[place - 1, row.ids[place]]
                count += 1
        loss = total / count
        losses.append(float(loss.detach()))
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
    assert curve.loss == pytest.approx(losses, rel=1e-4)
    wanted = get_peft_model_state_dict(plain, save_embedding_layers=False)
    assert set(trained) == set(wanted)
    for name, tensor in trained.items():
        torch.testing.assert_close(tensor, wanted[name], atol=2e-5, rtol=1e-3)
    assert any(float(tensor.detach().abs().max()) > 0 for name, tensor in trained.items() if "lora_B" in name)


@pytest.mark.thorough
def test_a_run_that_was_stopped_or_killed_ends_in_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "_SAVE_EVERY", 2)
    whole, stopped, killed = (tmp_path / name for name in ("whole", "stopped", "killed"))

    def copy_then_cut(stage: str, done: int, total: int | None, unit: str) -> None:
        if stage == training.STAGE and done == 5:
            # What a power cut would leave here: the state of step 4.
            shutil.copytree(stopped, killed, ignore=shutil.ignore_patterns(".lock"))
            raise PowerCut

    distill(tiny(), CONFIG, whole)
    with pytest.raises(PowerCut):
        distill(tiny(), CONFIG, stopped, controls=RunControls(progress=copy_then_cut))
    seen: dict[str, list[int]] = {"stopped": [], "killed": []}
    for out in (stopped, killed):
        controls = RunControls(progress=lambda stage, done, *_, out=out: seen[out.name].append(done))
        distill(tiny(), CONFIG, out, controls=controls)
    assert seen["stopped"][0] == 5 and seen["killed"][0] == 4
    for name in ("adapter_model.safetensors", "adapter_config.json", "curve.json"):
        bytes_of = [(out / "adapter" / name).read_bytes() for out in (whole, stopped, killed)]
        assert bytes_of[0] == bytes_of[1] == bytes_of[2], name
    files = [file for out in (whole, stopped, killed) for file in out.rglob("*") if file.is_file()]
    assert not [file for file in files if file.suffix in PICKLES or file.name == "training.safetensors"]
    before = (whole / "distill.json").read_bytes()
    distill(tiny(), CONFIG, whole)
    assert (whole / "distill.json").read_bytes() == before


@pytest.mark.thorough
def test_seeds_and_twins_give_different_adapters(tmp_path: Path) -> None:
    made = []
    for number, changes in enumerate(({}, {"seed": 1}, {"twin": "plain"}, {"twin": "filler"})):
        config = DistillConfig(**{**vars(CONFIG), "steps": 2, **changes})
        distill(tiny(), config, tmp_path / str(number))
        made.append((tmp_path / str(number) / "adapter" / "adapter_model.safetensors").read_bytes())
    assert len(set(made)) == 4


def test_a_directory_of_another_configuration_is_refused_with_the_difference(tmp_path: Path) -> None:
    short = DistillConfig(**{**vars(CONFIG), "steps": 1})
    distill(tiny(), short, tmp_path / "run")
    with pytest.raises(StrataError, match="rank: 2 there, 4 now"):
        distill(tiny(), DistillConfig(**{**vars(short), "rank": 4}), tmp_path / "run")
    with pytest.raises(StrataError, match="base_weights_sha256"):
        distill(tiny_checkpoint("llama", seed=1, max_position_embeddings=1024), short, tmp_path / "run")


@pytest.mark.parametrize("bad", [{"twin": "fast"}, {"steps": 0}, {"learning_rate": 0.0}, {"precision": "int8"}])
def test_what_cannot_be_trained_with_is_refused(bad: dict[str, object]) -> None:
    with pytest.raises(StrataError):
        DistillConfig(**bad)


@pytest.mark.thorough
def test_the_commands_make_measure_and_ship_an_adapter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("STRATA_CACHE", str(tmp_path / "cache"))
    for seed in (0, 1):
        tiny_model("llama", seed=seed, max_position_embeddings=1024).save_pretrained(tmp_path / f"base{seed}")
        tiny_tokenizer().save_pretrained(tmp_path / f"base{seed}")
    base, other, out = str(tmp_path / "base0"), str(tmp_path / "base1"), tmp_path / "out"
    options = ["--steps", "2", "--batch", "2", "--rank", "2", "--out", str(out), "--display", "none"]
    assert main(["distill", base, "--twin", "think", "--json", *options]) == 0
    summary = json.loads(capfd.readouterr().out)
    assert summary["config"]["twin"] == "think" and summary["base"]["spec"] == base
    assert main(["distill", base, "--twin", "plain", *options]) == 2
    assert 'twin: "think" there, "plain" now' in capfd.readouterr().err
    card = (out / "adapter" / "README.md").read_text()
    record = TrainingRecord.model_validate(summary)
    assert record.as_json() == summary == json.loads((out / "adapter" / "strata.json").read_text())
    assert f"strata distill {base} --twin think" in card and summary["data"]["rows_sha256"] in card

    # Opened, it is the base plus its low-rank change.
    opened = open_checkpoint(f"{base}+{out / 'adapter'}")
    state = load_file(out / "adapter" / "adapter_model.safetensors")
    stem = "base_model.model.model.layers.1.mlp.down_proj"
    change = 2 * state[f"{stem}.lora_B.weight"].float() @ state[f"{stem}.lora_A.weight"].float()
    before = open_checkpoint(base).model.model.layers[1].mlp.down_proj.weight
    after = opened.model.model.layers[1].mlp.down_proj.weight
    assert float(change.abs().max()) > 0
    torch.testing.assert_close(after, before + change, atol=1e-6, rtol=1e-5)

    # Another base of the same shape is refused, by its weights.
    with pytest.raises(StrataError, match="was trained on"):
        open_checkpoint(f"{other}+{out / 'adapter'}")

    # Shipped names are found where the package keeps them, or say how to make them.
    monkeypatch.setattr(adapters, "_SHIPPED_IN", tmp_path / "shipped")
    with pytest.raises(StrataError, match="strata distill smollm2 --twin think"):
        open_checkpoint(f"{base}+think")
    shutil.copytree(out / "adapter", tmp_path / "shipped" / "think")
    assert open_checkpoint(f"{base}+think").identity.weights_sha256 == opened.identity.weights_sha256

    measured = tmp_path / "measured"
    evaluate = [
        "distill",
        base,
        "--evaluate",
        "think",
        "--per-family",
        "1",
        "--out",
        str(measured),
        "--display",
        "none",
    ]
    assert main(evaluate) == 0
    evaluation = json.loads((measured / "evaluation.json").read_text())
    assert set(evaluation["reasoning"]) == {"test", "harder", "other"}
    for models in evaluation["reasoning"].values():
        gain = models["think"]["accuracy"]["value"] - models["base"]["accuracy"]["value"]
        assert math.isclose(models["think"]["gain"]["value"], gain, abs_tol=1e-12)
        assert models["base"]["accuracy"]["value"] == max(
            estimate["value"] for estimate in models["base"]["by_prompt"].values()
        )
