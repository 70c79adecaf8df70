"""Which measures do the interventions have, in which order, and which curve is a control of which?"""

from __future__ import annotations

import re
from collections.abc import Iterable

from strata.dashboards.sentences.instruments import INTERVENTIONS
from strata.dashboards.sentences.intervention_measures import (
    ABLATION,
    ADVANTAGE_LOST,
    DAMAGE_UNIT,
    NOTHING,
    ONE_IS,
    PATCHING,
    ablation_label,
    across,
    damage_label,
    knockout_label,
)
from strata.dashboards.view.schema_causal import CausalMeasure
from strata.dashboards.view.schema_parts import InstrumentLabel, Line

CAUSAL = ("patching", "ablation", "knockout", "attribution", "damage")
CONTROLS = ("random_donor", "norm_matched_noise", "wrong_position")
CAUSAL_INSTRUMENTS: dict[str, InstrumentLabel] = {
    name: InstrumentLabel(label=words.label, says=words.says, not_run=words.not_run)
    for name, words in INTERVENTIONS.items()
}
_CONTROLS_OF = {"denoise": CONTROLS}
_WINDOW = re.compile(r"\.?window(\d+)$")


def split_window(measure: str) -> tuple[str, int]:
    """`denoise.window3` is (`denoise`, 3), `window5` is (``, 5), `denoise` is (`denoise`, 1)."""
    match = _WINDOW.search(measure)
    return (measure[: match.start()], int(match.group(1))) if match else (measure, 1)


def is_control(measure: str) -> bool:
    """Whether a patching measure is a control curve."""
    return split_window(measure)[0] in CONTROLS


def measure_meta(instrument: str, measure: str) -> CausalMeasure:
    """Label, unit, controls and guide lines of one measure; an unknown one keeps its own name."""
    base, window = split_window(measure)
    suffix = f".window{window}" if window > 1 and base else ""
    if instrument in ("patching", "attribution") and base in PATCHING:
        words = PATCHING[base]
        return CausalMeasure(
            label=words.label + across(window), unit=words.unit, short=words.short, one=words.one, window=window,
            lines=(Line(value=0, text=words.zero), *([Line(value=1, text=words.full)] if words.full else [])),
            references=tuple(f"{name}{suffix}" for name in _CONTROLS_OF.get(base, ())),
        )  # fmt: skip
    method, zero = "", NOTHING
    match instrument:
        case "ablation":
            prefix = next((p for p in ABLATION if p and base.startswith(p)), "")
            name, ablated = base[len(prefix) :], ABLATION[prefix]
            label, unit, zero = ablation_label(name, ablated, window), ablated.unit, ablated.zero
            method = f"{name}{suffix}"
        case "knockout":
            label, unit = knockout_label(window), ADVANTAGE_LOST
        case "damage":
            label, unit = damage_label(base, window), DAMAGE_UNIT
        case _:
            label, unit = measure, ""
    return CausalMeasure(
        label=label, unit=unit, method=method, lines=(Line(value=0, text=zero),), one=ONE_IS, window=window
    )


def order_measures(instrument: str, measures: Iterable[str]) -> list[str]:
    """The measures in the order of the page's lists: single blocks before windows, effects before controls."""
    if instrument == "ablation":
        bases = [p + m for p in ABLATION for m in ("mean", "resample", "zero")]
    else:
        bases = list(PATCHING)

    def place(measure: str) -> tuple[int, int, str]:
        base, window = split_window(measure)
        return window, bases.index(base) if base in bases else len(bases), measure

    return sorted(set(measures), key=place)
