"""From which stream on is each item's answer the likeliest token, and how many items never get there?"""

from __future__ import annotations

from dataclasses import replace

from strata.dashboards.figures.canvas import Canvas
from strata.dashboards.figures.drawn import Block, Drawn, Table
from strata.dashboards.figures.groups import MAIN_KINDS
from strata.dashboards.figures.palette import PALETTES, Theme
from strata.dashboards.text import number
from strata.dashboards.view.schema_parts import Axes
from strata.dashboards.view.schema_readings import EmergenceView, KindEmergence


def emergence(shown: EmergenceView, axes: Axes, theme: Theme = "light") -> Drawn:
    """Bars: items by the stream at which their answer settles; those that never do stand apart on the right, with their count."""
    palette = PALETTES[theme]
    canvas = Canvas(axes, palette)
    kinds = [kind for kind in shown.kinds if kind.kind in MAIN_KINDS] or list(shown.kinds)
    n = axes.stream.count
    end = n - 1 + max(1.6, n * 0.06)
    places = [*(f"stream {s}" for s in range(n)), "never"]
    for kind in kinds:
        filled = kind.kind == "knowledge"
        pattern = {"shape": "/", "fgcolor": palette.accent, "bgcolor": palette.card, "size": 6, "solidity": 0.25}
        canvas.data.append(
            {"type": "bar", "name": f"{kind.kind} · n {kind.n}", "x": [*range(n), end], "y": [*kind.counts, kind.never],
             "text": [*([""] * n), str(kind.never)], "textposition": "outside",
             "textfont": {"size": 12, "color": palette.text}, "cliponaxis": False,
             "hovertext": [f"{where}: {items} of {kind.n} {kind.kind} items" for where, items in zip(places, [*kind.counts, kind.never], strict=True)],
             "hovertemplate": "%{hovertext}<extra></extra>", "meta": {"kind": kind.kind},
             "marker": {"color": palette.accent if filled else palette.card, "line": {"color": palette.accent, "width": 1.6},
                        **({} if filled else {"pattern": pattern})}}
        )  # fmt: skip
    every = -(-(n - 1) // 14) or 1
    ticks = [*reversed(range(n - 1, -1, -every))]
    title = "from which the answer stays the likeliest token"
    canvas.layer_axis(
        "xaxis",
        "stream",
        f"stream {title}",
        f"depth {title}",
        showgrid=False,
        tickvals=[*ticks, end],
        ticktext=[*map(str, ticks), "never"],
    )
    as_depth = canvas.depth["xaxis"]
    canvas.depth["xaxis"] = {
        **as_depth,
        "tickvals": [*as_depth["tickvals"], end],
        "ticktext": [*as_depth["ticktext"], "never"],
    }
    canvas.axis("yaxis", "items", rangemode="tozero")
    drawn = canvas.drawn(
        f"Stream at which the answer is {shown.name}", ". ".join(_aria(kind, shown.name) for kind in kinds), "Counts of items; no item is excluded.",
        _table(shown), height=280, barmode="group", bargap=0.25, margin={"l": 68, "r": 16, "t": 14, "b": 92}, showlegend=True, legend=canvas.legend(-0.28),
    )  # fmt: skip
    return replace(drawn, hint="Choose a bar to list its items below.")


def _aria(kind: KindEmergence, name: str) -> str:
    where = ", ".join(f"{number(count, 0)} at stream {stream}" for stream, count in enumerate(kind.counts) if count)
    return f"{kind.kind}: {kind.n} items, {kind.never} never {name}, {where}"


def _table(shown: EmergenceView) -> Table:
    blocks = [
        Block(
            (
                kind.kind,
                [*map(str, range(len(kind.counts))), "never"],
                [*map(str, kind.counts), str(kind.never)],
                str(kind.n),
            )
        )
        for kind in shown.kinds
    ]
    return Table(("kind", "stream", "items", "of"), tuple(blocks))
