"""From which stream on is each item's answer the likeliest token, and how many items never get there?"""

from __future__ import annotations

from dataclasses import replace

from strata.dashboards.figures.canvas import Canvas
from strata.dashboards.figures.figure_values import Block, Drawn, Table
from strata.dashboards.figures.palette import PALETTES, Theme
from strata.dashboards.sentences.figures.layers import DEPTH, STREAM, at_layer, with_n
from strata.dashboards.sentences.figures.read_outs import (
    EMERGENCE_HINT,
    EMERGENCE_NOTE,
    NEVER,
    emergence_aria,
    emergence_axis,
    emergence_bar,
    emergence_title,
)
from strata.dashboards.view.schema_parts import Axes
from strata.dashboards.view.schema_readings import EmergenceView
from strata.experiments.items.schema import KNOWLEDGE_AND_REASONING


def emergence(shown: EmergenceView, axes: Axes, theme: Theme = "light") -> Drawn:
    """Bars: items by the stream at which their answer settles; those that never do stand apart on the right, with their count."""
    palette = PALETTES[theme]
    canvas = Canvas(axes, palette)
    kinds = [kind for kind in shown.kinds if kind.kind in KNOWLEDGE_AND_REASONING] or list(shown.kinds)
    n = axes.stream.count
    end = n - 1 + max(1.6, n * 0.06)
    places = [*(at_layer(STREAM, s) for s in range(n)), NEVER]
    for kind in kinds:
        filled = kind.kind == "knowledge"
        pattern = {"shape": "/", "fgcolor": palette.accent, "bgcolor": palette.card, "size": 6, "solidity": 0.25}
        canvas.data.append(
            {"type": "bar", "name": with_n(kind.kind, kind.n), "x": [*range(n), end], "y": [*kind.counts, kind.never],
             "text": [*([""] * n), str(kind.never)], "textposition": "outside",
             "textfont": {"size": 12, "color": palette.text}, "cliponaxis": False,
             "hovertext": [emergence_bar(where, items, kind.n, kind.kind) for where, items in zip(places, [*kind.counts, kind.never], strict=True)],
             "hovertemplate": "%{hovertext}<extra></extra>", "meta": {"kind": kind.kind},
             "marker": {"color": palette.accent if filled else palette.card, "line": {"color": palette.accent, "width": 1.6},
                        **({} if filled else {"pattern": pattern})}}
        )  # fmt: skip
    every = -(-(n - 1) // 14) or 1
    ticks = [*reversed(range(n - 1, -1, -every))]
    canvas.layer_axis(
        "xaxis",
        "stream",
        emergence_axis(STREAM),
        emergence_axis(DEPTH),
        showgrid=False,
        tickvals=[*ticks, end],
        ticktext=[*map(str, ticks), NEVER],
    )
    as_depth = canvas.depth["xaxis"]
    canvas.depth["xaxis"] = {
        **as_depth,
        "tickvals": [*as_depth["tickvals"], end],
        "ticktext": [*as_depth["ticktext"], NEVER],
    }
    canvas.axis("yaxis", "items", rangemode="tozero")
    drawn = canvas.drawn(
        emergence_title(shown.name), ". ".join(emergence_aria(kind.kind, kind.n, kind.never, shown.name, kind.counts) for kind in kinds), EMERGENCE_NOTE,
        _table(shown), height=280, barmode="group", bargap=0.25, margin={"l": 68, "r": 16, "t": 14, "b": 92}, showlegend=True, legend=canvas.legend(-0.28),
    )  # fmt: skip
    return replace(drawn, hint=EMERGENCE_HINT)


def _table(shown: EmergenceView) -> Table:
    blocks = [
        Block(
            (
                kind.kind,
                [*map(str, range(len(kind.counts))), NEVER],
                [*map(str, kind.counts), str(kind.never)],
                str(kind.n),
            )
        )
        for kind in shown.kinds
    ]
    return Table(("kind", "stream", "items", "of"), tuple(blocks))
