"""Which measures do the interventions have, in which order, and what are they called?"""

from __future__ import annotations

from collections.abc import Iterable

from strata.dashboards.sentences.instruments import INTERVENTIONS
from strata.dashboards.sentences.intervention_measures import (
    ADVANTAGE_LOST,
    DAMAGE_UNIT,
    METHODS,
    NOTHING,
    NOTHING_LOST,
    ONE_IS,
    PATCHING,
    ablation_label,
    damage_label,
)
from strata.dashboards.view.schema_causal import CausalMeasure
from strata.dashboards.view.schema_parts import InstrumentLabel, Line

CAUSAL = tuple(INTERVENTIONS)
CAUSAL_INSTRUMENTS: dict[str, InstrumentLabel] = {
    name: InstrumentLabel(label=words.label, says=words.says, not_run=words.not_run)
    for name, words in INTERVENTIONS.items()
}


def measure_meta(instrument: str, measure: str) -> CausalMeasure:
    """Label, unit and guide lines of one measure; an unknown one keeps its own name."""
    if instrument == "patching" and measure in PATCHING:
        words = PATCHING[measure]
        return CausalMeasure(
            label=words.label, unit=words.unit, short=words.short, one=words.one,
            lines=(Line(value=0, text=words.zero), *([Line(value=1, text=words.full)] if words.full else [])),
        )  # fmt: skip
    zero = NOTHING
    match instrument:
        case "ablation":
            label, unit, zero = ablation_label(measure), ADVANTAGE_LOST, NOTHING_LOST
        case "damage":
            label, unit = damage_label(measure), DAMAGE_UNIT
        case _:
            label, unit = measure, ""
    return CausalMeasure(label=label, unit=unit, lines=(Line(value=0, text=zero),), one=ONE_IS)


def order_measures(instrument: str, measures: Iterable[str]) -> list[str]:
    """The measures in the order of the page's lists."""
    known = list(METHODS if instrument == "ablation" else PATCHING)

    def place(measure: str) -> tuple[int, str]:
        return known.index(measure) if measure in known else len(known), measure

    return sorted(set(measures), key=place)
