"""What stands in a row about where a family's answer is made in two models: pairs, shift, overlap, verdict, who answered."""

from __future__ import annotations

from collections.abc import Mapping

from strata.dashboards.number_formats import interval, number, p_words
from strata.dashboards.sentences.cell_changes import NOT_PAIRED
from strata.experiments.compare.cells.place_moved import PlaceMoved, place_moved
from strata.experiments.results.cell_changes import NotPaired
from strata.experiments.results.comparison_tables import PlaceChangeRow
from strata.experiments.results.record import Measured

_MOVED: Mapping[PlaceMoved, str] = {"elsewhere": "elsewhere", "same": "the same place", "open": "open"}


def beyond_words(beyond: Measured | None) -> str:
    """`0.30 [0.10, 0.50]`: a change less the control's; a dash without a control."""
    if beyond is None:
        return "–"
    ends = "" if beyond.interval is None else f" {interval(*beyond.interval)}"
    return f"{number(beyond.value)}{ends}"


def pairs_words(row: PlaceChangeRow) -> str:
    """`12 shared`, or that each model has its own pairs, and why."""
    if row["pairs"] == "shared":
        return f"{row['n_pairs']} shared"
    codes: dict[str, NotPaired] = {code: code for code in NOT_PAIRED}
    unpaired = codes.get(row["unpaired"] or "")
    return f"own only: {NOT_PAIRED[unpaired]}" if unpaired is not None else "own"


def shift_words(row: PlaceChangeRow) -> str:
    """`3.0 [1.2, 4.0]` in blocks, or a dash."""
    ends = interval(row["low"], row["high"], 1)
    return "–" if row["shift"] is None else f"{number(row['shift'], 1)} {ends}".strip()


def overlap_words(row: PlaceChangeRow) -> str:
    """`97 %`, or a dash."""
    return "–" if row["overlap"] is None else f"{100 * row['overlap']:.0f} %"


def place_verdict(row: PlaceChangeRow) -> str:
    """Elsewhere, the same place, or open; a dash where it wasn't tested on shared pairs."""
    if row["pairs"] != "shared" or row["overlap"] is None or row["p"] is None:
        return "–"
    moved = place_moved(row["p"], row["overlap"])
    return f"{_MOVED[moved]}, {p_words(row['p'])}" if moved == "elsewhere" else _MOVED[moved]


def answered_counts(row: PlaceChangeRow) -> str:
    """`30 / 4 / 2 / 12`: items answered by both, by the base alone, by the other alone, by neither."""
    return f"{row['answered_both']} / {row['only_before']} / {row['only_after']} / {row['neither']}"
