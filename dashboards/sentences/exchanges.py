"""What is said of blocks and contributions that are exchanged between models?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from strata.dashboards.sentences.layer_lines import Line, spoken
from strata.dashboards.sentences.places import cell_label
from strata.experiments.results.answer_measures import BY_LIKELIHOOD, GENERATED, LOGIT_DIFFERENCE
from strata.probes.interventions.cells import Cell

SOURCES = {"distilled": "distilled", "control": "control", "random": "random change of the same size"}
PATCH_SOURCES = {**SOURCES, "random": "as far, in a random direction"}
SWEEPS = {
    "prefix": "Blocks 0 to this one",
    "suffix": "This block to the last",
    "single": "This block alone",
}
WHOLE = {
    "nothing": "nothing exchanged",
    "everything": "everything exchanged",
    "embedding": "embedding alone",
    "final_norm": "final norm alone",
    "unembedding": "unembedding alone",
}


@dataclass(frozen=True)
class Score:
    """What exchanges are scored by, in words."""

    label: str
    unit: str


SCORES: Mapping[str, Score] = {
    # Layer swaps are scored on the logit difference alone: their accuracy is its sign.
    "logit_difference": Score(LOGIT_DIFFERENCE.label, LOGIT_DIFFERENCE.unit),
    "accuracy": Score(BY_LIKELIHOOD.label, BY_LIKELIHOOD.unit),
    "generated": Score(f"{GENERATED}, share right", "share of problems"),
}
NO_SWAPS = "No layer swaps were made (--swap-pairs 0)."
NO_PATCHES = "No contribution was exchanged (--swap-pairs 0)."
RECOVERY = "recovery"
_SHORT = {"mlp_out": "MLP", "attn_out": "attention", "block_out": "whole block"}


class Exchanged(Line, Protocol):
    """A line of an exchange between two models."""

    @property
    def kind(self) -> str:
        """Kind of the questions."""

    @property
    def contrast(self) -> str:
        """With which model the base exchanges."""


def swap_aria(line: Exchanged, sweep: str, score: str) -> str:
    """A line of layer swaps as a sentence; `sweep`: one of `SWEEPS`, `score`: what it is scored by, in words."""
    return spoken(f"{line.kind}, {line.contrast}, {SWEEPS[sweep].lower()}, {score}", line)


def patch_aria(line: Exchanged, component: str, position: str) -> str:
    """A line of cross-model patches as a sentence; `component` in words."""
    return spoken(f"{line.kind}, {line.contrast}, {component} at {position}", line)


def part_label(component: str, position: str, cell: Cell | None) -> str:
    """`MLP at the last token (compute)`, or part and position where no cell is there."""
    if cell is not None:
        return f"{cell_label(cell)} ({cell})"
    return f"{_SHORT[component]}{', everywhere' if position == 'all' else f' at {position}'}"
