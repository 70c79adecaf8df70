"""What the form of the prompts alone gives away; shown beside everything that could be read off it."""

from __future__ import annotations

from strata.experiments.items.format_check import built_in_contrasts, contrasts_from_format, kind_from_format
from strata.experiments.items.format_classifier import FormatResult
from strata.experiments.questions import Questions
from strata.experiments.results.family_names import with_kind
from strata.experiments.results.format_check import FormCheck, FormContrast
from strata.probes.checkpoints.checkpoint import Checkpoint


def form_of(questions: Questions, checkpoint: Checkpoint, *, seed: int, per_family: int) -> FormCheck:
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
            if any(kind == "control" and family in controls for kind, family in contrast.families)
        )
    contrasts = [
        _named(f"{contrast.contrast} ({', '.join(with_kind(*one) for one in contrast.families)})", contrast.result)
        for contrast in contrast_formats
    ]
    kinds = kind_from_format(questions.items, checkpoint, seed=seed)
    whole = [_named("knowledge against reasoning, whole sets", kinds)] if kinds else []
    return FormCheck(contrasts=(*contrasts, *whole))


def _named(name: str, result: FormatResult) -> FormContrast:
    return FormContrast(
        name=name, accuracy=result.accuracy, low=result.low, high=result.high, chance=result.chance, n=result.n,
        n_clusters=result.n_clusters, contains_chance=result.contains_chance,
    )  # fmt: skip
