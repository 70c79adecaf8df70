"""What is drawn in a panel of the stage map: colours, effects, places with whiskers, the handover, what isn't data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from strata.dashboards.figures.figure_values import PlotlyObject
from strata.dashboards.figures.palette import Palette, clipped, plain
from strata.dashboards.figures.row_heights import BOTTOM, CELL, HANDOVER, LABEL, ROWS, TOPS, WHISKER
from strata.dashboards.number_formats import interval, number
from strata.dashboards.sentences.figures.layers import BLOCK, at_layer
from strata.dashboards.sentences.figures.stages import (
    IN_ANY_MODEL,
    NO_BLOCKS,
    NO_INTERVAL,
    NOT_MEASURED,
    WHOLE_ROW,
    gained_words,
    handover_words,
    measured_words,
)
from strata.dashboards.sentences.places import cell_label
from strata.dashboards.view.stage_panels import Outline, Panel
from strata.dashboards.visible_text import visible
from strata.experiments.results.families import Role
from strata.probes.interventions.cells import ALWAYS_WHOLE, Cell, at_span


@dataclass(frozen=True)
class Marks:
    """What a panel adds to a figure; in the coordinates of its axes."""

    traces: list[PlotlyObject] = field(default_factory=list)
    shapes: list[PlotlyObject] = field(default_factory=list)
    annotations: list[PlotlyObject] = field(default_factory=list)


_DASHES: dict[Role, str] = {
    "makes": "solid",
    "prepares": "dash",
    "relays": "dot",
    "in-part": "dashdot",
    "open": "solid",
}
_WIDTHS: dict[Role, float] = {"makes": 2.0, "prepares": 1.6, "relays": 1.6, "in-part": 1.6, "open": 1.2}
_ORDER: tuple[Role, ...] = ("makes", "in-part", "prepares", "relays", "open")
"""Whose name stays where two would run into each other."""
_LONGEST_FAMILY = 18
_NAMES = 0.6
"""Share of a panel's width that the names of families in one row may take."""
NAME, QUIET_NAME = "place", "families-place"
"""How plotly's annotations are called that name the place of a kind, and those of its families."""


def row_marks(
    marks: Marks, panel: Panel, n_layers: int, palette: Palette, step: Callable[[float], float], against: float
) -> None:
    """Colours with what a pointer reads, rows that don't count veiled, what isn't measured hatched, effects behind the rows."""
    colours: list[list[float | None]] = []
    says: list[list[str]] = []
    shown: list[list[float | None]] = []
    edges: list[float] = []
    veiled: list[Cell] = []
    for row, cell in enumerate(ROWS):
        low, high = (TOPS[cell] + edge for edge in CELL)
        if row:  # a row of nothing between two cells
            colours.append([None] * n_layers)
            says.append([""] * n_layers)
            shown.append([None] * n_layers)
        edges += [low, high]
        found = panel.cells.get(cell)
        profile = list(found.profile) if found is not None else []
        known = found is not None and found.effect is not None and bool(profile)
        gains: list[float | None] = [*profile, *[None] * (n_layers - len(profile))] if known else [None] * n_layers
        says.append([_hover(panel, cell, block, gain, n_layers) for block, gain in enumerate(gains)])
        shown.append(gains)
        apart = int(at_span(cell) and known)
        colours.append([None if gain is None or block < apart else step(gain) for block, gain in enumerate(gains)])
        marks.shapes.append(_box(-0.5, n_layers - 0.5, low, high, palette.strong_line, 1))
        if not known:
            _hatch(marks, -0.5, n_layers - 0.5, low, high, palette, "/", palette.card)
        elif apart:
            _hatch(marks, -0.5, 0.5, low, high, palette, "x", palette.blank)
        if known and found is not None and not found.counts:
            veiled.append(cell)
        negative = [(b, (low + high) / 2) for b, g in enumerate(gains) if g is not None and b >= apart and g < against]
        if negative:
            marks.traces.append(
                {"type": "scatter", "mode": "text", "x": [b for b, _ in negative], "y": [y for _, y in negative], "text": "−",
                 "textfont": {"size": 13, "color": palette.text}, "hoverinfo": "skip"}
            )  # fmt: skip
        marks.annotations.extend(_effect(panel, cell, known, n_layers, (low + high) / 2, palette))
    marks.annotations.append(
        {"x": n_layers - 0.5, "y": 0.0, "xanchor": "left", "yanchor": "top", "xshift": 6, "text": WHOLE_ROW, "font": {"size": 11, "color": palette.muted}}
    )  # fmt: skip
    heat: PlotlyObject = {
        "type": "heatmap", "x": [b - 0.5 for b in range(n_layers + 1)], "y": edges, "z": colours, "text": says,
        "hovertemplate": "%{text}<extra></extra>", "hoverongaps": False, "coloraxis": "coloraxis", "customdata": shown,
        "meta": {"panel": panel.title, "cells": _between(ROWS), "effects": _between([_whole(panel, cell) for cell in ROWS]), "of": panel.of},
    }  # fmt: skip
    marks.traces.insert(0, heat)
    for cell in veiled:
        low, high = (TOPS[cell] + edge for edge in CELL)
        marks.shapes.append({"type": "rect", "x0": -0.5, "x1": n_layers - 0.5, "y0": low, "y1": high,
                                "line": {"width": 0}, "fillcolor": palette.card, "opacity": 0.62})  # fmt: skip


