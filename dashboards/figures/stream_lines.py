"""How alike are the streams of two models, does asking for reasoning change them, and does a probe of one read the other?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from strata.dashboards.figures.figure_values import Drawn, Width
from strata.dashboards.figures.groups import main_kinds
from strata.dashboards.figures.line_panels import ROLE_STYLES, Column, Entry, Guide, PanelCell, Panels, Row, line_panels
from strata.dashboards.figures.lines import LineStyle
from strata.dashboards.figures.palette import Theme
from strata.dashboards.sentences.figures.comparison import (
    CKA,
    CKA_WITHOUT,
    CONTRASTS,
    COSINE,
    DIFFERENCE_OF_CKA,
    EXCESS_OF_ATTENTION,
    EXCESS_WITHOUT,
    MOST_FREQUENT,
    NO_MORE,
    NOT_MEASURED,
    ONE_FAMILY,
    PROBE_WAYS,
    SIMILARITY,
    THE_SAME,
    TOO_FEW_ITEMS,
    TRANSFER,
    excess_of,
    reasons_words,
    with_base,
    without_dominant,
)
from strata.dashboards.view.comparison.schema import ComparisonView
from strata.dashboards.view.comparison.schema_lines import ContrastLine, DominatedLine, TransferLine

_CONTRAST_STYLES = {
    "fast_slow": LineStyle("beyond", "solid", "circle"),
    "fast_other": LineStyle("beyond", "dash", "square-open"),
    "fast_fast": LineStyle("strong_line", "dot", "triangle-up"),
    "slow_slow": LineStyle("strong_line", "dashdot", "diamond-open"),
}
"""Of one model with itself: dashes tell the instructions apart, so colours stay the models'."""
_PROBE_STYLES = {
    "own": LineStyle("strong_line", "solid", "circle", "random"),
    "direct": LineStyle("beyond", "dash", "square", "beyond"),
    "procrustes": LineStyle("beyond", "dot", "triangle-up-open", "beyond"),
}
"""Of two models at once: in no model's colour."""
_FAMILIES, _ATTENTION = "families", "attention"


def similarity(view: ComparisonView, position: str, width: Width = "wide", theme: Theme = "light") -> Drawn:
    """Debiased CKA, its range over families excluded in turn, and mean cosine; open and dotted: without dominant dimensions."""
    part = view.similarity
    lines = [line for line in part.lines if line.position == position]
    families = [line for line in part.family_lines if line.position == position]
    kinds = main_kinds([kind for kind in view.labels.kinds if any(line.kind == kind for line in lines)])
    same = {kind: [Guide(1, THE_SAME)] for kind in kinds}
    rows = [Row(name, title, CKA if name == "cka" else COSINE, same) for name, title in part.measures.items()]
    if families:
        rows.insert(1, Row(_FAMILIES, CKA_WITHOUT, CKA, same))
    cells = {}
    for row in rows:
        of_row = families if row.id == _FAMILIES else [line for line in lines if line.measure == row.id]
        reason = ONE_FAMILY if row.id == _FAMILIES else TOO_FEW_ITEMS
        for kind in kinds:
            entries = [
                Entry(
                    line,
                    _of_dimensions(line, ROLE_STYLES[line.contrast]),
                    without_dominant(with_base(line.contrast), line.dimensions),
                )
                for line in of_row
                if line.kind == kind
            ]
            cells[row.id, kind] = PanelCell(entries, reason)
    columns = [Column(kind, kind) for kind in kinds]
    return line_panels(Panels(SIMILARITY, "stream", columns, rows, cells, 190), view.axes, width, theme)


