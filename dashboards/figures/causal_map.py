"""Which block at which position moves the answer? Position × block, a panel a site, for kinds, families and single pairs.

Three blanks look different from each other and from an effect of 0: what can't matter by construction (hatched), what wasn't
run (grey), and what stands there and isn't counted (✕).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from strata.dashboards.figures.canvas import Canvas, axis_names, layout_name
from strata.dashboards.figures.figure_values import Block, Cell, Drawn, PlotlyObject, Table, Width
from strata.dashboards.figures.lines import on_panel
from strata.dashboards.figures.palette import PALETTES, Palette, Theme, clipped, colour_scale, plain
from strata.dashboards.number_formats import number
from strata.dashboards.sentences.figures.interventions import (
    BLANKS,
    effect_words,
    map_aria,
    map_note,
    pair_of_family,
    pairs_of_kind,
)
from strata.dashboards.sentences.figures.layers import BLOCK, DEPTH, NOT_COUNTED, at_layer, estimate_words
from strata.dashboards.sentences.figures.positions import position_words
from strata.dashboards.view.choice_names import choice, of_item
from strata.dashboards.view.schema import View
from strata.dashboards.view.schema_causal import CausalItem, CausalMeasure, Peaks
from strata.dashboards.view.schema_parts import Number
from strata.dashboards.visible_text import visible
from strata.experiments.locate.causal.blank_cells import Blank, why_blank

ALL = "all"
"""Every site, side by side."""


@dataclass(frozen=True)
class Effect:
    """At one site, position and block."""

    mean: Number
    low: Number
    high: Number
    n: int


@dataclass
class PairsShown:
    """Pairs whose map can be drawn: those of a kind or a family, or one."""

    label: str
    n: int
    single: bool
    positions: tuple[str, ...]
    identity: tuple[str, ...]
    """Positions whose tokens are replaced: block 0 there is token identity."""
    peaks: Peaks
    lines: Mapping[tuple[str, str, str], Sequence[Effect]]
    """By measure, site and position: an effect a block."""
    panels: dict[tuple[str, str, str], _Panel] = field(default_factory=dict)
    """What has been drawn of them, by measure, site and theme: figures of one site and of all share it."""

    @property
    def measures(self) -> list[str]:
        return list(dict.fromkeys(measure for measure, _, _ in self.lines))


@dataclass(frozen=True)
class _Panel:
    """One site: its traces without axes, and its rows of the table."""

    positions: tuple[str, ...]
    under: PlotlyObject
    effects: PlotlyObject
    over: tuple[PlotlyObject, ...]
    block: Block
    beyond: int
    """Cells outside of the colour range."""


def pairs_shown(view: View) -> dict[str, PairsShown]:
    """By `of_kind`, `of_family` and `of_item`."""
    causal, shown = view.causal, {}
    for group in causal.groups:
        lines = {
            (line.measure, line.component, line.position): [Effect(*at, line.n_items) for at in zip(line.mean, line.low, line.high, strict=True)]
            for line in causal.lines
            if (line.instrument, line.kind, line.family) == ("patching", group.kind, group.family)
        }  # fmt: skip
        label = pairs_of_kind(group.kind) if group.family is None else visible(group.family)
        shown[group.id] = PairsShown(label, group.n_items, False, group.positions, group.identity, group.peaks, lines)
    return shown | {of_item(item.item): _single(item) for item in causal.items}


def _single(item: CausalItem) -> PairsShown:
    lines = {
        (measure, component, position): [Effect(value, None, None, 1) for value in values]
        for measure, components in item.values.items()
        for component, positions in components.items()
        for position, values in positions.items()
    }
    label = pair_of_family(item.item, item.family)
    return PairsShown(label, 1, True, item.positions, item.identity, item.peaks, lines)


def causal_map(
    view: View, pairs: PairsShown, measure: str, site: str = ALL, width: Width = "wide", theme: Theme = "light"
) -> Drawn | None:
    """None where this measure has no such site. One symmetric range of colours for all maps of a run."""
    components = view.causal.components
    sites = [
        name
        for name in components
        if site in (ALL, name) and any((measure, name, position) in pairs.lines for position in pairs.positions)
    ]
    if not sites:
        return None
    palette, meta, limit = PALETTES[theme], view.causal.meta_of("patching", measure), view.causal.limits[1]
    canvas = Canvas(view.axes, palette)
    n_layers, narrow = view.axes.n_layers, width != "wide"
    per_row = 2 if narrow else 4
    bands, columns = -(-len(sites) // per_row), min(per_row, len(sites))
    tall = bands * max(300, min(560, 40 + n_layers * 15))
    made = [_panel_of(view, pairs, measure, name, theme) for name in sites]
    for at, (name, one) in enumerate(zip(sites, made, strict=True)):
        panel, column = axis_names(at + 1), at % per_row
        bar = {"colorbar": _bar(meta, limit, palette, narrow)} if at == 0 else {}
        for trace in (one.under, {**one.effects, "showscale": at == 0, **bar}, *one.over):
            canvas.data.append({**trace, **on_panel(panel)})
        across = (1 - 0.035 * (columns - 1)) / columns
        left = column * (across + 0.035)
        height = (1 - 120 / tall) / 2 if bands > 1 else 1
        low = 1 - height if bands > 1 and at < per_row else 0
        names = [plain(clipped(position_words(position), 16)) for position in one.positions]
        canvas.axis(
            layout_name(panel[0]), "", domain=[left, left + across], anchor=panel[1], showgrid=False, tickvals=list(range(len(names))), ticktext=names,
            tickangle=-35 if len(pairs.positions) > 3 else 0, range=[-0.5, len(names) - 0.5],
        )  # fmt: skip
        canvas.layout[layout_name(panel[0])]["tickfont"] = {"size": 12, "color": palette.text}
        titles = ("", "") if column else (BLOCK, DEPTH)
        canvas.layer_axis(
            layout_name(panel[1]), "block", *titles, domain=[low, low + height], anchor=panel[0], showgrid=False, showticklabels=not column, nticks=16,
            range=[-0.5, n_layers - 0.5],
        )  # fmt: skip
        canvas.note(
            f"<b>{plain(components[name])}</b>",
            13,
            xref=f"{panel[0]} domain",
            yref=f"{panel[1]} domain",
            x=0,
            y=1,
            yshift=4,
            xanchor="left",
            yanchor="bottom",
        )
    head = ("site", "measure", "position", "block", "depth", "effect", "low", "high", "n", "note")
    beyond = sum(one.beyond for one in made)
    margin = {"l": 56, "r": 16, "t": 34, "b": 150} if narrow else {"l": 56, "r": 140, "t": 34, "b": 78}
    return canvas.drawn(
        f"{meta.label}: {pairs.label}", _aria(view, pairs, measure, sites), map_note(pairs.single, pairs.n, beyond, limit), Table(head, tuple(one.block for one in made)),
        height=tall + 34 + (150 if narrow else 78), margin=margin, hovermode="closest",
    )  # fmt: skip


def _panel_of(view: View, pairs: PairsShown, measure: str, site: str, theme: Theme) -> _Panel:
    key = (measure, site, theme)
    if key not in pairs.panels:
        pairs.panels[key] = _Site(view, pairs, measure, site).panel(PALETTES[theme])
    return pairs.panels[key]


@dataclass(frozen=True)
class _Site:
    """The effects at one site."""

    view: View
    pairs: PairsShown
    measure: str
    site: str

    def panel(self, palette: Palette) -> _Panel:
        view, pairs = self.view, self.pairs
        # Pooled spans exist for some sites only.
        positions = tuple(p for p in pairs.positions if p != "spans" or (self.measure, self.site, p) in pairs.lines)
        limit = view.causal.limits[1]
        depths, site = view.axes.block.depth, view.causal.components[self.site]
        n_layers = view.axes.n_layers
        values: list[list[Number]] = [[] for _ in range(n_layers)]
        grey: list[list[int | None]] = [[] for _ in range(n_layers)]
        told: list[list[str]] = [[] for _ in range(n_layers)]
        columns: list[list[Cell]] = [[] for _ in range(8)]
        hatched: list[tuple[int, int]] = []
        marked: list[tuple[int, int]] = []
        beyond = 0
        for block in range(n_layers):
            for at, position in enumerate(positions):
                found, blank = self._effect(position, block), self._blank(position, block)
                identity = block == 0 and position in pairs.identity
                mean = None if blank or found is None else found.mean
                values[block].append(mean)
                grey[block].append(1 if blank == "not-run" else 0 if blank else None)
                told[block].append(self._hover(position, block, found, blank, identity=identity))
                beyond += mean is not None and abs(mean) > limit
                if identity and not blank:
                    marked.append((at, block))
                if blank and blank != "not-run":
                    hatched.append((at, block))
                ends = (None, None) if mean is None or found is None else (found.low, found.high)
                note = NOT_COUNTED if identity else "" if blank is None else BLANKS[blank]
                row = (
                    position_words(position),
                    str(block),
                    depths[block],
                    mean,
                    *ends,
                    str(found.n) if found else "",
                    note,
                )
                for column, cell in zip(columns, row, strict=True):
                    column.append(cell)
        common = {
            "type": "heatmap",
            "x": list(range(len(positions))),
            "y": list(range(n_layers)),
            "text": told,
            "hovertemplate": "%{text}<extra></extra>",
            "hoverongaps": False,
        }
        under = {
            **common,
            "z": grey,
            "colorscale": colour_scale((palette.card, palette.blank)),
            "zmin": 0,
            "zmax": 1,
            "showscale": False,
        }
        effects = {
            **common,
            "z": values,
            "colorscale": colour_scale(palette.diverging),
            "zmin": -limit,
            "zmax": limit,
            "xgap": 2,
            "ygap": 0,
        }
        over = [*([_hatch(hatched, palette)] if hatched else []), *([_marks(marked, palette)] if marked else [])]
        block_of = Block((site, self.measure, *columns))
        return _Panel(positions, under, effects, tuple(over), block_of, beyond)

    def _effect(self, position: str, block: int) -> Effect | None:
        line = self.pairs.lines.get((self.measure, self.site, position))
        return None if line is None else line[block]

    def _blank(self, position: str, block: int) -> Blank | None:
        found = self._effect(position, block)
        return why_blank(
            self.site, position, block, n_layers=self.view.axes.n_layers,
            effect=None if found is None else found.mean, measured=found is not None,
        )  # fmt: skip

    def _hover(
        self,
        position: str,
        block: int,
        found: Effect | None,
        blank: Blank | None,
        *,
        identity: bool,
    ) -> str:
        site = self.view.causal.components[self.site]
        lines = [
            f"<b>{plain(site)}</b> · {plain(position_words(position))}",
            at_layer(BLOCK, str(block), self.view.axes.block.depth[block]),
        ]
        if blank:
            lines.append(BLANKS[blank])
        elif found is not None:
            lines.append(effect_words(found.mean, found.low, found.high, found.n))
        return "<br>".join([*lines, *([NOT_COUNTED] if identity else [])])


def _hatch(cells: Sequence[tuple[int, int]], palette: Palette) -> PlotlyObject:
    """One area of many squares."""
    x: list[Number] = []
    y: list[Number] = []
    for at, block in cells:
        x += [at - 0.5, at + 0.5, at + 0.5, at - 0.5, at - 0.5, None]
        y += [block - 0.5, block - 0.5, block + 0.5, block + 0.5, block - 0.5, None]
    pattern = {
        "shape": "/",
        "size": 6,
        "solidity": 0.3,
        "fgcolor": palette.strong_line,
        "bgcolor": palette.card,
        "fillmode": "replace",
    }
    return {"type": "scatter", "mode": "lines", "x": x, "y": y, "fill": "toself", "line": {"width": 0}, "fillcolor": palette.card,
            "fillpattern": pattern, "hoverinfo": "skip", "showlegend": False}  # fmt: skip


def _marks(cells: Sequence[tuple[int, int]], palette: Palette) -> PlotlyObject:
    return {"type": "scatter", "mode": "markers", "x": [at for at, _ in cells], "y": [block for _, block in cells], "hoverinfo": "skip", "showlegend": False,
            "marker": {"symbol": "x", "size": 8, "color": palette.text, "line": {"width": 1, "color": palette.card}}}  # fmt: skip


def _bar(meta: CausalMeasure, limit: float, palette: Palette, narrow: bool) -> PlotlyObject:
    values = list(dict.fromkeys((-limit, 0.0, 1.0, limit)))
    bar = {"thickness": 12, "len": 1, "outlinewidth": 0, "ticks": "outside", "ticklen": 6, "tickcolor": palette.text, "tickvals": values,
           "ticktext": [meta.one if value == 1 else number(value, 1 if value else 0) for value in values], "tickfont": {"size": 12, "color": palette.muted}}  # fmt: skip
    return {**bar, "orientation": "h", "len": 0.7, "y": -0.12, "yanchor": "top"} if narrow else bar


def _aria(view: View, pairs: PairsShown, measure: str, sites: Sequence[str]) -> str:
    found = {site: pairs.peaks.get(measure, {}).get(site) for site in sites}
    peaks = [
        (view.causal.components[site], peak.position, peak.layer, estimate_words(peak.value, peak.low, peak.high, 2))
        for site, peak in found.items()
        if peak is not None
    ]
    return map_aria(view.causal.meta_of("patching", measure).label, pairs.label, pairs.n, peaks)


def all_causal_maps(view: View) -> dict[str, dict[Width, Drawn]]:
    """By what the page's lists are set to: `PAIRS|MEASURE|SITE`."""
    drawn: dict[str, dict[Width, Drawn]] = {}
    offered = view.causal.measures.get("patching", ())
    for name, pairs in pairs_shown(view).items():
        for measure in (measure for measure in offered if measure in pairs.measures):
            for site in (ALL, *view.causal.components):
                wide = causal_map(view, pairs, measure, site)
                narrow = causal_map(view, pairs, measure, site, "narrow")
                if wide is not None and narrow is not None:
                    drawn[choice(name, measure, site)] = {"wide": wide, "narrow": narrow}
    return drawn
