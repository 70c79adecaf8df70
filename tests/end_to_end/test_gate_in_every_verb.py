"""Every command that measures goes through one gate: what isn't read rightly is refused by all of them, in one sentence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from strata.dashboards.cli import main
from strata.probes.verification.architectures.plain_forward import PlainModel
from strata.probes.verification.architectures.tiny_checkpoint import save_tiny

NO_BLOCKS: dict[str, Any] = {"num_hidden_layers": 0}
REFUSED = {
    "no blocks": ("llama", NO_BLOCKS, "num_hidden_layers is 0, and may be from 1 to"),
    "tokens of its own": ("cpmant", {}, "CpmAntForCausalLM (cpmant) is not supported, because it puts 32 prompt tokens of its own before"),
    "tokens in any order": ("xlnet", {}, "XLNetLMHeadModel (xlnet) is not supported, because it predicts tokens in any order"),
    "blocks in cycles": ("hrm_text", {}, "HrmTextForCausalLM (hrm_text) is not supported, because its two stacks of blocks run in cycles"),
}  # fmt: skip
FAST = ("--display", "none")
BEHAVIOUR_ALONE = (
    "--causal-map",
    "none",
    "--no-random-init",
    "--draws",
    "100",
    "--folds",
    "2",
    "--positions",
    "last",
    "--lens-maps",
    "0",
)


@pytest.fixture(scope="module")
def refused(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A checkpoint of every kind of `REFUSED`."""
    folder = tmp_path_factory.mktemp("refused")
    for number, (why, (model_type, changes, _)) in enumerate(REFUSED.items()):
        save_tiny(model_type, folder / f"{number} {why}", 0, changes)
    return {why: folder / f"{number} {why}" for number, why in enumerate(REFUSED)}


@pytest.fixture
def items(tmp_path: Path) -> Path:
    """Twelve items of letters, which the tiny checkpoints' tokenizer knows, some short and some long."""
    letters = "abcdefgh"
    rows = []
    for number in range(12):
        length = 3 if number % 2 else 30
        clean, foil = (" ".join(letters[(number + at + by) % 8] for at in range(length)) for by in (0, 1))
        rows.append(
            {"id": f"k{number}", "kind": "knowledge", "family": "letters", "prompt": clean, "answer": " x", "foil_prompt": foil,
             "foil": " y", "choices": [" x", " y"], "cluster": f"c{number}", "template": "plain", "side": "left" if number % 2 else "right"}
        )  # fmt: skip
    file = tmp_path / "items.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file


