"""What are instruments, measures and kinds called, in which unit, against which baseline are they read?"""

from __future__ import annotations

from strata.dashboards.view.causal_labels import CAUSAL_INSTRUMENTS, measure_meta
from strata.dashboards.view.schema_causal import CausalMeasure
from strata.dashboards.view.schema_parts import InstrumentLabel, Line, MeasureLabel
from strata.experiments.items.schema import KINDS

_LENS_MEASURES = ("answer_logprob", "logit_difference", "rank", "top1", "above_null", "entropy")
INSTRUMENTS: dict[str, InstrumentLabel] = {
    "probe.linear": InstrumentLabel(
        label="Linear probe",
        says="decodable: a linear classifier finds the answer in the stream",
        measures=("accuracy", "selectivity", "log_loss", "compression"),
        references=(),
        not_run="No target could be probed: labels have to occur in two or more groups of items. Ask more items (`--per-family`).",
    ),
    "probe.mass_mean": InstrumentLabel(
        label="Mass-mean probe",
        says="decodable along the difference of class means",
        measures=("accuracy", "selectivity", "log_loss"),
        references=(),
        not_run="No target could be probed: labels have to occur in two or more groups of items. Ask more items (`--per-family`).",
    ),
    "lens.logit": InstrumentLabel(
        label="Logit lens",
        says="readable: the model's own output layer, applied early, already says the answer",
        measures=_LENS_MEASURES,
        references=(),
        not_run="The logit lens has no curve here: no item of this kind was answered.",
    ),
    "lens.tuned": InstrumentLabel(
        label="Tuned lens",
        says="readable after a trained translation; never dates a computation by itself",
        measures=_LENS_MEASURES,
        references=("lens.bias",),
        not_run="No tuned lens ran. Add `--lenses logit,tuned` to the command, with another `--out`.",
    ),
    "lens.jacobian": InstrumentLabel(
        label="Jacobian lens",
        says="readable through the average linear effect on the last stream",
        measures=_LENS_MEASURES,
        references=("lens.logit",),
        not_run="No Jacobian lens ran. Add `--lenses logit,jacobian` to the command, with another `--out`.",
    ),
    "lens.bias": InstrumentLabel(
        label="Bias-only lens",
        says="the tuned lens without its matrix: what a constant shift alone explains",
        measures=_LENS_MEASURES,
        references=(),
        not_run="No bias-only lens ran; it is trained together with the tuned lens.",
    ),
}

# Shown greyed as "not run" when absent; the others appear only when they ran.
EXPECTED_INSTRUMENTS = (
    "patching",
    "probe.linear",
    "probe.mass_mean",
    "lens.logit",
    "lens.tuned",
)

MEASURES: dict[str, MeasureLabel] = {
    "accuracy": MeasureLabel(
        label="Held-out accuracy",
        unit="share of held-out items",
        range=(0, 1),
        references=("chance", "shuffled", "control_accuracy", "embedding_only", "random_init"),
        line=None,
    ),
    "selectivity": MeasureLabel(
        label="Selectivity",
        unit="accuracy − control-task accuracy",
        range=None,
        references=(),
        line=Line(value=0, text="0: no better than random labels"),
    ),
    "log_loss": MeasureLabel(label="Held-out log-loss", unit="nats an item", range=None, references=(), line=None),
    "compression": MeasureLabel(
        label="Compression",
        unit="uniform code length ÷ online code length",
        range=None,
        references=(),
        line=Line(value=1, text="1: no compression"),
    ),
    "answer_logprob": MeasureLabel(
        label="Answer log-probability",
        unit="nats",
        range=None,
        references=("null_logprob",),
        line=None,
    ),
    "logit_difference": MeasureLabel(
        label="Logit difference",
        unit="logit of answer − logit of foil",
        range=None,
        references=(),
        line=Line(value=0, text="0: answer and foil alike"),
    ),
    "rank": MeasureLabel(
        label="Rank of the answer",
        unit="0 = most probable of the whole vocabulary; log scale",
        range="rank",
        references=(),
        line=None,
    ),
    "top1": MeasureLabel(label="Answer is top-1", unit="share of items", range=(0, 1), references=(), line=None),
    "above_null": MeasureLabel(
        label="Above an unrelated answer",
        unit="share of items",
        range=(0, 1),
        references=(),
        line=Line(value=0.5, text="0.5: as often as in another item's prompt"),
    ),
    "entropy": MeasureLabel(label="Entropy", unit="nats", range=None, references=(), line=None),
}

REFERENCES: dict[str, str] = {
    "chance": "chance (commonest label)",
    "shuffled": "shuffled labels",
    "control_accuracy": "control task",
    "embedding_only": "embedding only",
    "random_init": "random weights",
    "null_logprob": "unrelated answer",
}


def instrument_label(name: str) -> str:
    """The words for an instrument; an unknown one keeps its own name."""
    entry = INSTRUMENTS.get(name) or CAUSAL_INSTRUMENTS.get(name)
    return entry.label if entry else name


def measure_named(instrument: str, measure: str) -> MeasureLabel | CausalMeasure:
    """Label and unit of a measure of any instrument; an unknown one keeps its own name."""
    if not instrument.startswith("lens."):
        return measure_meta(instrument, measure)
    return MEASURES.get(measure) or MeasureLabel(label=measure, unit="")


def measure_label(name: str) -> str:
    """The words for a measure or a reference line; an unknown one keeps its own name."""
    if name in MEASURES:
        return MEASURES[name].label
    return REFERENCES.get(name, name.replace("_", " "))


def kind_order(kind: str) -> int:
    """Where a kind stands in every list of the page."""
    return KINDS.index(kind) if kind in KINDS else len(KINDS)
