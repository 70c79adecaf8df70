"""How does success fall with the links of a chain, and at which stream is each link's end readable? Two panels, a figure a number of links."""

from __future__ import annotations

from collections.abc import Sequence

from strata.dashboards.figures.canvas import Canvas, axis_names, layout_name
from strata.dashboards.figures.figure_values import Block, Drawn, Table, Width
from strata.dashboards.figures.lines import Curve, LineStyle, band_trace, layer_range, line_trace
from strata.dashboards.figures.palette import PALETTES, Ink, Palette, plain
from strata.dashboards.figures.run_colours import DASHES, MARKERS
from strata.dashboards.sentences.chain_depth import ADVANTAGE, FITTED, LINKS, NEITHER, SHARE, chain_aria
from strata.dashboards.sentences.figures.behaviour import CHAIN_HEAD, chain_note, chain_title
from strata.dashboards.view.behave.schema import BehaveView, ChainDepthView, ChainView, DepthLine
from strata.dashboards.view.schema_parts import Axes, Numbers

_PANEL, _TOP, _FOOT, _GAP = 260, 34, 90, 74
"""Pixels: height of a panel, above and beneath it, and between two that stand under each other."""
_WALKED, _FILLER = LineStyle("accent", "solid", "circle"), LineStyle("strong_line", "dash", "square-open")
_OTHER = LineStyle("muted", "dot", "x")
_FITTED = LineStyle("text", "dot", "circle-open")
_HOPS: tuple[Ink, ...] = ("accent", "trained", "control", "text", "bad")


def chain_figures(view: BehaveView) -> dict[str, dict[Width, Drawn]]:
    """By what the chains are called."""
    whole = view.chain_depth
    if whole is None:
        return {}
    return {
        part.kind: {
            "wide": _drawn(whole, part, depth, view.axes, beside=True),
            "narrow": _drawn(whole, part, depth, view.axes, beside=False),
        }
        for part, depth in zip(view.chain, whole.depths, strict=True)
    }


def _drawn(whole: ChainDepthView, part: ChainView, depth: int, axes: Axes, *, beside: bool) -> Drawn:
    palette = PALETTES["light"]
    canvas = Canvas(axes, palette)
    both = bool(part.panels)
    inner = _PANEL if beside or not both else 2 * _PANEL + _GAP
    height = _PANEL / inner
    half = [0.0, 0.4] if beside and both else [0.0, 1.0]
    _by_links(canvas, whole, palette, half, [1 - height, 1.0])
    if both:
        other = [0.5, 1.0] if beside else [0.0, 1.0]
        _by_stream(canvas, part, palette, other, [0.0, height] if not beside else [1 - height, 1.0])
    first = part.panels[0].line if both else None
    note = chain_note(None, None) if first is None else chain_note(first.method or "", first.n_items)
    legend = {**canvas.legend(1), "yanchor": "bottom"}
    return canvas.drawn(
        chain_title(part.kind), chain_aria(depth, axes.n_layers), note, _table(whole, part),
        height=_TOP + inner + _FOOT, margin={"l": 62, "r": 14, "t": _TOP, "b": _FOOT}, hovermode="x unified", showlegend=True,
        legend=legend,
    )  # fmt: skip


def _by_links(
    canvas: Canvas, whole: ChainDepthView, palette: Palette, domain: Sequence[float], place: Sequence[float]
) -> None:
    on = axis_names(1)
    canvas.axis(
        layout_name(on[0]), LINKS, anchor=on[1], domain=list(domain), tickvals=list(whole.depths),
        range=[min(whole.depths) - 0.3, max(whole.depths) + 0.3],
    )  # fmt: skip
    canvas.axis(layout_name(on[1]), SHARE, anchor=on[0], domain=list(place), range=[-0.04, 1.04])
    canvas.data += band_trace(_curve(whole.depths, whole.walked), palette.accent_shade, on)
    lines = [(whole.other_end, _OTHER), (whole.filler, _FILLER), (whole.walked, _WALKED)]
    if whole.fitted:
        none: Numbers = (None,) * len(whole.depths)
        lines.insert(0, (DepthLine(name=FITTED, mean=whole.fitted, low=none, high=none), _FITTED))
    for line, style in lines:
        canvas.data.append(line_trace(_curve(whole.depths, line), line.name, style, on, palette))


def _by_stream(
    canvas: Canvas, part: ChainView, palette: Palette, domain: Sequence[float], place: Sequence[float]
) -> None:
    on = axis_names(2)
    canvas.layer_axis(
        layout_name(on[0]), "stream", canvas.axes.stream.label, "depth (0 = embedding)", anchor=on[1], domain=list(domain),
        range=layer_range(canvas.axes.stream.count),
    )  # fmt: skip
    every = [value for one in part.panels for value in (*one.line.mean, *one.line.low, *one.line.high)]
    known = [0.0, *(value for value in every if value is not None)]
    room = 0.06 * ((max(known) - min(known)) or 0.1)
    canvas.axis(
        layout_name(on[1]), ADVANTAGE, anchor=on[0], domain=list(place), range=[min(known) - room, max(known) + room]
    )
    for number, one in enumerate(part.panels):
        streams = range(len(one.line.mean))
        curve = Curve(
            "stream",
            streams,
            one.line.mean,
            one.line.low,
            one.line.high,
            one.line.n_items or 0,
            one.line.n_clusters or 0,
        )
        style = LineStyle(_HOPS[number % len(_HOPS)], DASHES[number % len(DASHES)], MARKERS[number % len(MARKERS)])
        if number == len(part.panels) - 1:
            canvas.data += band_trace(curve, palette.random_shade, on)
        canvas.data.append(line_trace(curve, one.name, style, on, palette))
    canvas.rule(on, 0.0, palette.strong_line, width=1)
    canvas.note(
        plain(NEITHER), 11, palette.muted, xref=f"{on[0]} domain", yref=on[1], x=0, y=0.0, xanchor="left", yanchor="bottom"
    )  # fmt: skip


def _curve(depths: Sequence[int], line: DepthLine) -> Curve:
    # Drawn over links; nothing of the curve but its places and values is read.
    return Curve("stream", depths, line.mean, line.low, line.high, 0, 0)


def _table(whole: ChainDepthView, part: ChainView) -> Table:
    blocks = [
        Block((line.name, [str(depth) for depth in whole.depths], list(line.mean), list(line.low), list(line.high), [str(n) for n in whole.items]))
        for line in (whole.walked, whole.filler, whole.other_end)
    ]  # fmt: skip
    blocks += [
        Block((one.name, [str(stream) for stream in range(len(one.line.mean))], list(one.line.mean), list(one.line.low),
               list(one.line.high), str(one.line.n_items)))
        for one in part.panels
    ]  # fmt: skip
    return Table(CHAIN_HEAD, tuple(blocks))
