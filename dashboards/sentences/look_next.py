"""What stands before the items that a reader should look at first, and behind each?"""

from __future__ import annotations

from strata.dashboards.number_formats import number
from strata.dashboards.sentences.places import blocks_words, cell_label
from strata.experiments.results.families import Place
from strata.experiments.results.kinds import Located


def look_at(kind: str, family: str | None, place: Place | Located, span: str | None) -> str:
    """`knowledge, attention at the last token, block 23`; of a kind without a place its family with the surest one."""
    of = kind if family is None else f"{family} (surest of {kind})"
    return f"{of}, {cell_label(place.cell, span)}, {blocks_words(place.first, place.last, place.extent)}"


def gains_most(gained: float) -> str:
    """Of the item for which these blocks do most; `gained`: share of the answer."""
    return f"gains most ({number(gained)})"


def gains_least(gained: float) -> str:
    """Of the item for which they do least, or work against."""
    return f"least ({number(gained)})"
