"""`strata pairs` as a person meets it: exit codes, one JSON object, sentences that name the mistake."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from tiny_models import tiny_model, tiny_tokenizer

from strata.dashboards.cli.main import main


@pytest.fixture
def base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("STRATA_CACHE", str(tmp_path / "cache"))
    return saved(tmp_path / "Qwen2.5-Math-7B")


def saved(directory: Path, strength: float = 0.0, seed: int = 0) -> Path:
    model = tiny_model("llama", seed=seed)
    torch.manual_seed(1)
    for parameter in model.parameters():
        parameter.data += strength * parameter.data.std() * torch.randn_like(parameter)
    model.save_pretrained(directory)
    tiny_tokenizer().save_pretrained(directory)
    return directory


def test_the_base_exits_with_0_and_shows_where_the_change_is(
    tmp_path: Path, base: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    tuned = saved(tmp_path / "DeepSeek-R1-Distill-Qwen-7B", 0.05)
    assert main(["pairs", "verify", str(base), str(tuned), "--display", "none"]) == 0
    shown = capfd.readouterr().out
    assert "verdict: base\n" in shown and "the registry agrees" in shown and "tokenizers: no difference" in shown
    assert "block" in shown and "down" in shown and "unembedding: relative norm 0.05" in shown


def test_another_model_exits_with_1_in_exactly_one_json_object(
    tmp_path: Path, base: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    other = saved(tmp_path / "other", seed=5)
    assert main(["pairs", "verify", str(base), str(other), "--json"]) == 1
    check = json.loads(capfd.readouterr().out)
    assert (check["schema"], check["ok"], check["verdict"]) == ("strata.pair/1", False, "not the base")
    assert {"name", "block", "matrix", "cosine", "relative_norm"} <= set(check["tensors"][0])


def test_candidates_are_ranked_and_the_nearer_one_is_proposed(
    tmp_path: Path, base: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    sibling, tuned = saved(tmp_path / "sibling", 0.3), tmp_path / "tuned"
    model = tiny_model("llama")
    torch.manual_seed(7)
    for parameter in model.parameters():
        parameter.data += 0.05 * parameter.data.std() * torch.randn_like(parameter)
    model.save_pretrained(tuned)
    tiny_tokenizer().save_pretrained(tuned)
    command = ["pairs", "verify", str(sibling), str(tuned), "--candidates", str(base), "--json"]
    assert main(command) == 1
    check = json.loads(capfd.readouterr().out)
    assert check["hint"] == str(base) and check["candidates"][0]["spec"] == str(base)


def test_names_are_judged_without_weights(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["pairs", "verify", "qwen2.5-7b", "r1-distill-qwen-7b", "--no-weights"]) == 1
    shown = capfd.readouterr().out
    assert "verdict: not the base (by name only)" in shown and "try as the base: Qwen/Qwen2.5-Math-7B" in shown
    assert main(["pairs", "verify", "qwen2.5-math-7b", "r1-distill-qwen-7b", "--no-weights"]) == 0


def test_the_list_says_where_each_base_is_stated(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["pairs", "list", "--json"]) == 0
    rows = json.loads(capfd.readouterr().out)["pairs"]
    assert all(row["stated"] and row["sureness"] for row in rows)
    assert main(["pairs", "list"]) == 0
    shown = capfd.readouterr().out
    assert f"{len(rows)} known pairs" in shown and "ambiguous" in shown
    assert "smollm2+plain: strata.json and README.md beside the adapter" in shown


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["verify", "smollm2"], "takes two checkpoints, 1 was given"),
        (["verify"], "takes two checkpoints, 0 were given"),
        (["list", "smollm2"], "takes no checkpoint"),
        (["show"], "invalid choice"),
        (["verify", "./nowhere", "./neither"], "There is no file or directory './nowhere'"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_2(
    arguments: list[str], message: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["pairs", *arguments, "--display", "none"]) == 2
    captured = capfd.readouterr()
    assert message in captured.err and captured.err.count("\n") == 1 and not captured.out