def contrasts(view: ComparisonView, width: Width = "wide", theme: Theme = "light") -> Drawn:
    """The excess of all models, then the four curves of each, all of these in one range."""
    part = view.contrasts
    models = [model.key for model in view.models if any(line.model == model.key for line in part.lines)]
    kinds = main_kinds([kind for kind in view.labels.kinds if any(line.kind == kind for line in part.lines)])
    zero = {kind: [Guide(0, NO_MORE)] for kind in kinds}
    rows = [Row("excess", "excess", DIFFERENCE_OF_CKA, zero)]
    if part.family_lines:
        rows.append(
            Row(
                _FAMILIES,
                EXCESS_WITHOUT,
                DIFFERENCE_OF_CKA,
                {kind: [Guide(0)] for kind in kinds},
            )
        )
    if part.attention_lines:
        rows.append(Row(_ATTENTION, EXCESS_OF_ATTENTION, DIFFERENCE_OF_CKA, zero, axis="block"))
    rows += [Row(model, model, CKA, ends=_ends(part.lines)) for model in models]
    cells = {}
    for row in rows:
        for kind in kinds:
            drawn_there = {_FAMILIES: part.family_lines, _ATTENTION: part.attention_lines}.get(row.id, part.lines)
            of_kind = [line for line in drawn_there if line.kind == kind]
            if row.id in models:
                entries = [
                    Entry(line, _of_dimensions(line, _CONTRAST_STYLES[name]), without_dominant(said, line.dimensions))
                    for name, said in part.names.items()
                    for line in of_kind
                    if (line.contrast, line.model) == (name, row.id)
                ]
            else:
                entries = [
                    Entry(
                        line,
                        _of_dimensions(line, ROLE_STYLES[model]),
                        without_dominant(excess_of(model), line.dimensions),
                    )
                    for model in models
                    for line in of_kind
                    if (line.contrast, line.model) == ("excess", model)
                ]
            cells[row.id, kind] = PanelCell(
                entries, _why(view, kind, row.id if row.id in models else "") or NOT_MEASURED
            )
    drawn = [kind for kind in kinds if any(cells[row.id, kind].lines for row in rows)]
    absent = reasons_words(
        (", ".join(filter(None, (r.model, r.kind))), r.text)
        for r in part.reasons
        if r.kind in drawn or r.kind not in kinds
    )
    more = [f"{absent}."] if absent else []
    columns = [Column(kind, kind) for kind in kinds]
    return line_panels(Panels(CONTRASTS, "stream", columns, rows, cells, 150, part.aria, more), view.axes, width, theme)


def _why(view: ComparisonView, kind: str, model: str) -> str:
    reasons = [r for r in view.contrasts.reasons if (not r.kind or r.kind == kind) and (not model or r.model == model)]
    return reasons_words((r.model, r.text) for r in reasons)


def _ends(lines: Sequence[ContrastLine]) -> tuple[float, float] | None:
    """One range for all models, which an empty panel beside doesn't stretch."""
    values = [value for line in lines if line.contrast != "excess" for value in line.mean if value is not None]
    if not values:
        return None
    margin = 0.08 * (max(values) - min(values) or 0.1)
    return min(values) - margin, max(values) + margin


def transfer(view: ComparisonView, family: str, width: Width = "wide", theme: Theme = "light") -> Drawn:
    """A row a model, a column a direction: its own probe, the other's as it is, and the other's after a rotation."""
    part = view.transfer
    lines = [line for line in part.lines if line.family == family]
    roles = list(dict.fromkeys(line.contrast for line in lines))
    rows = [Row(role, role, "accuracy", {way: _majority(lines, role, way) for way in PROBE_WAYS}) for role in roles]
    cells = {
        (role, way): PanelCell(
            [
                Entry(line, _PROBE_STYLES[line.measure], part.measures[line.measure])
                for line in lines
                if (line.contrast, line.direction) == (role, way)
            ],
            "; ".join(dict.fromkeys(reason.text for reason in part.reasons if reason.contrast == role)),
        )
        for role in roles
        for way in PROBE_WAYS
    }
    columns = [Column(way, title) for way, title in PROBE_WAYS.items()]
    return line_panels(Panels(TRANSFER, "stream", columns, rows, cells, 190), view.axes, width, theme)


def _majority(lines: Sequence[TransferLine], role: str, way: str) -> list[Guide]:
    return [
        Guide(line.majority[0], MOST_FREQUENT)
        for line in lines
        if (line.contrast, line.direction, line.measure) == (role, way, "plain") and line.majority[0] is not None
    ]


def _of_dimensions(line: DominatedLine, style: LineStyle) -> LineStyle:
    """Without dominant dimensions: the same ink, dotted, with open marks and without a band."""
    if line.dimensions == "all":
        return style
    return replace(style, shade=None, dash="dot", symbol=f"{style.symbol.removesuffix('-open')}-open")
