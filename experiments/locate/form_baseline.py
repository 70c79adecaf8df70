"""What the form of the prompts alone gives away; shown beside everything that could be read off it."""

from __future__ import annotations

from typing import Any

from strata.experiments.items.format_check import built_in_contrasts, contrasts_from_format, kind_from_format
from strata.experiments.items.format_classifier import FormatResult
from strata.experiments.locate.item_selection import Questions
from strata.probes.checkpoints.checkpoint import Checkpoint


def form_of(questions: Questions, checkpoint: Checkpoint, *, seed: int, per_family: int) -> dict[str, Any]:
    """`format_check.json`: the format-only classifier on every matched contrast and on kinds as a whole.

    Built-in controls are checked together with partners made for them, which are not among the items asked.
    """
    contrast_formats = contrasts_from_format(questions.encoded, checkpoint, seed=seed)
    controls = {item.family for item in questions.items if item.kind == "control" and item.source == "built-in"}
    if controls:
        made = built_in_contrasts(checkpoint, seed=seed, per_family=per_family, max_context=checkpoint.max_context)
        contrast_formats += tuple(
            contrast
            for contrast in made
            if any(name.removeprefix("control ") in controls for name in contrast.families)
        )
    contrasts = [
        {"name": f"{contrast.contrast} ({', '.join(contrast.families)})", **_numbers(contrast.result)}
        for contrast in contrast_formats
    ]
    kinds = kind_from_format(questions.items, checkpoint, seed=seed)
    whole = [{"name": "knowledge against reasoning, whole sets", **_numbers(kinds)}] if kinds else []
    return {"contrasts": contrasts + whole}


def _numbers(result: FormatResult) -> dict[str, Any]:
    names = ("accuracy", "low", "high", "chance", "n", "n_clusters", "contains_chance")
    return {name: getattr(result, name) for name in names}