@pytest.mark.parametrize("why", list(REFUSED))
@pytest.mark.parametrize("verb", ["lens", "verify", "plan", "capture", "probe", "locate", "behave", "compare"])
def test_what_is_not_read_rightly_is_refused_by_every_verb(
    verb: str, why: str, refused: dict[str, Path], items: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    model, sentence = refused[why], REFUSED[why][2]
    words = {
        "lens": [str(model), "a b c d e f g h i j k l m n o p q r s t"],
        "verify": [str(model), "--backends", "torch,restart"],
        "plan": [str(model), "--items", str(items)],
        "capture": [str(model), str(items), "--out", str(tmp_path / "run")],
        "probe": [str(model), str(items), "--target", "side", "--folds", "2", "--out", str(tmp_path / "run")],
        "locate": [str(model), "--items", str(items), "--out", str(tmp_path / "run")],
        "behave": [str(model), "--items", str(items), "--out", str(tmp_path / "run")],
        "compare": [str(model), str(model), "--items", str(items), "--out", str(tmp_path / "run")],
    }[verb]
    assert main([verb, *words, *FAST]) == 2
    message = capfd.readouterr().err
    assert sentence in message and message.count("strata: ") == 1 and "Traceback" not in message
    assert not (tmp_path / "run" / "summary.json").exists()


def test_a_plan_without_weights_looks_at_shapes_and_says_what_it_did_not_check(
    items: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    save_tiny("hrm_text", tmp_path / "cycles", 0)
    save_tiny("llama", tmp_path / "sound", 0)
    words = ["--items", str(items), "--no-trial", *FAST]
    assert main(["plan", str(tmp_path / "cycles"), *words]) == 2
    assert "run in cycles" in capfd.readouterr().err
    assert main(["plan", str(tmp_path / "sound"), *words]) == 0
    lines = [line for line in capfd.readouterr().out.splitlines() if line.startswith("not checked")]
    assert len(lines) == 1 and "self-tests, which need the weights" in lines[0]


def test_the_lens_says_what_the_model_says_where_logits_are_scaled(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    model, prompt = tmp_path / "model", "a b c d e"
    save_tiny("inkling_text", model, 0)
    assert main(["lens", str(model), prompt, "--answer", " x", "--json"]) == 0
    readings = json.loads(capfd.readouterr().out)
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(model)
    ids = torch.tensor([tokenizer(prompt, add_special_tokens=False)["input_ids"]])
    with torch.no_grad():
        logits = PlainModel(model).fresh()(input_ids=ids, use_cache=False).logits[0, -1]
    wanted = logits.log_softmax(-1)[tokenizer.convert_tokens_to_ids("x")]
    assert abs(readings["answer_logprob"][-1][-1] - float(wanted)) < 1e-4


def test_verify_needs_a_checkpoint_or_architectures(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    for words, sentence in (
        ([], "needs a CHECKPOINT"),
        (["x", "--architectures"], "makes models of its own"),
        (["x", "--types", "gpt2"], "--types belongs to --architectures"),
        (["--architectures", "--dtype", "bfloat16"], "--dtype is about a checkpoint"),
        (["--architectures", "--out", str(tmp_path / "no" / "x.md")], "There is no directory"),
    ):
        assert main(["verify", *words]) == 2
        assert sentence in capfd.readouterr().err


def test_the_table_of_architectures_is_written_by_the_command(
    capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    words = ["verify", "--architectures", "--types", "gpt2,cpmant", "--out", str(tmp_path / "table.md"), "--json"]
    assert main(words) == 0
    statuses = {entry["name"]: entry["status"] for entry in json.loads(capfd.readouterr().out)["types"]}
    assert statuses == {"gpt2": "verified", "cpmant": "refused"}
    page = (tmp_path / "table.md").read_text()
    assert "| gpt2 | verified |" in page and "CpmAntForCausalLM (cpmant) is not supported" in page
    assert "(seed 0; transformers " in page and "1 verified, 1 refused." in page


@pytest.mark.parametrize("batch_tokens", ["1", "5000"])
def test_an_items_numbers_are_those_of_its_prompt_alone_in_a_fresh_model(
    items: Path, tmp_path: Path, batch_tokens: str
) -> None:
    """Long rope, prompts on both sides of its threshold: items beside a longer prompt used to change."""
    from pyarrow import parquet
    from transformers import AutoTokenizer

    from strata.probes.verification.architectures.tiny_config import VARIANTS

    model, run = tmp_path / "model", tmp_path / "run"
    model_type, changes = VARIANTS["phi3 (long rope)"]
    save_tiny(model_type, model, 0, changes)
    words = ["--items", str(items), "--batch-tokens", batch_tokens, "--out", str(run), *FAST, *BEHAVIOUR_ALONE]
    assert main(["locate", str(model), *words]) == 0
    tokenizer, plain = AutoTokenizer.from_pretrained(model), PlainModel(model)
    asked = {row["id"]: row for row in map(json.loads, items.read_text().splitlines())}
    rows = parquet.read_table(run / "behaviour.parquet").to_pylist()
    assert {row["n_tokens"] for row in rows} == {3, 30}
    for row in rows:
        ids = tokenizer(asked[row["item"]]["prompt"], add_special_tokens=False)["input_ids"]
        with torch.no_grad():
            logits = plain.fresh()(input_ids=torch.tensor([ids]), use_cache=False).logits[0, -1]
        wanted = float(logits.log_softmax(-1)[tokenizer.convert_tokens_to_ids("x")])
        assert abs(row["answer_logprob"] - wanted) < 1e-4
