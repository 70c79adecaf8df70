"""How does a result show itself in a notebook? As one small table, every foreign text escaped."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape


def html_table(
    caption: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    shade: Sequence[Sequence[float]],
    note: str = "",
) -> str:
    """A table that scrolls when it is long. `shade`: how strongly each cell is tinted, −1 (red) to 1 (blue); NaN: not."""
    head = "".join(f"<th>{escape(column)}</th>" for column in columns)
    body = "".join(
        "<tr>"
        + "".join(f"<td{_tint(strength)}>{escape(cell)}</td>" for cell, strength in zip(*row, strict=True))
        + "</tr>"
        for row in zip(rows, shade, strict=True)
    )
    table = f"<caption>{escape(caption)}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody>"
    return f"{scroll_box(f'<table>{table}</table>')}{f'<p>{escape(note)}</p>' if note else ''}"


def scroll_box(page: str) -> str:
    """HTML that scrolls when it is long."""
    return f'<div style="max-height:28em;overflow:auto">{page}</div>'


def by_layer(
    caption: str, layers: Sequence[int], columns: Sequence[str], values: Sequence[Sequence[float]], note: str = ""
) -> str:
    """A table of numbers with a row a layer, tinted by their size."""
    rows = [
        [str(layer), *("" if math.isnan(cell) else f"{cell:z.2f}" for cell in cells)]
        for layer, cells in zip(layers, values, strict=True)
    ]
    return html_table(caption, ["layer", *columns], rows, shade=[[math.nan, *cells] for cells in values], note=note)


def _tint(strength: float) -> str:
    if math.isnan(strength):
        return ""
    colour = "31,119,180" if strength >= 0 else "214,39,40"
    return f' style="background:rgba({colour},{min(1.0, abs(strength)) * 0.6:.2f})"'
