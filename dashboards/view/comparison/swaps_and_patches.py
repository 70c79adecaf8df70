"""Layer swaps and cross-model patches: scores and recoveries by block, whole models beside them, and why one is absent."""

from __future__ import annotations

from collections.abc import Sequence

from strata.dashboards.sentences.exchanges import (
    NO_PATCHES,
    NO_SWAPS,
    PATCH_SOURCES,
    RECOVERY,
    SCORES,
    SOURCES,
    SWEEPS,
    WHOLE,
    part_label,
    patch_aria,
    swap_aria,
)
from strata.dashboards.sentences.intervention_measures import COMPONENTS
from strata.dashboards.view.comparison.files import ComparisonRun
from strata.dashboards.view.comparison.gathered_lines import (
    Columns,
    drawn_or_why,
    gathered,
    rounded,
    whole,
    why_absent,
)
from strata.dashboards.view.comparison.schema_lines import (
    CrossedLine,
    CrossedPart,
    CrossedReason,
    CrossedView,
    LayerSwapsView,
    ScoreView,
    SwapLine,
    SwapReason,
    WholeSwap,
)
from strata.experiments.results.comparison_columns import direction_into
from strata.experiments.results.roles import BASE
from strata.experiments.results.rows import Row, text
from strata.probes.interventions.cells import CELLS, Cell, at_span, component_of

_SCORES = {name: ScoreView(label=words.label, unit=words.unit) for name, words in SCORES.items()}
_SWAP_KEY = ("contrast", "direction", "sweep", "kind", "measure")
_CROSSED_KEY = ("contrast", "direction", "component", "position", "kind")


def build_layer_swaps(run: ComparisonRun) -> LayerSwapsView:
    """Lines of recoveries, where there are any, and of scores."""
    rows = _directed([*run.rows("layer_swaps"), *run.rows("generated_layer_swaps")])
    recovered = Columns(_SWAP_KEY, ("recovery", "recovery_low", "recovery_high"))
    lines = gathered(SwapLine, rows, recovered, {"score": "recovery"})
    lines += gathered(SwapLine, rows, Columns(_SWAP_KEY), {"score": "value"})
    drawn = drawn_or_why(
        bool(lines), run, ("exchange", "layer-swaps", "generated-layer-swaps"), NO_SWAPS
    )  # fmt: skip
    return LayerSwapsView(
        state=drawn.state, text=drawn.text,
        sweeps={name: words for name, words in SWEEPS.items() if any(line.sweep == name for line in lines)},
        whole_names=WHOLE, scores=_SCORES, sources=SOURCES,
        lines=tuple(line.model_copy(update={"aria": _aria(line)}) for line in lines),
        whole=tuple(_whole(row) for row in rows if row["layer"] is None), reasons=_swap_reasons(rows),
    )  # fmt: skip


def _aria(line: SwapLine) -> str:
    return swap_aria(line, line.sweep, RECOVERY if line.score == "recovery" else SCORES[line.measure].label)


def _whole(row: Row) -> WholeSwap:
    return WholeSwap(
        contrast=text(row, "contrast"), direction=text(row, "direction"), sweep=text(row, "sweep"), kind=text(row, "kind"),
        measure=text(row, "measure"), n_items=whole(row, "n_items"), n_clusters=whole(row, "n_clusters"),
        method=text(row, "method"), value=rounded(row, "value"), low=rounded(row, "low"), high=rounded(row, "high"),
        recovery=rounded(row, "recovery"), recovery_low=rounded(row, "recovery_low"),
        recovery_high=rounded(row, "recovery_high"),
    )  # fmt: skip


def _swap_reasons(rows: Sequence[Row]) -> tuple[SwapReason, ...]:
    """One a contrast, direction, kind and measure."""
    reasons = {
        tuple(text(row, name) for name in ("contrast", "direction", "kind", "measure")): why_absent(row)
        for row in rows
        if row["reason"] and row["contrast"] != "random"
    }
    return tuple(
        SwapReason(contrast=contrast, direction=direction, kind=kind, measure=measure, text=words)
        for (contrast, direction, kind, measure), words in reasons.items()
    )


def build_crossed(run: ComparisonRun) -> CrossedView:
    """Share of the difference between two models that one block's contribution carries over, by component and position."""
    rows = _directed(run.rows("crossed"))
    lines = [
        line.model_copy(update={"aria": patch_aria(line, COMPONENTS[line.component], line.position)})
        for line in gathered(CrossedLine, rows, Columns(_CROSSED_KEY))
    ]
    reasons = {
        tuple(text(row, name) for name in ("contrast", "direction", "kind")): why_absent(row)
        for row in rows
        if row["reason"] and row["contrast"] != "random"
    }
    drawn = drawn_or_why(
        bool(lines or reasons), run, ("exchange", "cross-model-patching"), NO_PATCHES
    )  # fmt: skip
    return CrossedView(
        state=drawn.state, text=drawn.text,
        parts=tuple(
            CrossedPart(
                component=component, position=at, label=part_label(component, at, _CELL.get((component, at)))
            )
            for component, at in sorted({(line.component, line.position) for line in lines}, key=_part_order)
        ),
        sources=PATCH_SOURCES, lines=tuple(lines),
        reasons=tuple(
            CrossedReason(contrast=contrast, direction=direction, kind=kind, text=words)
            for (contrast, direction, kind), words in reasons.items()
        ),
    )  # fmt: skip


_CELL: dict[tuple[str, str], Cell] = {(component_of(cell), "span" if at_span(cell) else "last"): cell for cell in CELLS}
"""Which cell a part of the model at a place is."""


def _part_order(part: tuple[str, str]) -> tuple[bool, bool, int]:
    """Cells first, and of them the MLPs: these alone say where a change is."""
    return part[1] == "all", part not in _CELL, ("mlp_out", "attn_out", "block_out").index(part[0])


def _directed(rows: Sequence[Row]) -> list[Row]:
    """Rows whose direction is what the page's list calls it."""
    return [
        {**row, "direction": "into_base" if row["direction"] == direction_into(BASE) else "out_of_base"} for row in rows
    ]
