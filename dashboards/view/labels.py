"""Which measures does each instrument have, in which range, beside which baselines and guide lines are they drawn?"""

from __future__ import annotations

from typing import Literal

from strata.dashboards.sentences.instruments import READ_OUTS
from strata.dashboards.sentences.read_out_measures import MEASURES as MEASURE_WORDS
from strata.dashboards.view.causal_labels import measure_meta
from strata.dashboards.view.schema_causal import CausalMeasure
from strata.dashboards.view.schema_parts import InstrumentLabel, Line, MeasureLabel
from strata.experiments.items.schema import KINDS

_PROBE_MEASURES = ("accuracy", "selectivity", "log_loss")
_LENS_MEASURES = ("answer_logprob", "logit_difference", "rank", "top1", "above_null", "entropy")
_MEASURES_OF = {
    "probe.linear": (*_PROBE_MEASURES, "compression"), "probe.mass_mean": _PROBE_MEASURES,
    **dict.fromkeys(("lens.logit", "lens.tuned", "lens.jacobian", "lens.bias"), _LENS_MEASURES),
}  # fmt: skip
_BESIDE = {"lens.tuned": ("lens.bias",), "lens.jacobian": ("lens.logit",)}
INSTRUMENTS: dict[str, InstrumentLabel] = {
    name: InstrumentLabel(
        label=words.label, says=words.says, measures=_MEASURES_OF[name], references=_BESIDE.get(name, ()), not_run=words.not_run
    )
    for name, words in READ_OUTS.items()
}  # fmt: skip

# Shown greyed as "not run" when absent; the others appear only when they ran.
EXPECTED_INSTRUMENTS = (
    "patching",
    "probe.linear",
    "probe.mass_mean",
    "lens.logit",
    "lens.tuned",
)

_RANGES: dict[str, tuple[float, float] | Literal["rank"]] = {
    "accuracy": (0, 1), "rank": "rank", "top1": (0, 1), "above_null": (0, 1),
}  # fmt: skip
_BASELINES = {
    "accuracy": ("chance", "shuffled", "control_accuracy", "embedding_only", "random_init"),
    "answer_logprob": ("null_logprob",),
}
_GUIDES = {"selectivity": 0, "compression": 1, "logit_difference": 0, "above_null": 0.5}
MEASURES: dict[str, MeasureLabel] = {
    name: MeasureLabel(
        label=words.label, unit=words.unit, range=_RANGES.get(name), references=_BASELINES.get(name, ()),
        line=Line(value=_GUIDES[name], text=words.line) if name in _GUIDES else None,
    )
    for name, words in MEASURE_WORDS.items()
}  # fmt: skip


def measure_named(instrument: str, measure: str) -> MeasureLabel | CausalMeasure:
    """Label and unit of a measure of any instrument; an unknown one keeps its own name."""
    if not instrument.startswith("lens."):
        return measure_meta(instrument, measure)
    return MEASURES.get(measure) or MeasureLabel(label=measure, unit="")


def kind_order(kind: str) -> int:
    """Where a kind stands in every list of the page."""
    return KINDS.index(kind) if kind in KINDS else len(KINDS)
