"""What is said beneath the stage maps of a terminal: what their signs stand for."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from strata.dashboards.number_formats import number

NOT_MEASURED = "not measured"


def legend(heights: str, signs: tuple[str, str, str, str], limit: float, together: int, width: int) -> Iterator[str]:
    """Lines of at most `width` letters. `signs`: of the named place, a family's, token identity, and against the answer.

    `limit`: the gain of the tallest sign; `together`: the most blocks that share one.
    """
    named, family, identity, against = signs
    shared = f" (a sign: up to {together} blocks)" if together > 1 else ""
    said = (
        f"{heights[0]}…{heights[-1]} effect gained at a block{shared}, up to {number(limit)}; behind a row: of the whole row (1: the answer). "
        f"{named} made here, {family} one family, {identity} token identity, {against} against the answer."
    )
    yield from textwrap.wrap(said, width)
