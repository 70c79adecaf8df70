"""The four cells in which an edit of a minimal pair can act: attention or MLP, at the replaced span or at the last token."""

from __future__ import annotations

from typing import Literal, get_args

from strata.probes.backends.restart import Component

Cell = Literal["enrich", "gather", "move", "work_out"]
"""`enrich`: MLP at the replaced span's last token; `gather`: attention there; `move`: attention at the last token, which
predicts the answer; `work_out`: MLP there."""
CELLS: tuple[Cell, ...] = get_args(Cell)


def component_of(cell: Cell) -> Component:
    """The contribution that is edited."""
    return "attn_out" if cell in ("gather", "move") else "mlp_out"


def at_span(cell: Cell) -> bool:
    """Whether it stands at the replaced span; otherwise at the last token."""
    return cell in ("enrich", "gather")
