"""On what is a figure drawn? Axes, lines and notes in one style; and axes that count layers, which can be read as depth too."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass, field
from typing import Any, Literal

from strata.dashboards.figures.figure_values import Drawn, PlotlyObject, Table
from strata.dashboards.figures.palette import FONT, Palette, plain
from strata.dashboards.number_formats import number
from strata.dashboards.sentences.figures.layers import axis_words
from strata.dashboards.view.schema_parts import Axes, Axis

_DEPTHS = (0.0, 0.25, 0.5, 0.75, 1.0)


@dataclass
class Canvas:
    """Traces, shapes and notes as they are added, in the colours of a palette."""

    axes: Axes
    palette: Palette
    data: list[PlotlyObject] = field(default_factory=list)
    shapes: list[PlotlyObject] = field(default_factory=list)
    notes: list[PlotlyObject] = field(default_factory=list)
    layout: PlotlyObject = field(default_factory=dict)
    depth: dict[str, PlotlyObject] = field(default_factory=dict)
    counts: dict[str, Axis] = field(default_factory=dict)
    """By axis: what stands along it."""

    def axis(self, name: str, title: str, **more: Any) -> None:
        """`title` is shown as it is: foreign text goes through `plain` first."""
        muted = self.palette.muted
        self.layout[name] = {
            "title": {"text": title, "font": {"size": 13, "color": muted}, "standoff": 8}, "tickfont": {"size": 12, "color": muted},
            "gridcolor": self.palette.line, "linecolor": self.palette.strong_line, "zeroline": False, "automargin": False, **more,
        }  # fmt: skip

    def layer_axis(self, name: str, of: Axis, title: str = "", depth_title: str = "", **more: Any) -> None:
        """Layers in their order at 0, 1, 2, …; as depth the same places have other names."""
        self.axis(name, title, unifiedhovertitle={"text": f"{of} %{{x}}"}, **more)
        self.counts[name] = of
        n_layers, shift = self.axes.n_layers, 0.0 if of == "stream" else 0.5
        self.depth[name] = {
            "title": {**self.layout[name]["title"], "text": depth_title}, "tickmode": "array",
            "tickvals": [depth * n_layers - shift for depth in _DEPTHS], "ticktext": [number(depth) for depth in _DEPTHS],
        }  # fmt: skip

    def layer_titles(self, of: Axis) -> tuple[str, str]:
        """What a whole-width axis is called, in layers and as depth."""
        return axis_words(of, self.axes.n_layers)

    def rule(
        self,
        panel: tuple[str, str],
        value: float,
        ink: str,
        *,
        along: Literal["x", "y"] = "x",
        dash: str = "dot",
        width: float = 1.2,
    ) -> None:
        """A line across a panel. `panel`: its axes, as `("x2", "y2")`; `along` x: at a height."""
        (x, y), line = panel, {"color": ink, "width": width, "dash": dash}
        if along == "x":
            place = {"xref": f"{x} domain", "yref": y, "x0": 0, "x1": 1, "y0": value, "y1": value}
        else:
            place = {"xref": x, "yref": f"{y} domain", "x0": value, "x1": value, "y0": 0, "y1": 1}
        self.shapes.append({"type": "line", **place, "line": line})

    def note(self, text: str, size: float = 12, ink: str = "", **where: Any) -> None:
        """Text in the figure; foreign text goes through `plain` first."""
        font = {"size": size, "color": ink or self.palette.text}
        self.notes.append({"text": text, "showarrow": False, "font": font, **where})

    def drawn(self, title: str, aria: str, note: str, table: Table, **layout: Any) -> Drawn:
        """What has been added, in a layout with `layout`'s entries."""
        palette = self.palette
        whole = {
            "paper_bgcolor": palette.card, "plot_bgcolor": palette.card, "font": {"family": FONT, "size": 12, "color": palette.text},
            "hoverlabel": {"bgcolor": palette.card, "bordercolor": palette.strong_line, "align": "left", "namelength": -1,
                           "font": {"family": FONT, "size": 12.5, "color": palette.text}},
            "modebar": {"bgcolor": palette.card, "color": palette.muted, "activecolor": palette.accent},
            "dragmode": False, "showlegend": False, "meta": {"counts": self.counts}, "shapes": self.shapes, "annotations": self.notes, **self.layout, **layout,
        }  # fmt: skip
        return Drawn(self.data, whole, title, aria, note, table, self.depth)

    def legend(self, below: float) -> PlotlyObject:
        """Under the plot, at a share of its height."""
        return {"orientation": "h", "x": 0, "xanchor": "left", "y": below, "yanchor": "top", "itemclick": "toggle",
                "font": {"size": 12.5, "color": self.palette.text}, "bgcolor": "rgba(0,0,0,0)"}  # fmt: skip


def axis_names(number_of: int) -> tuple[str, str]:
    """Of the n-th panel, from 1: `("x", "y")`, `("x2", "y2")`, …"""
    suffix = "" if number_of == 1 else str(number_of)
    return f"x{suffix}", f"y{suffix}"


def layout_name(axis: str) -> str:
    """`x2` is `xaxis2` in a layout."""
    return f"{axis[0]}axis{axis[1:]}"


def wrapped(text: str, letters: float) -> str:
    """Foreign text over lines of at most so many letters."""
    return "<br>".join(map(plain, textwrap.wrap(text, max(8, int(letters))))) if text else ""
