"""What changed cell by cell and family by family, in sentences: effects, places, and the pairs they rest on."""

from __future__ import annotations

from collections.abc import Mapping

from strata.dashboards.number_formats import count, interval, number, p_words
from strata.dashboards.sentences.comparison_reasons import why_not_moved
from strata.dashboards.sentences.places import blocks_words, cell_label, one_or_span, place_words
from strata.dashboards.sentences.signed_numbers import signed, signed_interval
from strata.experiments.compare.cells.effect_changes import LEAST_CHANGE
from strata.experiments.results.cell_changes import (
    Answered,
    CellComparison,
    ChangedBlock,
    ChangedCell,
    ChangedPlace,
    NotPaired,
)
from strata.experiments.results.comparison import PlaceShare
from strata.experiments.results.estimates import Estimated
from strata.experiments.results.roles import CONTROL, Role

_TENTH = f"{100 * LEAST_CHANGE:.0f} %"
_MOST_TOLD = 3
"""Cells, and families, that a sentence names; the others stand in the page's table."""
NOT_PAIRED: Mapping[NotPaired, str] = {
    "not-measured": "not intervened on in one of the two models",
    "too-few-shared": "too few pairs that both models answer",
}
"""Why a family isn't compared pair by pair."""


def cell_sentences(cells: CellComparison, role: Role, *, controlled: bool) -> list[str]:
    """Of one model held against the base. `controlled`: whether a control model is in the comparison."""
    if cells.why is not None:
        return [f"Cell by cell base and {role} model are not compared: {why_not_moved(cells.why)}."]
    if not cells.families:
        return [f"No family has enough pairs that base and {role} model both answer, so no cell is compared on shared pairs ({_attrition(cells)})."]  # fmt: skip
    return [_effects(cells, role, controlled=controlled and role != CONTROL), _places(cells)]


def _effects(cells: CellComparison, role: Role, *, controlled: bool) -> str:
    on = f"on pairs that base and {role} model both answer ({count(cells.families, 'family', 'families')}, {count(cells.cells, 'cell')})"
    beyond = ", and beyond the control's change" if controlled else ""
    rest = (
        f" {count(cells.not_beyond_control, 'more cell')} did, but not beyond the control's change."
        if cells.not_beyond_control
        else ""
    )
    if not cells.changed:
        return f"Where in the model, {on}: no cell is shown to have changed its effect by more than {_TENTH} of the answer{beyond}.{rest}"
    told = "; ".join(changed_words(cell) for cell in cells.changed[:_MOST_TOLD])
    more = len(cells.changed) - _MOST_TOLD
    others = f"; and {count(more, 'other')}" if more > 0 else ""
    n = count(len(cells.changed), "cell")
    return f"Where in the model, {on}: {n} changed by more than {_TENTH} of the answer{beyond}: {told}{others}.{rest}"


def changed_words(cell: ChangedCell) -> str:
    """`addition, MLP at the last token: 0.30 → 0.81 (+0.51 [+0.40, +0.62]), block 24 from 0.20 to 0.60`."""
    where = f"{cell.family}, {cell_label(cell.cell, cell.span)}"
    if not cell.whole:
        return f"{where}: {_blocks(cell.blocks)}"
    ends = "" if cell.difference.interval is None else signed_interval(*cell.difference.interval)
    size = f"{number(cell.before)} → {number(cell.after)} ({signed(cell.difference.value)}{ends})"
    return f"{where}: {size}{f', {_blocks(cell.blocks)}' if cell.blocks else ''}"


def _blocks(blocks: tuple[ChangedBlock, ...]) -> str:
    return ", ".join(f"block {block.block} from {number(block.before)} to {number(block.after)}" for block in blocks)


def _places(cells: CellComparison) -> str:
    if not cells.placed:
        return "No family is placed in both models on these pairs, so whether an answer is made elsewhere stays open."
    of = f"Of {count(cells.placed, 'family', 'families')} placed in both models"
    still = cells.placed - len(cells.moved) - cells.stayed
    apart = (
        [f"{cells.stayed} {'stays where it was' if cells.stayed == 1 else 'stay where they were'}"]
        if cells.stayed
        else []
    )
    apart += [f"{still} {'stays' if still == 1 else 'stay'} open"] if still else []
    besides = f" ({', '.join(apart)})" if apart else ""
    if not cells.moved:
        return f"{of} none is shown to be answered elsewhere{besides}."
    told = "; ".join(moved_words(place) for place in cells.moved[:_MOST_TOLD])
    more = len(cells.moved) - _MOST_TOLD
    others = f"; and {count(more, 'other')}" if more > 0 else ""
    are = "is" if len(cells.moved) == 1 else "are"
    return f"{of} {len(cells.moved)} {are} answered elsewhere: {told}{others}{besides}."


def moved_words(place: ChangedPlace) -> str:
    """`addition: attention at the last token, block 21 → MLP at the last token, block 24 (+3.0 blocks [+1.2, +4.0], p = 0.004)`."""
    ends = "" if place.shift.interval is None else signed_interval(*place.shift.interval, 1)
    return (
        f"{place.family}: {place_words(place.before, place.span)} → {place_words(place.after, place.span)} "
        f"({signed(place.shift.value, 1)} blocks{ends}, {p_words(place.p)})"
    )


def _attrition(cells: CellComparison) -> str:
    return "; ".join(answered_words(kind, counts) for kind, counts in cells.answered.items()) or "no pair was asked"


def answered_words(kind: str, counts: Answered) -> str:
    """`knowledge: 120 items answered by both, 30 by the base alone, 4 by the other model alone, 12 by neither`."""
    return (
        f"{kind}: {count(counts.both, 'item')} answered by both, {counts.only_before} by the base alone, "
        f"{counts.only_after} by the other model alone, {counts.neither} by neither"
    )


def short_place(cell: str | None, first: int | None, last: int | None) -> str:
    """`move 21–23`, or `not placed`."""
    return "not placed" if cell is None or first is None or last is None else f"{cell} {one_or_span(first, last)}"


def place_share_sentences(kind: str, share: PlaceShare | None) -> list[str]:
    """Do the blocks that make the model's answers bring the change? Nothing where the models don't differ or nothing is located."""
    if share is None or share.share is None or share.cell is None or share.first is None or share.last is None:
        return []
    told = share.share
    unsure = "" if share.more_than_equal else ", which may be no more than that"
    return [
        f"The blocks that make the distilled model's {kind} answers ({blocks_words(share.first, share.last)}, found in {share.cell}) "
        f"bring {number(told.value)}{_band(told)} of the change of the logit difference at these prompts; as many blocks would bring "
        f"{number(share.equal)} if all brought the same{unsure}."
    ]


def _band(told: Estimated) -> str:
    ends = interval(told.low, told.high)
    return f" {ends}" if ends else ""