def _between(values: Sequence[str]) -> list[str | None]:
    """With None for the rows of nothing."""
    return [inner for value in values for inner in (value, None)][:-1]


def _whole(panel: Panel, cell: Cell) -> str:
    found = panel.cells.get(cell)
    return measured_words(None if found is None else found.effect)


def _hover(panel: Panel, cell: Cell, block: int, gain: float | None, n_layers: int) -> str:
    found = panel.cells.get(cell)
    lines = [
        f"<b>{plain(cell_label(cell, panel.span))}</b> ({cell})",
        at_layer(BLOCK, block, (block + 0.5) / n_layers),
    ]
    if found is None or found.effect is None or gain is None:
        return "<br>".join([*lines, NOT_MEASURED])
    lines.append(gained_words(gain, found.effect, identity=at_span(cell) and block == 0))
    lines += [found.note] if found.note else []
    lines += [plain(o.says) for o in panel.outlines if o.cell == cell and o.first <= block <= o.last]
    return "<br>".join(lines)


def _effect(
    panel: Panel, cell: Cell, known: bool, n_layers: int, middle: float, palette: Palette
) -> list[PlotlyObject]:
    """The whole row's effect behind it."""
    found = panel.cells.get(cell)
    common = {"x": n_layers - 0.5, "y": middle, "xanchor": "left", "yanchor": "middle", "xshift": 6, "align": "left"}
    if found is None or found.effect is None:
        return [{**common, "text": NOT_MEASURED.replace(" ", "<br>"), "font": {"size": 11, "color": palette.muted}}]
    effect = found.effect
    ends = NO_INTERVAL if effect.interval is None else interval(*effect.interval)
    found_out = found.counts and cell != ALWAYS_WHOLE
    if cell == ALWAYS_WHOLE:
        ends = IN_ANY_MODEL
    value = f"<b>{number(effect.value)}</b>" if found_out else number(effect.value)
    colour = palette.text if found_out else palette.muted
    return [{**common, "text": f"{value}<br>{ends if known else NO_BLOCKS}", "font": {"size": 11, "color": colour}}]


def outline_marks(marks: Marks, panel: Panel, n_layers: int, letters: int, palette: Palette) -> None:
    """Places of families thin and within each other, the place of the sentence thick with whiskers, roles by line and name.

    `letters`: of names, that fit over the width of the panel.
    """
    at_block = n_layers / max(1, letters)
    taken: dict[Cell, list[tuple[float, float]]] = {}
    thin: dict[Cell, int] = {}
    for outline in sorted(panel.outlines, key=lambda o: (o.strong, -_ORDER.index(o.role))):
        low, high = (TOPS[outline.cell] + edge for edge in CELL)
        width, colour, inset = _WIDTHS[outline.role], palette.text, 0.0
        if outline.strong:
            width = 3.4
        elif not outline.label:
            order = thin.get(outline.cell, 0)
            thin[outline.cell] = order + 1
            width, inset = 1.0, 0.05 + 0.05 * (order % 4)
        # A rim in the card's colour keeps the line visible on any colour of the scale; within a box it would hide them.
        rims = [(palette.card, width + 2)] if outline.label else []
        for stroke, wide in (*rims, (colour, width)):
            marks.shapes.append(
                _box(outline.first - 0.5, outline.last + 0.5, low + inset, high - inset, stroke, wide,
                     "solid" if stroke == palette.card else _DASHES[outline.role])
            )  # fmt: skip
        if outline.interval is not None:
            _whisker(marks, outline, palette)
    for outline in sorted((o for o in panel.outlines if o.label), key=lambda o: (not o.strong, _ORDER.index(o.role))):
        _name(marks, outline, outline.label, n_layers, at_block, palette, taken)
    for cell in ROWS:
        of_cell = [outline for outline in panel.outlines if outline.families and outline.cell == cell]
        if of_cell:
            # Their boxes lie within each other more often than not, so that one name beside one box would be taken for all of them.
            families = [name for outline in of_cell for name in outline.families]
            together = replace(
                of_cell[0],
                first=min(o.first for o in of_cell),
                last=max(o.last for o in of_cell),
                families=tuple(families),
            )
            _name(marks, together, _families_name(families, int(_NAMES * letters)), n_layers, at_block, palette, taken)


