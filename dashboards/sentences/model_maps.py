"""What is said on the stage maps of a comparison: their titles, choices and notes, and why there are none."""

from __future__ import annotations

from collections.abc import Sequence

from strata.dashboards.number_formats import count, number
from strata.dashboards.sentences.comparison_reasons import why_not_moved
from strata.experiments.results.cell_changes import ChangedBlock
from strata.experiments.results.comparison_reasons import WhyNotMoved

NO_MAPS = "No interventions were made in these models' runs, so there are no maps of where their answers are made."
OTHER_DEPTH = "The models have different numbers of blocks: each one's map is on its own page."
CHANGE_TITLE = "Change: distilled − base"


def kinds_choice(kinds: Sequence[str]) -> str:
    """`knowledge and reasoning`: the choice of the maps of these kinds."""
    return " and ".join(kinds)


def family_choice(family: str, kind: str) -> str:
    """`addition (reasoning)`: the choice of a family's maps."""
    return f"{family} ({kind})"


def family_aria(family: str, says: str) -> str:
    """A family's maps in words; `says`: what its map of changes says."""
    return f"{family}: {says}"


def no_change_map(why: WhyNotMoved | None) -> str:
    """Why there is no map of changes; without a code no pairs are shared."""
    return "no pairs that both models answer" if why is None else why_not_moved(why)


def families_words(n: int) -> str:
    """`3 families`: what a kind's map of changes rests on."""
    return count(n, "family", "families")


def pairs_words(n: int) -> str:
    """`12 pairs`: what a family's map of changes rests on."""
    return count(n, "pair")


def change_map_says(on: str, n_changed: int) -> str:
    """How many cells changed; `on`: the families or pairs that the map rests on."""
    changed = f"{count(n_changed, 'cell')} changed" if n_changed else "no change shown beyond a tenth"
    return f"{on} on shared pairs; {changed}"


def cell_note(*, changed: bool) -> str:
    """What is said of a cell on the map of changes."""
    return "changed" if changed else "no change shown"


def outline_words(family: str, block: ChangedBlock) -> str:
    """`addition: 0.20 → 0.60`: a block of a cell that changed."""
    return f"{family}: {number(block.before)} → {number(block.after)}"
