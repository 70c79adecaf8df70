"""A tiny local checkpoint with a word-level tokenizer, and an item file it can be asked: nothing is fetched."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tiny_models import tiny_model, tiny_tokenizer

LETTERS = "abcdefghijkl"


def save_checkpoint(directory: Path, *, seed: int = 0) -> Path:
    """A Llama of 3 blocks in Hugging Face's format."""
    tiny_model("llama", seed=seed).save_pretrained(directory)
    tiny_tokenizer().save_pretrained(directory)
    return directory


def small_items() -> list[dict[str, Any]]:
    """12 entities × 2 wordings of a knowledge family with 3 answers, and as many reasoning items with 2."""
    found = []
    for number, letter in enumerate(LETTERS):
        other = LETTERS[(number + 1) % len(LETTERS)]
        for template, frame in (("plain", "the {} is"), ("of", "of {} the is")):
            start = frame.index("{")
            found.append(
                {
                    "id": f"k:{letter}:{template}", "kind": "knowledge", "family": "letters", "prompt": frame.format(letter),
                    "answer": f" {number % 3}", "foil_prompt": frame.format(other), "foil": f" {(number + 1) % 3}",
                    "cluster": letter, "template": template, "spans": {"subject": [start, start + 1]},
                    "foil_spans": {"subject": [start, start + 1]}, "choices": [" 0", " 1", " 2"],
                }
            )  # fmt: skip
            one, two = number % 5, (number * 7) % 5
            swapped = (one + 1) % 5
            spell = "{} + {} =" if template == "plain" else "the {} + {} ="
            at = spell.index("{")
            found.append(
                {
                    "id": f"r:{number}:{template}", "kind": "reasoning", "family": "parity",
                    "prompt": spell.format(one, two), "answer": f" {(one + two) % 2}",
                    "foil_prompt": spell.format(swapped, two), "foil": f" {(swapped + two) % 2}",
                    "cluster": f"{one}+{two}", "template": template, "spans": {"operand": [at, at + 1]},
                    "foil_spans": {"operand": [at, at + 1]},
                }
            )  # fmt: skip
    return [item for item in found if item["answer"] != item["foil"]]


def write_items(file: Path, items: list[dict[str, Any]] | None = None) -> Path:
    lines = [json.dumps(item) for item in (small_items() if items is None else items)]
    file.write_text("\n".join(lines) + "\n")
    return file
