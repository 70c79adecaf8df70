"""How are the contrasts of two instructions told, and where the excess is there, and what takes it away?"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple, Protocol

from strata.dashboards.number_formats import stream_range
from strata.dashboards.sentences.dominant_dimensions import Apart, Dominated, dimensions_told, dominance_words
from strata.dashboards.sentences.layer_lines import in_streams, spoken
from strata.dashboards.visible_text import visible
from strata.experiments.compare.excess_explained import ExcessLeft
from strata.experiments.results.roles import Role

NAMES = {
    "fast_slow": "fast – slow",
    "fast_other": "fast – in French",
    "fast_fast": "fast – fast reworded",
    "slow_slow": "slow – slow reworded",
    "excess": "excess: (fast – in French) − (fast – slow)",
}
NOT_ASKED = "The questions were not asked behind instructions (--contrast-items 0, which --quick sets)."


class InstructionContrast(Dominated, Protocol):
    """The line of a contrast in one model."""

    @property
    def model(self) -> Role:
        """Whose streams."""

    @property
    def kind(self) -> str:
        """Kind of the questions."""

    @property
    def contrast(self) -> str:
        """One of `NAMES`."""

    @property
    def dimensions(self) -> Literal["all", "trimmed"]:
        """All dimensions, or without the dominant ones."""

    @property
    def site(self) -> Literal["stream", "attention"]:
        """Streams, or what attention adds in each block."""


class Onset(NamedTuple):
    """From where on the excess stays above 0 for three streams (or blocks) in a row."""

    at: int | None
    """None: nowhere."""
    low: int | None
    """Of its interval; None: it isn't found often enough for one."""
    high: int | None
    """None: past the last one."""


def contrast_aria(line: InstructionContrast) -> str:
    """The line of a contrast as a sentence."""
    less = ", without dominant dimensions" if line.dimensions == "trimmed" else ""
    site = ", what attention adds" if line.site == "attention" else ""
    return spoken(f"{line.model}, {line.kind}, {NAMES[line.contrast]}{less}{site}", line)


def carried_sentence(line: InstructionContrast, apart: Apart) -> str:
    """A contrast that says something else without its dominant dimensions, at the streams of `apart`."""
    about = f"{line.model.capitalize()}, {line.kind}, {NAMES[line.contrast]}"
    return f"{about}: {dimensions_told(line, apart)}."


def excess_sentence(line: InstructionContrast, left: ExcessLeft, onset: Onset | None) -> str:
    """From where on there is an excess, at which streams, and whether one dimension or one family is all there is to it."""
    about = dominance_words(line)
    if not left.there:
        where = "stream by stream, the interval of the excess holds 0 wherever there is one"
    else:
        where = f"stream by stream, the interval of the excess leaves 0 out at {in_streams(left.there)}"
        about += _without_dominant(left.gone_trimmed)
        for family, gone in left.gone_without.items():
            about += f"; without {visible(family)} it is gone at {in_streams(gone)}" if gone else ""
    rises = "" if onset is None else f" {_rises(onset, 'stream')}"
    return f"{line.model.capitalize()}, {line.kind} ({line.n_items} items): {where}; {about}.{rises}"


def attention_sentence(line: InstructionContrast, onset: Onset | None) -> str:
    """The same of what attention adds."""
    told = "Fewer than eight clusters: from where on isn't judged." if onset is None else _rises(onset, "block")
    return f"{line.model.capitalize()}, {line.kind} ({line.n_items} items), what attention adds: {told[0].lower()}{told[1:]}"


def _rises(onset: Onset, unit: Literal["stream", "block"]) -> str:
    if onset.at is None:
        return f"From no {unit} on does asking for reasoning change more than asking for another next token."
    band = "" if onset.low is None else f" [{stream_range(onset.low, onset.high)}]"
    return f"From {unit} {onset.at}{band} on asking for reasoning changes more than asking for another next token."


def _without_dominant(gone: Sequence[int] | None) -> str:
    if gone is None:
        return ""
    return (
        f"; without what is dominant it is gone at {in_streams(gone)}"
        if gone
        else "; without what is dominant it stays"
    )


def other_depth(blocks: int, base: int) -> str:
    """Why a model with other blocks than the base has no line, as a clause."""
    return f"it has {blocks} blocks, the base {base}: its numbers are in contrasts.parquet"


def no_contrasts(reasons: Iterable[tuple[str, str, str]]) -> str:
    """Why no contrast is drawn: `reasons` by model and kind (which may be empty), or that none was asked for."""
    told = dict.fromkeys(f"{f'{model} {kind}'.strip()}: {why}" for model, kind, why in reasons)
    return f"{'; '.join(told)}." if told else NOT_ASKED
