"""What is said of the change of weights: its measures, and which matrix of which block changed most."""

from __future__ import annotations

from strata.dashboards.number_formats import number

MEASURES = {
    "relative_norm": "size of the change ÷ size of the weights",
    "stable_rank": "stable rank of the change",
    "top_share": "share of the change in its largest singular values",
    "cosine": "cosine of weights before and after",
}
NOTHING_COMPARED = "No tensor of the two checkpoints could be compared: their weight files hold other shapes."


def largest_change(role: str, largest: tuple[float, str, int] | None) -> str:
    """`distilled: largest relative change 0.0312, mlp_in of block 7`; `largest`: value, matrix and block, None: none measured."""
    if largest is None:
        return f"{role}: nothing measured"
    value, matrix, block = largest
    if value == 0:
        return f"{role}: no weight of any block changed"
    return f"{role}: largest relative change {number(value, 4)}, {matrix} of block {block}"
