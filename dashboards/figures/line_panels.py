"""How do several models' curves stand side by side? Small panels with one legend: a column a kind or direction, a row a question.

On a narrow page columns stand under each other. Columns and rows without any line get no axes; why is told beneath.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from strata.dashboards.figures.canvas import Canvas, axis_names, layout_name, wrapped
from strata.dashboards.figures.figure_values import WIDTHS, Block, Drawn, PlotlyObject, Table, Width
from strata.dashboards.figures.lines import Curve, LineStyle, Panel, band_trace, layer_range, line_trace
from strata.dashboards.figures.palette import PALETTES, Ink, Palette, Theme, plain
from strata.dashboards.sentences.figures.comparison import items_and_clusters, point_words, support_words
from strata.dashboards.sentences.figures.layers import AXES_JOINED, DEPTH, NOT_RUN, bands_words
from strata.dashboards.view.comparison.schema_lines import DominatedLine, LineView
from strata.dashboards.view.schema_parts import Axes, Axis, Numbers

_BESIDE = 100
"""Pixels of a figure that its margins take."""
_STACKED_BELOW, _SMALL_BELOW = 480, 430
"""Pixels of a figure, and of a panel."""
_AT_LEAST = 0.84
"""Of the width that it is laid out for, a figure has on the smallest page that it is drawn on."""
_HEAD_LETTER, _SUPPORT_LETTER = 8.0, 6.5
_HEAD_LINE, _SUPPORT_LINE = 18, 16
"""Pixels of a panel's head and of what stands beside or under it: of a letter, of a line."""
ROLE_STYLES: dict[str, LineStyle] = {
    "base": LineStyle("accent", "solid", "circle", "accent"),
    "distilled": LineStyle("trained", "solid", "square", "trained"),
    "control": LineStyle("control", "dash", "diamond", "control"),
    "random": LineStyle("strong_line", "dot", "triangle-up-open", "random"),
    "beyond": LineStyle("beyond", "dashdot", "triangle-up", "beyond"),
}


@dataclass(frozen=True)
class Entry:
    """A line of a panel."""

    line: LineView
    style: LineStyle
    name: str


@dataclass(frozen=True)
class Guide:
    """A horizontal line that a panel is read against; its text stands in the first panel alone."""

    value: float
    text: str = ""
    ink: Ink = "strong_line"


@dataclass(frozen=True)
class Column:
    id: str
    title: str


@dataclass(frozen=True)
class Row:
    id: str
    title: str
    y: str
    """Of its axis."""
    guides: Mapping[str, Sequence[Guide]] = field(default_factory=dict)
    """By column."""
    ends: tuple[float, float] | None = None
    axis: Axis | None = None
    """What stands along it where that isn't what stands along the other rows."""


@dataclass(frozen=True)
class PanelCell:
    """Lines of a panel, or why there are none."""

    lines: Sequence[Entry]
    reason: str = ""


@dataclass(frozen=True)
class Panels:
    """What is drawn."""

    title: str
    axis: Axis
    columns: Sequence[Column]
    rows: Sequence[Row]
    cells: Mapping[tuple[str, str], PanelCell]
    """By row and column."""
    row_height: int
    aria: str = ""
    """Empty: that of every line."""
    more: Sequence[str] = ()
    """What is said beneath besides."""

    def with_lines(self) -> Panels:
        """Without columns and rows that have no line; what a column would have told is said beneath."""
        columns = [c for c in self.columns if any(self.cells[row.id, c.id].lines for row in self.rows)]
        rows = [row for row in self.rows if any(self.cells[row.id, c.id].lines for c in columns)]
        told = []
        for column in self.columns:
            if column not in columns:
                reasons = dict.fromkeys(self.cells[row.id, column.id].reason or NOT_RUN for row in self.rows)
                told.append(f"{column.title}: {'; '.join(reasons).removesuffix('.')}.")
        return replace(self, columns=columns, rows=rows, more=(*told, *self.more))

    def stacked(self) -> Panels:
        """All in one column."""
        rows, cells = [], {}
        for column in self.columns:
            for row in self.rows:
                name = f"{column.id}|{row.id}"
                title = " · ".join(filter(None, (row.title, column.title)))
                rows.append(replace(row, id=name, title=title, guides={"": row.guides.get(column.id, ())}))
                cells[name, ""] = self.cells[row.id, column.id]
        return replace(self, columns=[Column("", "")], rows=rows, cells=cells)


def line_panels(panels: Panels, axes: Axes, width: Width = "wide", theme: Theme = "light") -> Drawn:
    """Each line with its band where it has one; the support of a panel stands in its head. Without any line: the reasons alone."""
    shown = panels.with_lines()
    if not shown.columns:
        return Drawn((), {}, panels.title, "", " ".join(shown.more), Table((), ()))
    across = WIDTHS[width] - _BESIDE
    if across < _STACKED_BELOW:
        shown = shown.stacked()
    return _Grid(shown, Canvas(axes, PALETTES[theme]), across / len(shown.columns)).drawn()


