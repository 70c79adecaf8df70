"""Why is something of a comparison not measured or not claimed? A code and its numbers as a clause that stands behind a colon."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import assert_never

from strata.dashboards.number_formats import count
from strata.dashboards.sentences.item_exclusions import exclusion_words
from strata.dashboards.visible_text import path_free
from strata.experiments.generated_answers.problems import ABOUT, SPLITS
from strata.experiments.results.comparison_reasons import (
    ExcludedPart,
    Part,
    WhyNoHalf,
    WhyNotCompared,
    WhyNotMoved,
    WhyNoValue,
)

PARTS: Mapping[Part, str] = {
    "pair-check": "pair check",
    "weights": "change of the weights",
    "all-weights": "change of all weights",
    "answers": "change of the answers",
    "layers": "layer by layer change",
    "places": "change of cells and places",
    "streams": "similarity of streams and probe transfer",
    "exchange": "layer swaps and cross-model patching",
    "layer-swaps": "layer swaps",
    "cross-model-patching": "cross-model patching",
    "random-layer-swaps": "layer swaps of a random change",
    "generated-answers": "generated answers",
    "generated-layer-swaps": "layer swaps by generated answers",
    "behaviour": "behaviour",
    "steering": "steering",
}
"""What the parts of a comparison are called."""
ALL = "all"
"""Stands for all splits of the problems together."""


def exclusion_sentence(excluded: ExcludedPart) -> str:
    """One part that could not be made of one model, and why."""
    return f"Not comparable ({excluded.model}): {PARTS[excluded.part]}: {why_not_compared(excluded.why).rstrip('.')}."


def models_excluded(excluded: Iterable[ExcludedPart]) -> str:
    """Every model that has no share in a part, and why; each reason once."""
    told = dict.fromkeys(f"{entry.model}: {path_free(why_not_compared(entry.why))}" for entry in excluded)
    return f"{'; '.join(told)}."


def why_not_compared(why: WhyNotCompared) -> str:
    """Why a part of a comparison could not be made of a model, as a clause."""
    match why.code:
        case "other-items":
            return "its tokenizer makes other items of the same questions"
        case "other-tokens":
            return "its tokenizer cuts the questions into other tokens"
        case "other-depth":
            return f"it has {why.here} blocks, the base {why.base}"
        case "other-width":
            return f"its streams have {why.here} dimensions, the base's {why.base}"
        case "needs-both":
            return (
                "it runs blocks of both models in one pass, and --one-at-a-time holds one model only: start again without it, or "
                "with --device-map auto instead"
            )
        case "nothing-answered":
            return "no aligned item is answered by any of the models"
        case "tensors-apart":
            return f"{why.apart} of {why.of} tensors are missing in one of the two or have another shape"
        case "hardly-answers":
            counts = why.no_answer or {}
            counted = ", ".join(f"{number} × {reason}" for reason, number in counts.items())
            return (
                f"{split_words(why.split or '')}: {sum(counts.values())} of {why.texts} texts hold no answer ({counted}); "
                "more room (--generated-tokens) or another framing may help"
            )
        case "refused":
            return f"into the {why.into}: {why.said}" if why.into is not None else str(why.said)
        case _:
            assert_never(why.code)


def split_words(split: str) -> str:
    """Which problems a split holds, or all of them together."""
    if split == ALL:
        return "all problems"
    return next((ABOUT[known] for known in SPLITS if known == split), split)


def why_not_moved(why: WhyNotMoved) -> str:
    """Why it stays open whether a kind moved to another depth, as a clause."""
    match why.code:
        case "not-comparable":
            return "not comparable"
        case "no-interventions":
            return "no intervention was made"
        case "no-shared-family":
            return "no family is placed in both models"
        case "not-located":
            return f"not located in {' and '.join(why.models)}"
        case "interval-open":
            return f"the interval of the change neither leaves out 0 nor lies within ±{why.bound:g} of it"
        case _:
            assert_never(why.code)


def why_no_half(why: WhyNoHalf) -> str:
    """Why no half of the blocks is said to bring a change, as a clause."""
    match why.code:
        case "not-located":
            return "the model's own answers are not located"
        case "too-few-clusters":
            return f"{why.clusters} clusters are too few for an interval"
        case "no-difference":
            return "the two models do not differ enough on these items for a part to be named"
        case "off-the-middle":
            return (
                f"no layer swap ends near the middle of the {why.blocks} blocks, the nearest before block {why.nearest}"
            )
        case _:
            assert_never(why.code)


def why_no_value(why: WhyNoValue) -> str:
    """Why a row of a table has no value, as a clause."""
    match why.code:
        case "no-model-of-its-own":
            return "the donor has no model of its own"
        case "too-few-clusters":
            return f"{why.clusters} clusters are too few to tell whether the two models differ"
        case "may-not-differ":
            return f"the two models differ by {why.value:.3g} [{why.low:.3g}, {why.high:.3g}], which may be none"
        case "hardly-differ":
            return f"the two models differ by {abs(why.value or 0.0):.3g}, less than {why.least:g}"
        case "hardly-differ-anywhere":
            return f"the models differ by {why.least:g} logits or more on none of {why.items} items"
        case "items-excluded":
            return f"{_items(why)} excluded: {exclusion_words(why.said or '')}"
        case "question-cut-otherwise":
            whose = "its question has" if why.items == 1 else "their questions have"
            return f"{_items(why)} excluded: {whose} other tokens behind another instruction"
        case "too-few-items":
            return f"{_items(why)} can be asked behind every instruction, and {why.needed} are needed"
        case "same-state":
            return "every item has the same state in one of the two sets"
        case "flat-profile":
            return "a profile is the same at every layer"
        case "refused":
            return str(why.said)
        case _:
            assert_never(why.code)


def _items(why: WhyNoValue) -> str:
    return count(why.items or 0, "item")
