"""Where on the way from input to answer is the answer made? Cells as rows, blocks as columns, each kind beside its control.

A row is one part of the model at one place of the prompt, from the input (top) to the answer (bottom). Colour is how much of
the row's effect on the answer is gained at a block. Outlined: the blocks where the answer is made; whiskers: the 95 %
interval of their ends.
"""

from __future__ import annotations

import re
import textwrap
from typing import TYPE_CHECKING

from strata.dashboards.figures.marks import (
    Marks,
    PlotlyObject,
    empty_marks,
    handover_marks,
    outline_marks,
    row_marks,
)
from strata.dashboards.figures.palette import FONT, PALETTES, Palette, Theme, plain
from strata.dashboards.figures.panels import Panel, family_panels, kind_panels, profiles
from strata.dashboards.figures.row_heights import BOTTOM, CELL, ROWS, TOPS
from strata.dashboards.sentences.places import cell_label
from strata.experiments.results.kinds import Localisation
from strata.probes.interventions.cells import Cell

if TYPE_CHECKING:
    import plotly.graph_objects as go

_TITLE, _PANEL, _UNDER, _FOOT = 58, 210, 38, 98
"""Heights in pixels: above a panel, of a panel, of its block numbers, of the colour bar."""
_COLUMNS = ((0.0, 0.38), (0.51, 0.89))
"""Where panels stand beside each other, as shares of the width; behind each the effects of its rows."""
_LETTERS = 52
"""Letters that fit on a line above a panel of a narrow page."""
_AGAINST = -0.02
"""Gains below this are marked as working against the answer."""


def stage_map(localisation: Localisation, family: str | None = None, theme: Theme = "light") -> go.Figure:
    """The stage map of a run: knowledge above reasoning, each beside its matched control, on one colour scale.

    `family`: that family beside its control instead, with every locus and its role. Raises KeyError for a family that the
    run doesn't hold. All maps of a run have the same colour scale; its steps are square roots, so that an effect gained
    over many blocks is seen beside one gained at a single block.

    >>> from strata.dashboards.figures.stage_map import stage_map
    >>> from strata.experiments.results.kinds import Localisation, Order
    >>> len(stage_map(Localisation(n_layers=4, families={}, kinds={}, order=Order(verdict="undetermined"))).data)
    0
    """
    import plotly.graph_objects as go

    return go.Figure(stage_map_json(localisation, family, theme))


def stage_map_json(localisation: Localisation, family: str | None = None, theme: Theme = "light") -> PlotlyObject:
    """The same as plain values: `{"data": […], "layout": {…}}`, what a page embeds."""
    panels = kind_panels(localisation) if family is None else family_panels(localisation, family)
    palette = PALETTES[theme]
    limit, signed = colour_limits(localisation)
    height = len(panels) * (_TITLE + _PANEL + _UNDER) + _FOOT
    figure: PlotlyObject = {"data": [], "layout": _layout(palette, height, localisation.n_layers)}
    if not panels:
        return figure
    number = 0
    for row, beside in enumerate(panels):
        top = row * (_TITLE + _PANEL + _UNDER) + _TITLE
        # Domains are shares of the height, from below; margins are zero there.
        domain = (1 - (top + _PANEL) / height, 1 - top / height)
        for column, panel in enumerate(beside):
            number += 1
            _draw(figure, panel, number, _COLUMNS[column], domain, localisation.n_layers, palette, limit)
    figure["layout"]["coloraxis"] = _colours(palette, limit, signed, height)
    figure["layout"]["annotations"].append(_key(family is None, palette))
    return figure


def colour_limits(localisation: Localisation) -> tuple[float, bool]:
    """The largest gain at a block in any map of the run (at least 0.1), and whether any works against the answer."""
    gains = list(profiles(localisation))
    return max([0.1, *map(abs, gains)]), any(gain < _AGAINST for gain in gains)


def colour_step(gain: float) -> float:
    """Square root with the sign kept: what the colour scale is linear in."""
    return float(abs(gain) ** 0.5 * (1 if gain >= 0 else -1))


def _draw(
    figure: PlotlyObject, panel: Panel, number: int, across: tuple[float, float], domain: tuple[float, float], n_layers: int,
    palette: Palette, limit: float,
) -> None:  # fmt: skip
    layout = figure["layout"]
    suffix = "" if number == 1 else str(number)
    axes = {"xaxis": f"x{suffix}", "yaxis": f"y{suffix}"}
    first = across[0] == 0
    labels = [_row_label(cell, panel.span) for cell in ROWS]
    quiet = {"showgrid": False, "zeroline": False, "fixedrange": True}
    layout[f"xaxis{suffix}"] = {
        **quiet, "anchor": axes["yaxis"], "domain": list(across), "range": [-0.5, n_layers - 0.5], "dtick": _tick_step(n_layers),
        "tick0": 0, "ticks": "outside", "ticklen": 3, "tickfont": {"size": 11, "color": palette.muted}, "tickcolor": palette.strong_line,
        "title": {"text": "block", "font": {"size": 12, "color": palette.muted}, "standoff": 2},
    }  # fmt: skip
    layout[f"yaxis{suffix}"] = {
        **quiet, "anchor": axes["xaxis"], "domain": list(domain), "range": [BOTTOM, 0], "tickvals": [TOPS[c] + sum(CELL) / 2 for c in ROWS],
        "ticktext": labels, "showticklabels": first, "tickfont": {"size": 12, "color": palette.text}, "ticks": "",
    }  # fmt: skip
    marks = Marks()
    layout["annotations"] += _titles(panel, across, domain, palette)
    if panel.cells:
        row_marks(marks, panel, n_layers, palette, colour_step, _AGAINST)
        handover_marks(marks, panel, n_layers, palette)
        outline_marks(marks, panel, n_layers, palette)
    else:
        empty_marks(marks, panel, n_layers, palette)
    figure["data"] += [{**axes, **trace} for trace in marks.traces]
    layout["shapes"] += [{"xref": axes["xaxis"], "yref": axes["yaxis"], **shape} for shape in marks.shapes]
    for note in marks.annotations:
        layout["annotations"].append({"xref": axes["xaxis"], "yref": axes["yaxis"], "showarrow": False, **note})


