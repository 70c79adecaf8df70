"""What stands beside everything that a cut or faulty run says: it was quick, limited, or a self-test failed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from strata.dashboards.number_formats import count, listed

Stamp = Literal["quick", "limited", "self-tests-failed"]


def stamped_words(
    stamp: Stamp,
    *,
    items: int | None = None,
    tests: Sequence[str] = (),
    of: str | None = None,
    coarser: str = "fewer lines",
) -> str:
    """Without its full stop. `items`: asked, where the run says how many; `tests`: names of those that failed, `of` whom;
    `coarser`: what a quick run has less of beside what every quick run has."""
    if stamp == "quick":
        return f"This is a --quick run: fewer families, items and pairs, fewer draws and {coarser}, so its intervals are wide"
    if stamp == "limited":
        over = "" if items is None else f" over {count(items, 'item')}"
        return f"This is a --limit run{over}: good for trying out, not for conclusions"
    return f"Self-test{'' if of is None else f' of the {of}'} failed: {listed(tests)}. No number below can be trusted"
