"""Items that a tokenizer can't score are excluded and counted; all else is compared. Kinds that weren't asked leave no trace."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file, save_file
from small_world import other_tokenizer, save_checkpoint, small_items, write_items

from strata.dashboards.cli.main import main

FAST = (
    *("--causal-map", "none", "--draws", "100", "--no-random-init", "--lens-maps", "1", "--folds", "3"),
    *("--positions", "last", "--swap-pairs", "4", "--crossed-positions", "last", "--generated", "0", "--no-spectra"),
    *("--batch-tokens", "4096", "--contrast-items", "0", "--display", "none"),
)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    directory = tmp_path_factory.mktemp("models")
    base = save_checkpoint(directory / "base")
    tuned = Path(shutil.copytree(base, directory / "tuned"))
    file = tuned / "model.safetensors"
    state = load_file(file)
    state["model.layers.1.mlp.down_proj.weight"] *= 1.5
    save_file(state, file, metadata={"format": "pt"})
    return {"base": base, "tuned": tuned, "elsewhere": other_tokenizer(directory / "elsewhere", base)}


def compared(base: Path, other: Path, items: Path, out: Path) -> dict[str, Any]:
    assert main([str(word) for word in ("compare", base, other, "--items", items, "--out", out, *FAST)]) == 0
    comparison: dict[str, Any] = json.loads((out / "comparison.json").read_text())
    return comparison


def lost_words(directory: Path, tokenizer: Path, *words: str) -> Path:
    """The same model under a tokenizer that doesn't know some words."""
    made = Path(shutil.copytree(tokenizer, directory))
    file = made / "tokenizer.json"
    spelled = json.loads(file.read_text())
    for number, word in enumerate(words):
        vocabulary = spelled["model"]["vocab"]
        vocabulary[f"gone{number}"] = vocabulary.pop(word)
    file.write_text(json.dumps(spelled))
    return made


def unscorable() -> list[dict[str, Any]]:
    """All small items, of which three have an answer that no token stands for."""
    items = small_items()
    for number in (0, 5, 9):
        items[number] |= {"answer": " nowhere", "choices": []}
    return items


@pytest.mark.parametrize("other", ["tuned", "elsewhere"])
def test_items_without_a_scored_answer_are_excluded_of_every_number(
    models: dict[str, Path], tmp_path: Path, other: str
) -> None:
    items = unscorable()
    comparison = compared(models["base"], models[other], write_items(tmp_path / "items.jsonl", items), tmp_path / "run")
    for kind in ("knowledge", "reasoning"):
        of_kind = comparison["kinds"][kind]
        gone = sum(item["kind"] == kind and item["answer"] == " nowhere" for item in items)
        assert of_kind["excluded"] == gone and of_kind["asked"] == of_kind["items"] - gone
        assert of_kind["accuracy"]["change"]["n_items"] == of_kind["asked"]
        assert of_kind["logit_difference"]["change"]["n_items"] == of_kind["asked"]
    assert (tmp_path / "run" / "report.html").exists()


def test_what_one_of_the_tokenizers_can_not_score_is_excluded_for_both(models: dict[str, Path], tmp_path: Path) -> None:
    """The other model reads some answers as unknown words: its items are compared on what both can answer."""
    lost = lost_words(tmp_path / "lost", models["base"], "2")
    items = small_items()
    comparison = compared(models["base"], lost, write_items(tmp_path / "items.jsonl", items), tmp_path / "run")
    gone = sum(item["kind"] == "knowledge" and " 2" in (item["answer"], item["foil"]) for item in items)
    assert gone and 0 < comparison["kinds"]["knowledge"]["excluded"] <= gone
    assert (
        comparison["kinds"]["knowledge"]["accuracy"]["change"]["n_items"] == comparison["kinds"]["knowledge"]["asked"]
    )