def _families_name(families: Sequence[str], most: int) -> str:
    """What stands beside the thin boxes of a row: their families as far as `most` letters reach, and how many more."""
    names = [clipped(visible(name), _LONGEST_FAMILY) for name in families]
    for n in range(len(names), 0, -1):
        text = ", ".join(names[:n]) + (f" +{len(names) - n}" if n < len(names) else "")
        if len(text) <= most or n == 1:
            return text
    return ""


def _name(
    marks: Marks,
    outline: Outline,
    text: str,
    n_layers: int,
    at_block: float,
    palette: Palette,
    taken: dict[Cell, list[tuple[float, float]]],
) -> None:
    wide = (len(text) + 1) * at_block
    from_right = outline.first - 0.5 + wide > n_layers
    start = outline.last + 0.5 - wide if from_right else outline.first - 0.5
    if start < -0.5:  # it has no room on either side of its box
        from_right, start = False, -0.5
    if any(start < end and begin < start + wide for begin, end in taken.get(outline.cell, [])):
        return
    taken.setdefault(outline.cell, []).append((start, start + wide))
    quiet = bool(outline.families)
    shown = plain(text) if quiet or outline.role != "makes" else f"<b>{plain(text)}</b>"
    marks.annotations.append(
        {"x": outline.last + 0.5 if from_right else start, "y": TOPS[outline.cell] + LABEL, "yanchor": "middle",
         "xanchor": "right" if from_right else "left", "text": shown, "name": QUIET_NAME if quiet else NAME,
         "font": {"size": 11 if quiet else 12, "color": palette.muted if quiet else palette.text}, "borderpad": 0}
    )  # fmt: skip


def _whisker(marks: Marks, outline: Outline, palette: Palette) -> None:
    assert outline.interval is not None
    y, line = TOPS[outline.cell] + WHISKER, {"color": palette.text, "width": 1.6}
    low, high = outline.interval[0] - 0.5, outline.interval[1] + 0.5
    for x0, x1, y0, y1 in ((low, high, y, y), (low, low, y - 0.06, y + 0.06), (high, high, y - 0.06, y + 0.06)):
        marks.shapes.append({"type": "line", "x0": x0, "x1": x1, "y0": y0, "y1": y1, "line": line})


def handover_marks(marks: Marks, panel: Panel, n_layers: int, palette: Palette) -> None:
    """Between what stands at the span and what stands at the last token: over which blocks the stream hands over."""
    handover = panel.handover
    if handover is None:
        return
    low, high = handover.first - 0.5, handover.last + 0.5
    marks.shapes.append(
        {"type": "rect", "x0": low, "x1": high, "y0": HANDOVER - 0.1, "y1": HANDOVER + 0.1, "line": {"width": 0},
         "fillcolor": palette.accent, "opacity": 0.45}
    )  # fmt: skip
    for x in (low, high):
        marks.annotations.append({"x": x, "y": HANDOVER, "text": "▼", "font": {"size": 11, "color": palette.accent},
                                     "yanchor": "middle", "xanchor": "center"})  # fmt: skip
    # Its name stands on the side that has more room.
    before = handover.first > n_layers - 1 - handover.last
    marks.annotations.append(
        {"x": low if before else high, "y": HANDOVER, "text": handover_words(handover.first, handover.last), "yanchor": "middle",
         "xanchor": "right" if before else "left", "xshift": -8 if before else 8, "font": {"size": 11, "color": palette.accent}}
    )  # fmt: skip


def empty_marks(marks: Marks, panel: Panel, n_layers: int, palette: Palette) -> None:
    """A panel without numbers: hatched, with the reason."""
    _hatch(marks, -0.5, n_layers - 0.5, 0.1, BOTTOM - 0.1, palette, "/", palette.card)
    marks.annotations.append(
        {"x": (n_layers - 1) / 2, "y": BOTTOM / 2, "text": plain(panel.empty), "bgcolor": palette.card, "borderpad": 4,
         "font": {"size": 12, "color": palette.text}}
    )  # fmt: skip


def _hatch(
    marks: Marks, x0: float, x1: float, y0: float, y1: float, palette: Palette, shape: str, background: str
) -> None:
    marks.traces.append(
        {"type": "scatter", "mode": "lines", "x": [x0, x1, x1, x0, x0], "y": [y0, y0, y1, y1, y0], "fill": "toself",
         "line": {"width": 0}, "fillcolor": background, "hoverinfo": "skip",
         "fillpattern": {"shape": shape, "size": 6, "solidity": 0.25, "fgcolor": palette.strong_line, "bgcolor": background, "fillmode": "replace"}}
    )  # fmt: skip


def _box(x0: float, x1: float, y0: float, y1: float, colour: str, width: float, dash: str = "solid") -> PlotlyObject:
    return {"type": "rect", "x0": x0, "x1": x1, "y0": y0, "y1": y1, "fillcolor": "rgba(0,0,0,0)",
            "line": {"color": colour, "width": width, "dash": dash}}  # fmt: skip
