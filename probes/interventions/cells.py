"""The four places where an answer can be written: attention or MLP, at the replaced span or at the last position."""

from __future__ import annotations

from typing import Literal, get_args

CellComponent = Literal["attn_out", "mlp_out"]
Cell = Literal["enrich", "gather", "move", "work_out"]
CELLS: tuple[Cell, ...] = get_args(Cell)

ALWAYS_WHOLE: Cell = "move"
"""Only attention brings anything to the last position, so this cell's whole effect is 1 in every model."""

_COMPONENTS: dict[Cell, CellComponent] = {
    "enrich": "mlp_out",
    "gather": "attn_out",
    "move": "attn_out",
    "work_out": "mlp_out",
}


def component_of(cell: Cell) -> CellComponent:
    """Whose contribution to the stream a cell is. Raises KeyError for what is no cell."""
    return _COMPONENTS[cell]


def at_span(cell: Cell) -> bool:
    """Whether a cell lies at the last token of the replaced span; the others lie at the last position."""
    return cell in ("enrich", "gather")