def _tick_step(n_layers: int) -> int:
    """At most seven numbers on an axis: 1, 2, 5, 10, 20, … blocks apart."""
    return next(step * 10**power for power in range(9) for step in (1, 2, 5) if n_layers <= 7 * step * 10**power)


def _row_label(cell: Cell, span: str | None) -> str:
    """Over two lines: `attention (move)`, `at the last token`."""
    part, _, where = cell_label(cell, span).partition(" ")
    return f"{part} <i>({cell})</i><br>{plain(where)}"


def _titles(
    panel: Panel, across: tuple[float, float], domain: tuple[float, float], palette: Palette
) -> list[PlotlyObject]:
    common = {"xref": "paper", "yref": "paper", "x": across[0], "y": domain[1], "showarrow": False, "align": "left",
              "xanchor": "left", "yanchor": "bottom"}  # fmt: skip
    says = textwrap.wrap(
        re.sub(r", (?=\d+\])", ",\N{NO-BREAK SPACE}", panel.says), _LETTERS, max_lines=2, placeholder=" …"
    ) or [""]
    return [
        {**common, "text": f"<b>{plain(panel.title)}</b>", "font": {"size": 13.5, "color": palette.text}, "yshift": 34},
        {
            **common,
            "text": "<br>".join(map(plain, says)),
            "yanchor": "top",
            "yshift": 34,
            "font": {"size": 12, "color": palette.muted},
        },
    ]


def _key(kinds: bool, palette: Palette) -> PlotlyObject:
    """What lines and patterns mean, at the foot."""
    lines = (
        "thick box: where the kind is made; thin: one family"
        if kinds
        else "solid box: made here; dashed: prepares; dotted: relays"
    )
    text = f"{lines}; ├──┤ 95 % interval of its ends<br>pale: doesn't count; crossed: token identity, not counted; hatched: not measured"
    return {"xref": "paper", "yref": "paper", "x": 0.0, "y": 0.0, "xanchor": "left", "yanchor": "bottom", "align": "left", "text": text,
            "showarrow": False, "font": {"size": 11, "color": palette.muted}, "yshift": 4}  # fmt: skip


def _layout(palette: Palette, height: int, n_layers: int) -> PlotlyObject:
    return {
        "height": height, "margin": {"l": 132, "r": 8, "t": 0, "b": 0}, "paper_bgcolor": palette.card, "plot_bgcolor": palette.card,
        "font": {"family": FONT, "size": 12, "color": palette.text}, "showlegend": False, "dragmode": False, "hovermode": "closest",
        "hoverlabel": {"bgcolor": palette.card, "bordercolor": palette.strong_line, "align": "left", "font": {"size": 12, "color": palette.text}},
        "shapes": [], "annotations": [], "meta": {"n_layers": n_layers},
    }  # fmt: skip


def _colours(palette: Palette, limit: float, signed: bool, height: int) -> PlotlyObject:
    top = colour_step(limit)
    colours = palette.diverging if signed else palette.diverging[2:]
    steps = [step for step in (0.05, 0.2, 0.5) if step < 0.6 * limit]
    values = [0.0, *steps, limit]
    texts = ["0", *(f"{step:g}" for step in steps), f"{limit:.2f}"]
    if signed:
        values, texts = [-limit, *values], [f"−{limit:.2f}", *texts]
    return {
        "colorscale": [[i / (len(colours) - 1), colour] for i, colour in enumerate(colours)],
        "cmin": -top if signed else 0.0, "cmax": top,
        "colorbar": {
            "orientation": "h", "thickness": 10, "len": 0.49, "x": 0.0, "xanchor": "left", "y": (_FOOT - 24) / height, "yanchor": "top",
            "ypad": 0, "xpad": 0, "outlinewidth": 1, "outlinecolor": palette.strong_line, "tickvals": [colour_step(v) for v in values], "ticktext": texts, "tickangle": 0,
            "tickfont": {"size": 11, "color": palette.muted},
            "title": {"text": "effect gained at a block (1: the whole answer), one scale", "side": "top",
                      "font": {"size": 12, "color": palette.muted}},
        },
    }  # fmt: skip
