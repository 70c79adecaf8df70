"""Several runs on one set of axes: where is each kind made, and how is each cell's effect gained over depth?

Depth is (block + ½) / number of blocks, so models of different size stand beside each other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from strata.dashboards.figures.figure_values import PlotlyObject
from strata.dashboards.figures.palette import FONT, PALETTES, Palette, Theme, plain
from strata.dashboards.figures.run_colours import DASHES, MARKERS, run_colours
from strata.dashboards.sentences.figures.layers import BLOCK, DEPTH, FIRST_TO_LAST, at_layer
from strata.dashboards.sentences.figures.stages import EFFECT_GAINED, PROFILE_HOVER, UNDETERMINED, place_of_run
from strata.dashboards.sentences.places import cell_label
from strata.experiments.results.kinds import Localisation, Located
from strata.probes.interventions.cells import CELLS, at_span

if TYPE_CHECKING:
    import plotly.graph_objects as go

_ROW = 22
"""Pixels of a run's row."""
_NAME = 34
"""Letters of a run's name."""


@dataclass(frozen=True)
class NamedPlaces:
    """Where one model's kinds are made."""

    name: str
    n_layers: int
    kinds: Mapping[str, Located | None]


@dataclass(frozen=True)
class NamedLocalisation:
    name: str
    localisation: Localisation


def overlaid_places(runs: Sequence[NamedPlaces], theme: Theme = "light") -> go.Figure:
    """A row a run, grouped by kind: thick where the kind is made, thin its 95 % interval; words where it isn't located.

    >>> from strata.dashboards.figures.overlaid_runs import NamedPlaces, overlaid_places
    >>> len(overlaid_places([NamedPlaces("first", 12, {"knowledge": None})]).data)
    0
    """
    import plotly.graph_objects as go

    palette = PALETTES[theme]
    colours = run_colours([run.name for run in runs], theme)
    kinds = list(dict.fromkeys(kind for run in runs for kind in run.kinds))
    rows: list[tuple[float, str]] = []
    traces: list[PlotlyObject] = []
    notes: list[PlotlyObject] = []
    at = 0.0
    for kind in kinds:
        notes.append(_note(0.0, at, f"<b>{plain(kind)}</b>", palette.text))
        for run, colour in zip(runs, colours, strict=True):
            if kind not in run.kinds:
                continue
            at += 1
            rows.append((at, plain(_short(run.name))))
            place = run.kinds[kind]
            if place is None:
                notes.append(_note(0.01, at, UNDETERMINED, palette.muted))
            else:
                traces += _bar(place, run, at, colour)
        at += 1.4
    height = 70 + _ROW * at
    layout = _layout(palette, height)
    layout["annotations"] = notes
    layout["xaxis"] = {**_axis(palette), "title": {"text": FIRST_TO_LAST}, "range": [0, 1]}
    layout["yaxis"] = {
        **_axis(palette), "range": [at - 0.2, -0.8], "tickvals": [row for row, _ in rows], "ticktext": [name for _, name in rows],
        "showgrid": False, "automargin": True,
    }  # fmt: skip
    return go.Figure({"data": traces, "layout": layout})