@dataclass
class _Grid:
    panels: Panels
    canvas: Canvas
    wide: float
    """Pixels of a panel."""
    named: set[str] = field(default_factory=set)
    used: list[tuple[str, Entry]] = field(default_factory=list)
    """Head of the panel, and its line."""

    def drawn(self) -> Drawn:
        panels, canvas = self.panels, self.canvas
        heads = {(row.id, column.id): self._head(row, column) for row in panels.rows for column in panels.columns}
        under = not all(head.on_one_line(_AT_LEAST * self.wide) for head in heads.values())
        above = 8 + max(head.height(under=under) for head in heads.values())
        several_axes = len({self._axis(row) for row in panels.rows}) > 1
        top, bottom, gap = max(36, above + 8), 96, above + (54 if several_axes else 36)
        inner = len(panels.rows) * panels.row_height + (len(panels.rows) - 1) * gap
        for r, row in enumerate(panels.rows):
            low = 1 - (r * (panels.row_height + gap) + panels.row_height) / inner
            for c, column in enumerate(panels.columns):
                panel = axis_names(r * len(panels.columns) + c + 1)
                cell = panels.cells[row.id, column.id]
                head = heads[row.id, column.id]
                self._lines(panel, cell, head.title)
                place: PlotlyObject = {
                    "xref": f"{panel[0]} domain",
                    "yref": f"{panel[1]} domain",
                    "x": 0,
                    "y": 1,
                    "yshift": 4,
                }
                canvas.note(head.text(under=under), 13, xanchor="left", yanchor="bottom", align="left", **place)
                self._guides(panel, row.guides.get(column.id, ()), first=not r and not c)
                self._axes(panel, row, r, c, (max(0.0, low), low + panels.row_height / inner))
        methods = dict.fromkeys(entry.line.method for _, entry in self.used if entry.line.method)
        notes = [*filter(None, [bands_words(methods)]), *panels.more]
        aria = panels.aria or ". ".join(filter(None, (entry.line.aria for _, entry in self.used)))
        return canvas.drawn(
            panels.title, aria, " ".join(notes), self._table(), height=inner + top + bottom, margin={"l": 78, "r": 14, "t": top, "b": bottom},
            hovermode="x unified", showlegend=True, legend={**canvas.legend(-60 / inner)},
        )  # fmt: skip

    def _lines(self, panel: Panel, cell: PanelCell, head: str) -> None:
        data, palette = self.canvas.data, self.canvas.palette
        for entry in cell.lines:
            line, style = entry.line, entry.style
            self.used.append((head, entry))
            curve = curve_of(line)
            if style.shade is not None:
                data += band_trace(curve, palette.shade(style.shade), panel)
            says = [_at_point(line, at) for at in range(len(line.n))]
            more: PlotlyObject = {"legendgroup": entry.name, "showlegend": entry.name not in self.named}
            trace = line_trace(curve, entry.name, style, panel, palette, says=says, **more)
            trace["marker"]["size"] = 4 if len(line.layer) > 40 else 6.5
            trace["line"]["width"] = 2.1
            data.append(trace | _bars(curve, palette, style))
            self.named.add(entry.name)
        if not cell.lines:
            # Plotly can't lay out axes without any point: an empty panel gets one that nobody sees.
            data.append({"type": "scatter", "x": [0], "y": [0], "mode": "markers", "marker": {"opacity": 0}, "hoverinfo": "skip",
                         "showlegend": False, "xaxis": panel[0], "yaxis": panel[1]})  # fmt: skip
            where: PlotlyObject = {"xref": f"{panel[0]} domain", "yref": f"{panel[1]} domain", "x": 0.5, "y": 0.5}
            self.canvas.note(wrapped(cell.reason or NOT_RUN, max(24, self.wide / 9)), 12.5, palette.muted, **where)

    def _head(self, row: Row, column: Column) -> _Head:
        title = " · ".join(filter(None, (row.title, column.title)))
        supports, wide = _supports(self.panels.cells[row.id, column.id].lines), _AT_LEAST * self.wide
        return _Head(
            title,
            wrapped(title, wide / _HEAD_LETTER),
            wrapped(support_words(supports), wide / _SUPPORT_LETTER),
            # Where the lines of a panel have different n, what is said of them takes lines of its own.
            beside=self.wide >= _SMALL_BELOW and len(supports) < 2,
        )

    def _axis(self, row: Row) -> Axis:
        return row.axis or self.panels.axis

    def _guides(self, panel: Panel, guides: Sequence[Guide], *, first: bool) -> None:
        palette = self.canvas.palette
        for guide in guides:
            self.canvas.rule(panel, guide.value, palette.ink(guide.ink))
            if first and guide.text:
                ink = palette.muted if guide.ink == "strong_line" else palette.ink(guide.ink)
                self.canvas.note(
                    plain(guide.text),
                    12,
                    ink,
                    xref=f"{panel[0]} domain",
                    yref=panel[1],
                    x=0.995,
                    xanchor="right",
                    y=guide.value,
                    yanchor="bottom",
                )

    def _axes(self, panel: Panel, row: Row, r: int, c: int, height: tuple[float, float]) -> None:
        panels, canvas = self.panels, self.canvas
        n = len(panels.columns)
        domain = [c / n + (0.025 if c else 0), (c + 1) / n - (0.015 if c < n - 1 else 0)]
        axis = self._axis(row)
        # What is counted stands under the last of the rows that count the same.
        named = r == len(panels.rows) - 1 or self._axis(panels.rows[r + 1]) != axis
        titles = ("", "") if not named else (axis, DEPTH) if n > 1 else canvas.layer_titles(axis)
        nticks = 7 if self.wide < _SMALL_BELOW else 12
        ends = layer_range(canvas.axes.of(axis).count)
        canvas.layer_axis(
            layout_name(panel[0]), axis, *titles, domain=domain, anchor=panel[1], nticks=nticks, range=ends
        )
        first = axis_names(r * n + 1)[1]
        more = {**({"matches": first} if c else {}), **({} if row.ends is None else {"range": list(row.ends)})}
        canvas.axis(
            layout_name(panel[1]),
            "" if c else wrapped(row.y, 26),
            domain=list(height),
            anchor=panel[0],
            showticklabels=not c,
            nticks=5,
            **more,
        )

    def _table(self) -> Table:
        axes = self.canvas.axes
        counted = AXES_JOINED.join(dict.fromkeys(entry.line.axis for _, entry in self.used))
        head = ("panel", "line", counted, "depth", "value", "low", "high", "items", "clusters", "method")
        blocks = [
            Block((title, entry.name, [str(layer) for layer in entry.line.layer], [axes.of(entry.line.axis).depth[layer] for layer in entry.line.layer],
                   entry.line.mean, entry.line.low, entry.line.high, [str(n) for n in entry.line.n], str(entry.line.n_clusters), entry.line.method))
            for title, entry in self.used
        ]  # fmt: skip
        return Table(head, tuple(blocks))


