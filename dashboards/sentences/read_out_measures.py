"""What are the measures of probes and lenses called, in which unit, and what do their baselines and guide lines say?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from strata.dashboards.sentences.instruments import instrument_label
from strata.dashboards.sentences.layer_lines import Line, spoken


@dataclass(frozen=True)
class MeasureWords:
    """A measure in words."""

    label: str
    unit: str
    line: str = ""
    """What its guide line stands for."""


MEASURES: Mapping[str, MeasureWords] = {
    "accuracy": MeasureWords("Held-out accuracy", "share of held-out items"),
    "selectivity": MeasureWords("Selectivity", "accuracy − control-task accuracy", "0: no better than random labels"),
    "log_loss": MeasureWords("Held-out log-loss", "nats an item"),
    "compression": MeasureWords("Compression", "uniform code length ÷ online code length", "1: no compression"),
    "answer_logprob": MeasureWords("Answer log-probability", "nats"),
    "logit_difference": MeasureWords("Logit difference", "logit of answer − logit of foil", "0: answer and foil alike"),
    "rank": MeasureWords("Rank of the answer", "0 = most probable of the whole vocabulary; log scale"),
    "top1": MeasureWords("Answer is top-1", "share of items"),
    "above_null": MeasureWords(
        "Above an unrelated answer", "share of items", "0.5: as often as in another item's prompt"
    ),
    "entropy": MeasureWords("Entropy", "nats"),
}
BASELINES: Mapping[str, str] = {
    "chance": "chance (commonest label)",
    "shuffled": "shuffled labels",
    "control_accuracy": "control task",
    "embedding_only": "embedding only",
    "random_init": "random weights",
    "null_logprob": "unrelated answer",
}


def measure_label(name: str) -> str:
    """The words for a measure or a baseline; an unknown one keeps its own name."""
    return MEASURES[name].label if name in MEASURES else BASELINES.get(name, name.replace("_", " "))


def curve_aria(instrument: str, measure: str, group: str, line: Line) -> str:
    """A curve as a sentence; `group`: the family or kind whose it is."""
    name = measure_label(measure) if measure in MEASURES else f"baseline {measure_label(measure)}"
    return spoken(f"{instrument_label(instrument)}, {name}, {group}", line)
