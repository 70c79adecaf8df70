"""A tiny local checkpoint with a word-level tokenizer, and an item file it can be asked: nothing is fetched."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file, save_file
from tiny_models import SPECIAL, WORDS, tiny_model, tiny_tokenizer

LETTERS = "abcdefghijkl"
FAST = (
    "--causal-map", "quick", "--pairs", "4", "--draws", "100", "--no-random-init", "--lens-maps", "1", "--folds", "2",
    "--damage-texts", "2", "--positions", "last", "--swap-pairs", "4", "--crossed-positions", "last",
    "--generated", "0", "--no-spectra", "--batch-tokens", "4096",
)  # fmt: skip


def compare_command(base: object, tuned: object, items: Path, out: Path, *more: object) -> list[str]:
    """The words of a `strata compare` of two small checkpoints that measures little of everything."""
    return [str(word) for word in ("compare", base, tuned, "--items", items, "--out", out, *FAST, *more)]


def save_checkpoint(directory: Path, *, seed: int = 0) -> Path:
    """A Llama of 3 blocks in Hugging Face's format."""
    tiny_model("llama", seed=seed).save_pretrained(directory)
    tiny_tokenizer().save_pretrained(directory)
    return directory


def other(directory: Path, base: Path, **changes: Any) -> Path:
    """The base's tokenizer over a model whose configuration, or seed, is changed."""
    shutil.copytree(base, directory)
    (directory / "model.safetensors").unlink()
    tiny_model("llama", **changes).save_pretrained(directory)
    return directory


def other_tokenizer(directory: Path, base: Path) -> Path:
    """The base's weights under a tokenizer that gives its words other ids."""
    shutil.copytree(base, directory)
    file = directory / "tokenizer.json"
    spelled = json.loads(file.read_text())
    spelled["model"]["vocab"] = {word: index for index, word in enumerate((*SPECIAL, *reversed(WORDS)))}
    file.write_text(json.dumps(spelled))
    return directory


def lora(directory: Path, **changes: Any) -> Path:
    """An adapter for the base, or for one whose configuration is changed."""
    model = get_peft_model(tiny_model("llama", **changes), LoraConfig(r=2, target_modules=["q_proj"]))
    model.save_pretrained(directory)
    file = directory / "adapter_model.safetensors"
    save_file({name: torch.ones_like(tensor) for name, tensor in load_file(file).items()}, file)
    return directory


def small_items() -> list[dict[str, Any]]:
    """12 entities × 2 templates of a knowledge family with 3 answers, and as many reasoning items with 2."""
    items = []
    for number, letter in enumerate(LETTERS):
        other = LETTERS[(number + 1) % len(LETTERS)]
        for template, frame in (("plain", "the {} is"), ("of", "of {} the is")):
            start = frame.index("{")
            items.append(
                {
                    "id": f"k:{letter}:{template}", "kind": "knowledge", "family": "letters", "prompt": frame.format(letter),
                    "answer": f" {number % 3}", "foil_prompt": frame.format(other), "foil": f" {(number + 1) % 3}",
                    "cluster": letter, "template": template, "spans": {"subject": [start, start + 1]},
                    "foil_spans": {"subject": [start, start + 1]}, "choices": [" 0", " 1", " 2"],
                }
            )  # fmt: skip
            first, second = number % 5, (number * 7) % 5
            swapped = (first + 1) % 5
            spell = "{} + {} =" if template == "plain" else "the {} + {} ="
            at = spell.index("{")
            items.append(
                {
                    "id": f"r:{number}:{template}", "kind": "reasoning", "family": "parity",
                    "prompt": spell.format(first, second), "answer": f" {(first + second) % 2}",
                    "foil_prompt": spell.format(swapped, second), "foil": f" {(swapped + second) % 2}",
                    "cluster": f"{first}+{second}", "template": template, "spans": {"operand": [at, at + 1]},
                    "foil_spans": {"operand": [at, at + 1]},
                }
            )  # fmt: skip
    return [item for item in items if item["answer"] != item["foil"]]


def write_items(file: Path, items: list[dict[str, Any]] | None = None) -> Path:
    lines = [json.dumps(item) for item in (small_items() if items is None else items)]
    file.write_text("\n".join(lines) + "\n")
    return file
