"""What the form of the prompts alone gives away; shown beside everything that could be read off it."""

from __future__ import annotations

from typing import Any

from experiments.items.format_check import contrasts_from_format, kind_from_format
from experiments.items.format_classifier import FormatResult
from experiments.locate.questions import Questions
from probes.checkpoints.checkpoint import Checkpoint


def form_of(questions: Questions, checkpoint: Checkpoint, *, seed: int) -> dict[str, Any]:
    """`format_check.json`: the format-only classifier on every matched contrast and on kinds as a whole."""
    contrasts = [
        {"name": f"{one.contrast} ({', '.join(one.families)})", **_numbers(one.result)}
        for one in contrasts_from_format(questions.encoded, checkpoint, seed=seed)
    ]
    kinds = kind_from_format(questions.items, checkpoint, seed=seed)
    whole = [{"name": "knowledge against reasoning, whole sets", **_numbers(kinds)}] if kinds else []
    return {"contrasts": contrasts + whole}


def _numbers(result: FormatResult) -> dict[str, Any]:
    names = ("accuracy", "low", "high", "chance", "n", "n_clusters", "contains_chance")
    return {name: getattr(result, name) for name in names}