def overlaid_profiles(runs: Sequence[NamedLocalisation], kind: str, theme: Theme = "light") -> go.Figure:
    """A panel a cell: how much of its effect is gained at a block, mean over the families of `kind`, a line a run.

    Block 0 at a replaced span is token identity and isn't drawn. A run that doesn't hold the kind has no line.

    >>> from strata.dashboards.figures.overlaid_runs import overlaid_profiles
    >>> len(overlaid_profiles([], "knowledge").data)
    0
    """
    import plotly.graph_objects as go

    palette = PALETTES[theme]
    colours = run_colours([run.name for run in runs], theme)
    layout = _layout(palette, 470)
    layout |= {
        "showlegend": True,
        "legend": {"orientation": "h", "y": -0.16, "font": {"size": 12, "color": palette.text}},
    }
    traces: list[PlotlyObject] = []
    notes: list[PlotlyObject] = []
    for number, cell in enumerate(CELLS):
        axis = "" if number == 0 else str(number + 1)
        left, top = (number % 2) * 0.54, 1 - (number // 2) * 0.56
        layout[f"xaxis{axis}"] = {
            **_axis(palette),
            "domain": [left, left + 0.46],
            "anchor": f"y{axis}",
            "range": [0, 1],
        }
        layout[f"yaxis{axis}"] = {**_axis(palette), "domain": [top - 0.38, top], "anchor": f"x{axis}", "zeroline": True,
                                  "zerolinecolor": palette.strong_line, "matches": "y" if axis else None}  # fmt: skip
        title = f"<b>{cell_label(cell)}</b> ({cell})"
        notes.append({"text": title, "x": left, "y": top + 0.01, "xref": "paper", "yref": "paper", "xanchor": "left", "yanchor": "bottom",
                      "showarrow": False, "font": {"size": 13, "color": palette.text}})  # fmt: skip
        for place, (run, colour) in enumerate(zip(runs, colours, strict=True)):
            of_kind = run.localisation.kinds.get(kind)
            found = None if of_kind is None else of_kind.cells.get(cell)
            if found is None or not found.profile:
                continue
            blocks = range(int(at_span(cell)), len(found.profile))
            n_layers, name = run.localisation.n_layers, plain(_short(run.name))
            traces.append({
                "type": "scatter", "mode": "lines+markers", "name": name, "legendgroup": str(place), "xaxis": f"x{axis}", "yaxis": f"y{axis}",
                "showlegend": all(trace["legendgroup"] != str(place) for trace in traces),
                "x": [round((block + 0.5) / n_layers, 4) for block in blocks], "y": [found.profile[block] for block in blocks],
                "text": [at_layer(BLOCK, block) for block in blocks],
                "line": {"color": colour, "dash": DASHES[place % len(DASHES)], "width": 1.8},
                "marker": {"symbol": MARKERS[place % len(MARKERS)], "size": 5, "color": colour},
                "hovertemplate": f"{name}<br>{'<br>'.join(PROFILE_HOVER)}<extra></extra>",
            })  # fmt: skip
    for axis in ("3", "4"):
        layout[f"xaxis{axis}"]["title"] = {"text": DEPTH}
    layout["annotations"] = notes
    layout["yaxis"]["title"] = layout["yaxis3"]["title"] = {"text": EFFECT_GAINED}
    return go.Figure({"data": traces, "layout": layout})


def _bar(place: Located, run: NamedPlaces, at: float, colour: str) -> list[PlotlyObject]:
    says = f"{plain(run.name)}<br>{place_of_run(place, run.n_layers)}"
    lines = ((place.interval, 2, 1.0), ((place.first, place.last), 11, 0.85))
    return [
        {
            "type": "scatter", "mode": "lines", "x": [first / run.n_layers, (last + 1) / run.n_layers], "y": [at, at],
            "line": {"color": colour, "width": width}, "opacity": opacity, "text": [says, says],
            "hovertemplate": "%{text}<extra></extra>", "showlegend": False,
        }
        for (first, last), width, opacity in lines
    ]  # fmt: skip


def _note(x: float, y: float, text: str, colour: str) -> PlotlyObject:
    return {"text": text, "x": x, "y": y, "xref": "x", "yref": "y", "xanchor": "left", "yanchor": "middle", "showarrow": False,
            "font": {"size": 12, "color": colour}}  # fmt: skip


def _short(name: str) -> str:
    return name if len(name) <= _NAME else f"…{name[1 - _NAME :]}"


def _axis(palette: Palette) -> PlotlyObject:
    return {"gridcolor": palette.line, "linecolor": palette.strong_line, "zeroline": False, "fixedrange": True,
            "tickfont": {"size": 12, "color": palette.muted}, "title": {"font": {"size": 12, "color": palette.muted}}}  # fmt: skip


def _layout(palette: Palette, height: float) -> PlotlyObject:
    return {
        "paper_bgcolor": palette.card, "plot_bgcolor": palette.card, "font": {"family": FONT, "size": 12, "color": palette.text},
        "margin": {"l": 60, "r": 16, "t": 34, "b": 50}, "height": height, "showlegend": False, "dragmode": False,
        "hoverlabel": {"bgcolor": palette.card, "bordercolor": palette.strong_line, "font": {"color": palette.text}, "align": "left"},
    }  # fmt: skip
