"""Questions whose label is told by a word, by their length, or by nothing."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

WORDS = tuple("abcdefghij")
Row = Mapping[str, str | float | bool]


def by_word(reasoning: bool, rng: np.random.Generator) -> str:
    return " ".join([*rng.choice(WORDS, size=int(rng.integers(5, 30))), "k" if reasoning else "m"])


def by_length(reasoning: bool, rng: np.random.Generator) -> str:
    return " ".join(rng.choice(WORDS, size=int(rng.integers(20, 40) if reasoning else rng.integers(5, 25))))


def by_nothing(_reasoning: bool, rng: np.random.Generator) -> str:
    return by_word(bool(rng.random() < 0.5), rng)


def made_rows(
    text: Callable[[bool, np.random.Generator], str], n: int, *, labels: int | None = None, seed: int = 0
) -> list[Row]:
    """`n` questions, 60 % of them reasoning, the first `labels` (default: all) with their label; answered at .4, others at .8."""
    rng = np.random.default_rng(seed)
    rows: list[Row] = []
    for number in range(n):
        reasoning = bool(rng.random() < 0.6)
        row: dict[str, str | float | bool] = {
            "id": f"q{number}", "question": text(reasoning, rng), "correct": bool(rng.random() < (0.4 if reasoning else 0.8)),
        }  # fmt: skip
        if labels is None or number < labels:
            row["label"] = "Reasoning" if reasoning else "Understanding"
        rows.append(row)
    return rows


def write_rows(path: Path, rows: list[Row]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path
