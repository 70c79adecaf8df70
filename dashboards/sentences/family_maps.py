"""What is said of a map of families over layers: its title, what a cell is, when it is dimmed, and the map as a sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from strata.dashboards.number_formats import number
from strata.dashboards.sentences.instruments import instrument_label
from strata.dashboards.sentences.intervention_measures import ADVANTAGE_LOST, COMPONENTS, METHODS
from strata.dashboards.sentences.layer_lines import runs_text


@dataclass(frozen=True)
class MapWords:
    """A map in words."""

    title: str
    unit: str
    """What a colour means."""
    caption: str
    """One line: what a cell is and when it is dimmed."""
    ends: tuple[str, str]
    """Words at the low and the high end of the colour bar."""


READ_OUT_MAPS: Mapping[str, MapWords] = {
    "accuracy": MapWords(
        "accuracy above baseline",
        "held-out accuracy − largest of commonest label, shuffled labels and control task",
        "A cell is the probe's held-out accuracy minus the largest of the commonest label's rate, that of shuffled labels and control accuracy; "
        "dimmed where the accuracy's 95 % interval reaches down to that baseline.",
        ("below baseline", "above baseline"),
    ),
    "selectivity": MapWords(
        "selectivity",
        "accuracy − control-task accuracy",
        "A cell is accuracy minus control-task accuracy; dimmed where its 95 % interval covers 0.",
        ("control task better", "task better"),
    ),
    "above_null": MapWords(
        "share above an unrelated answer",
        "share of items, minus one half",
        "A cell is the share of items whose answer stands further above an unrelated answer than in another item's prompt, minus one half; "
        "dimmed where its 95 % interval covers one half.",
        ("further above in the other prompt", "further above in its own"),
    ),
    "answer_logprob": MapWords(
        "log-probability above an unrelated answer",
        "nats above an unrelated answer",
        "A cell is the answer's mean log-probability minus that of an unrelated answer of the same family; "
        "dimmed where the answer's 95 % interval covers it.",
        ("unrelated answer higher", "answer higher"),
    ),
    "logit_difference": MapWords(
        "logit difference",
        "logit of answer − logit of foil",
        "A cell is the mean logit difference between answer and foil; dimmed where its 95 % interval covers 0.",
        ("foil higher", "answer higher"),
    ),
}
"""By measure; the title stands behind the name of the instrument."""
_PATCHING_UNITS: Mapping[str, str] = {
    "gained": "effect gained at a block (1: the whole answer)",
    "effect": "effect of single blocks (1: all the way)",
    "denoise": "denoise effect (1: fully restored)",
}
NO_PAIR = "no usable pair"


def read_out_title(instrument: str, words: MapWords) -> str:
    """Of a map of what is read."""
    return f"{instrument_label(instrument)}: {words.title}"


def patching_map(measure: str, label: str, component: str, *, at_last: bool) -> MapWords:
    """A map of activation patching; `label`: what the measure is called."""
    where = "at the last position" if at_last else "at its spans"
    return MapWords(
        f"Activation patching of the {COMPONENTS[component]} {where}: {label.lower()}", _PATCHING_UNITS[measure],
        _caption(measure, component, apart=not at_last), ("away from the answer", "towards the answer"),
    )  # fmt: skip


def ablation_map(method: str, component: str) -> MapWords:
    """A map of ablations."""
    return MapWords(
        f"Ablation of the {COMPONENTS[component]} by {METHODS[method]}", ADVANTAGE_LOST,
        _caption(method, component, apart=True), ("answer gains", "answer loses"),
    )  # fmt: skip


def _caption(measure: str, component: str, *, apart: bool) -> str:
    return (
        f"A cell is the mean over a family's pairs {_edited(measure, COMPONENTS[component])}; "
        "dimmed where its 95 % interval covers 0 or no interval could be computed (fewer than 8 clusters)."
        + (" ✖: block 0 at a replaced token is token identity, not counted." if apart else "")
    )


def _edited(measure: str, component: str) -> str:
    if measure == "gained":
        return f"of what is gained when the {component} of that block joins a window of edited blocks, grown from below and from above"
    return f"when the {component} of that block alone is edited"


def row_label(name: str, n: int, position: str | None = None) -> str:
    """`addition · n 24`: what stands beside a row."""
    return f"{row_name(name, position)} · n {n}"


def row_name(name: str, position: str | None = None) -> str:
    """`addition`, or with the position where a family has a row for each."""
    return name if position is None else f"{name} · {position}"


def no_curve(n: int) -> str:
    """Beside a row without a value."""
    return f"no curve for {n} items"


def unanswered_note(decided: tuple[str, float | None, float | None] | None) -> str:
    """Why a family's row counts for nothing: what decided, its accuracy, and the chance it was held against."""
    if decided is None:
        return "not asked"
    label, accuracy, chance = decided
    against = "" if chance is None else f", chance {number(chance)}"
    return f"not answered: {label} {number(accuracy)}{against}"


@dataclass(frozen=True)
class LitRow:
    """A family of a map, and the layers whose cells are above and not dimmed."""

    name: str
    kind: str
    n: int
    layers: Sequence[int]


def map_aria(title: str, axis: str, rows: Sequence[LitRow], *, baseline: bool) -> str:
    """The map as a sentence; `baseline`: above a baseline, else above 0."""
    above = "above baseline" if baseline else "above 0"
    parts = []
    for row in rows:
        where = f"{axis}s {runs_text(row.layers)}" if row.layers else "no layer"
        parts.append(f"{row.name} ({row.kind}, {row.n} items) {above} at {where}")
    return f"{title}. " + "; ".join(parts) + "."
