"""Made-up views of a `strata behave` and a `strata sweep`, with a stranger's words wherever a stranger's words can stand."""

from __future__ import annotations

from strata.dashboards.view.behave.schema import (
    BehaveView,
    BehaviourLine,
    CarriedRow,
    ChainDepthView,
    ChainView,
    ConfidenceView,
    DepthLine,
    HopLine,
    LayerPanel,
    MeasureView,
    PressureView,
)
from strata.dashboards.view.build import axes_of
from strata.dashboards.view.schema_parts import Coded, MeasuredModel, Provenance, RunHead, SelfTestView
from strata.dashboards.view.sweep.schema import (
    AxisView,
    SweepView,
    SweptRunView,
    TrajectoryLine,
    TrajectoryPanel,
    TrajectoryView,
)
from strata.experiments.results.confidence_summary import CalibrationBin

N_LAYERS = 6
STRANGE = (
    f"</script><script>window.pwned=1</script> <img src=x onerror=window.pwned=1> </s> 😀 {chr(0x202E)}العربية"
    " \x00\x1b[31m &amp; <b>"
)
ENDLESS = "family" * 17_000
"""A name of more than 100,000 letters."""
_HEAD = RunHead(
    run_id="made-up", title=f"What does {STRANGE} do?", started="2026-03-02T10:00:00", badges=(Coded(code="quick", text="QUICK"),)
)  # fmt: skip
_PROVENANCE = Provenance(
    command=f"strata behave '{STRANGE}'", versions=(("python", "3"),), config=(("items", STRANGE),), stages=(("ask", "1 s", "1 MB"),),
    self_tests=(SelfTestView(name="the lens at the last stream is the model", passed=False, value="1", tolerance="0"),),
    excluded=((STRANGE, 3),), warnings=(STRANGE,), facts=(("checkpoint", STRANGE),),
)  # fmt: skip


def _line(at: float) -> BehaviourLine:
    mean = tuple(at * stream / N_LAYERS for stream in range(N_LAYERS + 1))
    return BehaviourLine(
        mean=mean, low=tuple(value - 0.1 for value in mean), high=tuple(value + 0.1 for value in mean), n_items=40, n_clusters=20,
        method="cluster bootstrap",
    )  # fmt: skip


def _panel(quantity: str) -> LayerPanel:
    return LayerPanel(
        quantity=quantity, title=f"{quantity}", own=_line(0.8), own_name="own", null=_line(0.1), null_name="control", guide=0.25,
        guide_text="chance",
    )  # fmt: skip


def _measure(kind: str) -> MeasureView:
    said = (f"So is {STRANGE}.",)
    return MeasureView(kind=kind, number="0.41 [0.30, 0.52]", sentences=said, panels=(_panel("gain"), _panel("share")), why_no_panels="")  # fmt: skip


def behave_view() -> BehaveView:
    """Every measure, of `knowledge` with curves and of `reasoning` without."""
    panels = (_panel("accuracy"), _panel("overconfidence"))
    bins = (
        CalibrationBin(items=20, confidence=0.4, accuracy=0.3),
        CalibrationBin(items=20, confidence=0.9, accuracy=0.7),
    )
    number, said, why = "mean confidence 0.70", (f"Surest of {STRANGE}.",), "too few items"
    both = (("knowledge", panels), ("reasoning", ()))
    depth = DepthLine(name="walked", mean=(0.9, 0.5), low=(0.8, 0.4), high=(1.0, 0.6))
    return BehaveView(
        run=_HEAD, models=(MeasuredModel(label=STRANGE, n_layers=N_LAYERS, d_model=64, dtype="float32"),), axes=axes_of(N_LAYERS),
        confidence=tuple(ConfidenceView(kind=kind, number=number, sentences=said, bins=bins, panels=shown, why_no_panels=why) for kind, shown in both),
        pressure=tuple(PressureView(kind=kind, number=number, sentences=said, panels=shown, why_no_panels=why) for kind, shown in both),
        carried=(CarriedRow(kind="knowledge", cell="move", effect="0.9", beyond_third="0.5", lost="0.2", windows="3–4", counts="yes"),),
        carried_said=said,
        chain_depth=ChainDepthView(number=number, sentences=said, depths=(1, 2), items=(8, 8), walked=depth, filler=depth, other_end=depth, fitted=()),
        chain=tuple(ChainView(kind=f"{n} links", panels=tuple(HopLine(name=f"link {hop}", line=_line(0.5)) for hop in range(1, n + 1)), why_no_panels="") for n in (1, 2)),
        fast_slow=(_measure("reasoning"),), information_gain=(_measure("written"),),
        chain_confidence=(_measure("written, reasoning"),), knowledge_index=(_measure("reasoning"),),
        warnings=(STRANGE,), provenance=_PROVENANCE, sizes={},
    )  # fmt: skip


def sweep_view() -> SweepView:
    """Three checkpoints along an axis that counts nothing, so that their names stand on it; one of them can't be made."""
    names = (STRANGE, ENDLESS, "last")
    line = TrajectoryLine(
        name=STRANGE, at=(0.0, 1.0, 2.0), checkpoints=names, mean=(0.2, None, 0.8), low=(0.1, None, 0.7), high=(0.3, None, 0.9), items=(8, None, 8),
        clusters=(8, None, 8), says=("", "", STRANGE), method="cluster bootstrap",
    )  # fmt: skip
    views: tuple[TrajectoryView, ...] = ("accuracy", "depths", "cells")
    panels = [
        TrajectoryPanel(view=view, subject=subject, label=label, y="share", shares=True, lines=(line,))
        for view in views
        for subject, label in (("knowledge", "knowledge"), (f"knowledge/{STRANGE}", STRANGE))
    ]
    runs = tuple(
        SweptRunView(
            checkpoint=name, at=str(at), seed=0, framing="raw", item_file=STRANGE, state="done" if at else STRANGE, done=bool(at),
            href="runs/1/report.html" if at else "",
        )
        for at, name in enumerate(names)
    )  # fmt: skip
    axis = AxisView(
        kind="order", name="checkpoint", label="checkpoint", logarithmic=False, ticks=tuple(enumerate(names))
    )
    return SweepView(
        run=_HEAD, axis=axis, sentences=(f"From {STRANGE} on.",), panels=tuple(panels), runs=runs, warnings=(STRANGE,),
        provenance=_PROVENANCE, sizes={},
    )  # fmt: skip