@dataclass(frozen=True)
class _Head:
    """What stands above a panel."""

    title: str
    lines: str
    """The title as it is drawn where it has lines of its own, without mark-up but breaks."""
    support: str
    beside: bool
    """Whether the support may stand beside the title."""

    def on_one_line(self, room: float) -> bool:
        wide = _HEAD_LETTER * len(self.title) + _SUPPORT_LETTER * (len(self.support) + 3)
        return self.beside and wide <= room

    def height(self, *, under: bool) -> int:
        support = _SUPPORT_LINE * (self.support.count("<br>") + 1) if under and self.support else 0
        return _HEAD_LINE * (self.lines.count("<br>") + 1) + support

    def text(self, *, under: bool) -> str:
        return f'<b>{self.lines}</b>{"<br>" if under else "  "}<span style="font-size:12px">{self.support}</span>'


def curve_of(line: LineView) -> Curve:
    return Curve(
        line.axis, line.layer, line.mean, line.low, line.high, line.n_items, line.n_clusters, line.method, line.aria
    )


def without_band(line: LineView, values: Numbers, aria: str) -> LineView:
    """The same line at other values."""
    nothing = (None,) * len(line.layer)
    return line.model_copy(update={"mean": values, "low": nothing, "high": nothing, "method": "", "aria": aria})


def _bars(curve: Curve, palette: Palette, style: LineStyle) -> PlotlyObject:
    """A band of one or two points is hardly seen."""
    known = [
        (low, mean, high)
        for low, mean, high in zip(curve.low, curve.mean, curve.high, strict=True)
        if low is not None and mean is not None and high is not None
    ]
    if len(curve.layer) > 2 or not known or curve.low[0] is None:
        return {}
    ups, downs = [high - mean for _, mean, high in known], [mean - low for low, mean, _ in known]
    bars = {"type": "data", "symmetric": False, "array": ups, "arrayminus": downs, "thickness": 1.8, "width": 7}
    return {"error_y": {**bars, "color": palette.ink(style.ink)}}


def _supports(entries: Sequence[Entry]) -> dict[str, list[str]]:
    """Items and clusters: the lines that have so many."""
    groups: dict[str, list[str]] = {}
    for entry in entries:
        told = items_and_clusters(entry.line.n_items, entry.line.n_clusters)
        groups.setdefault(told, []).append(entry.name)
    return groups


def _at_point(line: LineView, at: int) -> str:
    """Its items, and which dimension is dominant there, where the line knows."""
    if not isinstance(line, DominatedLine) or at >= len(line.dominant):
        return point_words(line.n[at], line.n_clusters, None, None)
    return point_words(line.n[at], line.n_clusters, line.dominant[at], line.shares[at])
