"""Which attention heads carry a family's answer? Blocks that carry `move` and `gather` as rows, their heads as columns.

Colour is what one head's output alone moves, between the counterfactual run (0) and the clean one (1).
"""

from __future__ import annotations

from dataclasses import replace

from strata.dashboards.figures.figure_values import Block, Drawn, Table, Width
from strata.dashboards.figures.heat_rows import Heat, HeatRow, heat_rows
from strata.dashboards.figures.palette import PALETTES, Theme
from strata.dashboards.sentences.figures.heads import (
    ENDS,
    HEAD,
    HEAD_AXIS,
    HINT,
    NO,
    NOTE,
    YES,
    attention_says,
    effect_says,
    head_says,
    heads_aria,
    heads_title,
    row_label,
)
from strata.dashboards.view.schema_heads import HeadMap, HeadMapRow
from strata.dashboards.view.schema_parts import Axes
from strata.dashboards.visible_text import visible
from strata.experiments.results.intervals import side_of

_TOLD = 3
"""Heads that the sentence for who doesn't see the map names."""


def head_map(shown: HeadMap, axes: Axes, width: Width = "wide", theme: Theme = "light") -> Drawn:
    """Rows from the input (top) to the answer; heads of the greedy sets have a ring. Effects are shares of the whole answer.

    `axes`: of the model, by which its blocks are counted.
    """
    family = visible(shown.family)
    heat = Heat(
        title=heads_title(family), rows=[_row(shown, row) for row in shown.rows], layers=range(shown.heads), axis="block",
        limits=(-shown.limit, shown.limit), sequential=False, note=NOTE, aria=heads_aria(family, _strongest(shown)), table=_table(shown),
        ends=ENDS, columns=HEAD_AXIS,
    )  # fmt: skip
    drawn = heat_rows(heat, axes, width, theme)
    upwards = [*reversed(shown.rows)]
    heads, *others = drawn.data
    heads = {**heads, "meta": {"of": {"family": shown.family}, "cells": [row.cell for row in upwards], "blocks": [row.block for row in upwards]}}  # fmt: skip
    rings = [(head, y) for y, row in enumerate(upwards) for head in row.chosen]
    ring = {
        "symbol": "circle-open",
        "size": 12,
        "color": PALETTES[theme].text,
        "line": {"width": 2, "color": PALETTES[theme].text},
    }
    marks = [{"type": "scatter", "mode": "markers", "x": [x for x, _ in rings], "y": [y for _, y in rings], "marker": ring, "hoverinfo": "skip",
              "showlegend": False}] if rings else []  # fmt: skip
    return replace(drawn, data=[heads, *others, *marks], depth={}, hint=HINT)


def _row(shown: HeadMap, row: HeadMapRow) -> HeatRow:
    says, dims = [], []
    for head, effect in enumerate(row.effect):
        low, high, p, attention = row.low[head], row.high[head], row.p[head], row.attention[head]
        measured = [] if effect is None or p is None else [effect_says(effect, low, high, p)]
        measured += [] if attention is None else [attention_says(attention)]
        says.append(head_says(row.cell, shown.span, row.block, head, measured) if measured else "")
        dims.append(int(side_of(low, high) == 0))
    return HeatRow(row_label(row.cell, row.block), row.cell, row.effect, says, dims)


def _strongest(shown: HeadMap) -> list[tuple[int, int, float]]:
    found = [
        (row.block, head, effect) for row in shown.rows for head, effect in enumerate(row.effect) if effect is not None
    ]
    return sorted(found, key=lambda one: -abs(one[2]))[:_TOLD]


def _table(shown: HeadMap) -> Table:
    heads = [str(head) for head in range(shown.heads)]
    blocks = [
        Block((row.cell, str(row.block), heads, row.effect, row.low, row.high, row.p, row.attention,
               [YES if head in row.chosen else NO for head in range(shown.heads)]))
        for row in shown.rows
    ]  # fmt: skip
    return Table(HEAD, tuple(blocks))
