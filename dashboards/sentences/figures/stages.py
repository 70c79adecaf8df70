"""Words in stage maps, and where several runs' places and profiles lie on one axis."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from strata.dashboards.number_formats import interval, number
from strata.dashboards.sentences.figures.layers import NOT_COUNTED
from strata.dashboards.sentences.places import blocks_words, cell_label, ends_words, one_or_span
from strata.experiments.results.kinds import Located
from strata.experiments.results.record import Measured

NOTE = "One colour scale for all panels; its steps are square roots."
HINT = "Point at a block for its numbers; drag over blocks, or choose one, to rank the items below by what they gain there."
WHOLE_ROW = "whole row"
"""Above the numbers behind the rows of a panel."""
IN_ANY_MODEL = "in any model"
"""Beside the effect of the row that is 1 by construction."""
SCALE = "effect gained at a block (1: the whole answer), one scale"
EFFECT_AT_A_BLOCK = "effect gained at a block"
SCALE_WITH_CHANGE = "effect gained at a block (1: the whole answer), and its change, one scale"
HEAD = ("panel", "part of the model", "block", "depth", "effect gained", "effect of the whole row")
Mark = Literal[
    "thick", "thin", "makes", "in-part", "prepares", "relays", "open", "ends", "handover", "against", "pale",
    "changed", "less", "unchanged", "crossed", "hatched",
]  # fmt: skip
MARKS: Mapping[Mark, str] = {
    "thick": "thick box: where the kind's answers are made",
    "thin": "thin box: where those of a family, or of several, are",
    "makes": "solid box: made here",
    "in-part": "dash-dot box: made in part",
    "prepares": "dashed box: prepares",
    "relays": "dotted box: relays",
    "open": "thin solid box: acts, but what it brings can't be tested",
    "ends": "├──┤ 95 % interval of its ends",
    "handover": "▼ ▼ handover: there what counts goes over to the last token",
    "against": "−: the answer is lost there",
    "pale": "faded row: its effect doesn't count",
    "changed": "box in Change: a block that changed",
    "less": "− in Change: less than before",
    "unchanged": "faded row in Change: no change is shown",
    "crossed": "crossed: token identity, not counted",
    "hatched": "hatched: not measured",
}
"""What each mark of a map means, as it stands beneath the map."""
NOT_MEASURED, NOT_ASKED, UNDETERMINED = "not measured", "not asked", "undetermined"
NO_INTERVAL, NO_BLOCKS = "no interval", "no blocks"
NO_MAP = "no stage map"
EFFECT_GAINED = "effect gained"
PROFILE_HOVER = ("%{text}, depth %{x:.2f}", "gained here %{y:.2f}")


def map_title(name: str) -> str:
    """Of the map of a run."""
    return f"Stage map: {name}"


def maps_title(name: str) -> str:
    """Of the maps of several models."""
    return f"Stage maps: {name}"


def model_panel(name: str, model: str) -> str:
    """Above a panel: a kind or family, and whose."""
    return f"{name}: {model}"


def measured_words(measured: Measured | None) -> str:
    """`0.81 [0.64, 0.95]`, or that it wasn't measured."""
    if measured is None:
        return NOT_MEASURED
    ends = "" if measured.interval is None else f" {interval(*measured.interval)}"
    return f"{number(measured.value)}{ends}"


def gained_words(gain: float, whole: Measured, *, identity: bool) -> str:
    """At a block; `identity`: there the token itself is replaced."""
    if identity:
        return f"{number(gain)}: {NOT_COUNTED}"
    return f"gained here {number(gain)}, whole row {measured_words(whole)}"


def handover_words(first: int, last: int) -> str:
    """Beside the bar between span and last token."""
    return f"handover {one_or_span(first, last)}"


def place_of_run(place: Located, n_layers: int) -> str:
    """At a bar: in which cell, which blocks of how many."""
    where = blocks_words(place.first, place.last, place.extent)
    return f"{cell_label(place.cell)} ({place.cell}), {where} {ends_words(place.interval)} of {n_layers}"
