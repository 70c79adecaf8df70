"""How does a result show itself in a notebook? As one small table, every foreign text escaped."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

_MOST_HEIGHT = "28em"


def html_table(
    caption: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    shade: Sequence[Sequence[float | None]] | None = None,
    note: str = "",
) -> str:
    """A table that scrolls when it is long. `shade`: for each cell how strongly it is tinted, −1 (red) to 1 (blue)."""
    head = "".join(f"<th>{escape(column)}</th>" for column in columns)
    body = "".join(
        "<tr>"
        + "".join(
            f"<td{_tint(shade[row][column]) if shade else ''}>{escape(cell)}</td>" for column, cell in enumerate(cells)
        )
        + "</tr>"
        for row, cells in enumerate(rows)
    )
    below = f"<p>{escape(note)}</p>" if note else ""
    return (
        f'<div style="max-height:{_MOST_HEIGHT};overflow:auto"><table><caption>{escape(caption)}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>{below}"
    )


def _tint(strength: float | None) -> str:
    if strength is None or strength != strength:
        return ""
    colour = "31,119,180" if strength >= 0 else "214,39,40"
    return f' style="background:rgba({colour},{min(1.0, abs(strength)) * 0.6:.2f})"'
