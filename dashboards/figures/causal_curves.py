"""What does each intervention do from block to block? The damage of an ablation on neutral text stands beneath."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from strata.dashboards.figures.canvas import Canvas, axis_names, layout_name
from strata.dashboards.figures.figure_values import Block, Drawn, PlotlyObject, Table
from strata.dashboards.figures.groups import Group, shown_groups
from strata.dashboards.figures.lines import (
    KIND_STYLES,
    Curve,
    LineStyle,
    Panel,
    band_note,
    band_trace,
    baseline_trace,
    layer_range,
    line_trace,
)
from strata.dashboards.figures.palette import PALETTES, Theme, plain
from strata.dashboards.sentences.figures.interventions import (
    DAMAGE_AXIS,
    NO_DAMAGE,
    at_position,
    curves_title,
    damage_name,
    pairs_counted,
)
from strata.dashboards.sentences.figures.layers import BLOCK, DEPTH
from strata.dashboards.sentences.figures.positions import BOTH
from strata.dashboards.view.choice_names import choice
from strata.dashboards.view.schema import View
from strata.dashboards.view.schema_causal import CausalLine, CausalMeasure
from strata.dashboards.view.schema_parts import Axes

_DAMAGE = LineStyle("strong_line", "solid", "circle-open")


@dataclass(frozen=True)
class ShownIntervention:
    """Which intervention is looked at."""

    instrument: str
    measure: str
    component: str
    position: str
    """`BOTH` for two of them below each other."""

    @property
    def places(self) -> tuple[str, ...]:
        return ("spans", "last") if self.position == BOTH else (self.position,)


def shown_interventions(view: View) -> Iterator[ShownIntervention]:
    """Every choice for which some group has a curve."""
    for instrument, label in view.labels.instruments.items():
        for measure in label.measures:
            mine = [line for line in view.causal.lines if (line.instrument, line.measure) == (instrument, measure)]
            for component in dict.fromkeys(line.component for line in mine):
                positions = dict.fromkeys(line.position for line in mine if component == line.component)
                both = (BOTH,) if {"spans", "last"} <= set(positions) else ()
                yield from (
                    ShownIntervention(instrument, measure, component, position) for position in (*both, *positions)
                )


def causal_curves(
    view: View, shown: ShownIntervention, groups: Sequence[Group], theme: Theme = "light"
) -> Drawn | None:
    """Means over pairs with their bands; None where no group has this curve.

    Groups stand beside each other where there are more than two.
    """
    found = _Found(view, shown)
    if not any(found.main(group, place) for group in groups for place in shown.places):
        return None
    meta = view.causal.meta_of(shown.instrument, shown.measure)
    panels = [[group] for group in groups] if len(groups) > 2 else [list(groups)]
    return _Figure(Canvas(view.axes, PALETTES[theme]), found, meta, panels).drawn()


@dataclass(frozen=True)
class _Found:
    """The lines of an intervention."""

    view: View
    shown: ShownIntervention

    def main(self, group: Group, place: str) -> CausalLine | None:
        shown = self.shown
        return self.view.causal.line_at.get(
            (shown.instrument, shown.measure, group.kind, group.family, place, shown.component)
        )

    def damage(self) -> CausalLine | None:
        """Of the same ablation on neutral text."""
        if self.shown.instrument != "ablation":
            return None
        wanted = ("damage", self.shown.measure, self.shown.component)
        lines = self.view.causal.lines
        return next((line for line in lines if (line.instrument, line.measure, line.component) == wanted), None)


@dataclass
class _Figure:
    """Panels side by side, one or two below each other in each."""

    canvas: Canvas
    found: _Found
    meta: CausalMeasure
    panels: list[list[Group]]
    used: list[CausalLine] = field(default_factory=list)
    aria: list[str] = field(default_factory=list)
    named: set[str] = field(default_factory=set)

    def drawn(self) -> Drawn:
        shown, canvas, meta = self.found.shown, self.canvas, self.meta
        damage = self.found.damage()
        below = 2 if damage is not None or len(shown.places) > 1 else 1
        heights = [(0.4, 1.0)] if damage is not None else [(0.57, 1.0), (0.0, 0.42)] if below > 1 else [(0.0, 1.0)]
        for at, members in enumerate(self.panels):
            for row, place in enumerate(shown.places):
                panel = axis_names(below * at + row + 1)
                for group in members:
                    self._lines(panel, group, place)
                self._frame(
                    panel, at, row, heights[row], members[0], lowest=damage is None and row == len(shown.places) - 1
                )
            if damage is not None:
                self._damage(damage, at)
        if damage is not None:
            self.used.append(damage)
            self.aria.append(damage.aria)
        label = self.found.view.labels.instruments[shown.instrument].label
        heads = len(self.panels) > 1 or len(shown.places) > 1
        height = 560 if damage is not None else 640 if len(shown.places) > 1 else 430
        return canvas.drawn(
            curves_title(label, meta.label, self.found.view.causal.components[shown.component], shown.position), ". ".join(self.aria), self._note(damage), _table(self.used, canvas.axes), height=height,
            margin={"l": 68, "r": 16, "t": 66 if heads else 44, "b": 104}, hovermode="x unified", showlegend=True, legend=canvas.legend(-0.12 if below > 1 else -0.17),
        )  # fmt: skip

    def _lines(self, panel: Panel, group: Group, place: str) -> None:
        palette, main = self.canvas.palette, self.found.main(group, place)
        if main is None:
            return
        self.used.append(main)
        self.aria.append(main.aria)
        self.canvas.data += band_trace(curve_of(main), palette.accent_shade, panel)
        name = pairs_counted(group.label, main.n_items, main.n_clusters, of_kind=group.family is None)
        style = KIND_STYLES.get(group.kind, KIND_STYLES["control"])
        more: PlotlyObject = {"legendgroup": group.label, "showlegend": group.label not in self.named}
        self.canvas.data.append(line_trace(curve_of(main), name, style, panel, palette, **more))
        self.named.add(group.label)

    def _frame(
        self, panel: Panel, at: int, row: int, height: tuple[float, float], group: Group, *, lowest: bool
    ) -> None:
        canvas, meta, places = self.canvas, self.meta, self.found.shown.places
        if len(self.panels) > 1 or len(places) > 1:
            label = plain(group.label) if len(self.panels) > 1 else ""
            where = f" {plain(at_position(places[row]))}" if len(places) > 1 else ""
            canvas.note(
                f"<b>{label}</b>{where}",
                13,
                xref=f"{panel[0]} domain",
                yref=f"{panel[1]} domain",
                x=0,
                y=1,
                yshift=20,
                xanchor="left",
                yanchor="bottom",
            )
        self._block_axis(panel, at, lowest=lowest)
        unit = (meta.short or meta.unit) if len(places) > 1 else meta.unit
        same = {"matches": "y"} if at or row else {}
        canvas.axis(
            layout_name(panel[1]),
            "" if at else unit,
            domain=list(height),
            anchor=panel[0],
            showticklabels=not at,
            **same,
        )
        for line in meta.lines:
            canvas.rule(panel, line.value, canvas.palette.strong_line)
            if not at and not row:
                where_text = {
                    "xref": f"{panel[0]} domain",
                    "yref": panel[1],
                    "x": 0.005,
                    "xanchor": "left",
                    "y": line.value,
                }
                canvas.note(
                    plain(line.text), 12, canvas.palette.muted, yanchor="bottom" if line.value else "top", **where_text
                )

    def _block_axis(self, panel: Panel, at: int, *, lowest: bool, matches: str = "") -> None:
        n = len(self.panels)
        domain = [at / n + (0.02 if at else 0), (at + 1) / n - (0.01 if at < n - 1 else 0)]
        titles = (BLOCK, DEPTH) if lowest else ("", "")
        more = {"matches": matches} if matches else {}
        self.canvas.layer_axis(
            layout_name(panel[0]), "block", *titles, domain=domain, anchor=panel[1], range=layer_range(self.canvas.axes.n_layers), nticks=9 if n > 1 else 20,
            showspikes=True, spikemode="across", spikethickness=1, spikedash="dot", spikecolor=self.canvas.palette.strong_line, **more,
        )  # fmt: skip

    def _damage(self, damage: CausalLine, at: int) -> None:
        canvas, panel = self.canvas, axis_names(2 * at + 2)
        name = damage_name(damage.n_items)
        trace = baseline_trace(
            curve_of(damage), name, _DAMAGE, panel, canvas.palette, legendgroup="damage", showlegend=not at
        )
        trace["line"]["width"] = 2
        canvas.data.append({**trace, "fill": "tozeroy", "fillcolor": canvas.palette.well, "legendrank": 3000})
        self._block_axis(panel, at, lowest=True, matches=axis_names(2 * at + 1)[0])
        more = {
            "rangemode": "tozero",
            "nticks": 4,
            "exponentformat": "none",
            "showticklabels": not at,
            **({"matches": "y2"} if at else {}),
        }
        canvas.axis(layout_name(panel[1]), "" if at else DAMAGE_AXIS, domain=[0, 0.26], anchor=panel[0], **more)

    def _note(self, damage: CausalLine | None) -> str:
        notes = [band_note(map(curve_of, self.used))]
        if self.found.shown.instrument == "ablation" and damage is None:
            notes.append(NO_DAMAGE)
        return " ".join(notes)


def curve_of(line: CausalLine) -> Curve:
    return Curve(
        "block",
        range(len(line.mean)),
        line.mean,
        line.low,
        line.high,
        line.n_items,
        line.n_clusters,
        line.method,
        line.aria,
    )


def _table(used: Sequence[CausalLine], axes: Axes) -> Table:
    head = (
        "instrument",
        "measure",
        "site",
        "kind",
        "family",
        "position",
        "block",
        "depth",
        "mean",
        "low",
        "high",
        "items",
        "clusters",
        "method",
    )
    blocks = []
    for line in used:
        known = [block for block, value in enumerate(line.mean) if value is not None]
        means, lows, highs = ([values[block] for block in known] for values in (line.mean, line.low, line.high))
        blocks.append(
            Block((line.instrument, line.measure, line.component, line.kind, line.family, line.position, [str(block) for block in known],
                   [axes.block.depth[block] for block in known], means, lows, highs, str(line.n_items), str(line.n_clusters), line.method))
        )  # fmt: skip
    return Table(head, tuple(blocks))


def all_causal_curves(view: View, theme: Theme = "light") -> dict[str, Drawn]:
    """By what the page's lists are set to: `GROUPS|INSTRUMENT|MEASURE|SITE|POSITION`."""
    drawn = {}
    for shown in shown_interventions(view):
        for name, groups in shown_groups(view).items():
            figure = causal_curves(view, shown, groups, theme)
            if figure is not None:
                drawn[choice(name, shown.instrument, shown.measure, shown.component, shown.position)] = figure
    return drawn
