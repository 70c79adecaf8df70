"""Where on the way through the model? Small static drawings: the depth strip of a kind, the share of a family."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from strata.dashboards.page.markup import esc
from strata.dashboards.text import interval, number

Json = dict[str, Any]
_LEFT, _WIDTH, _HEIGHT = 8.0, 264.0, 34.0


def _x(depth: float) -> float:
    return _LEFT + max(0.0, min(1.0, depth)) * _WIDTH


def _share_x(share: float) -> float:
    return 4 + 112 * share


def axis_head() -> str:
    """The axis that stands in the table head: words for both ends and the middle."""
    return '<span class="depth-axis" aria-hidden="true"><i>0</i><i>depth</i><i>1</i></span>'


def strip_svg(kind: Json) -> str:
    """Place (bar, top line, where there is one), probe onset (disc) and lens onset (diamond) of one kind, with intervals."""
    place = kind["place"]
    shift = 14.0 if place is not None else 0.0
    height = _HEIGHT + shift
    grid = "".join(
        f'<line class="grid" x1="{_x(d):.1f}" x2="{_x(d):.1f}" y1="2" y2="{height - 2:g}"/>'
        for d in (0, 0.25, 0.5, 0.75, 1)
    )
    marks, words = [], [f"Made by: {kind['located']}"]
    if place is not None:
        (low, high), (first, last) = place["wide"], place["ends"]
        marks.append(f'<line class="band" x1="{_x(low):.1f}" x2="{_x(high):.1f}" y1="11" y2="11"/>')
        marks.append(
            f'<rect class="fill" x="{_x(first):.1f}" y="5" width="{max(3.0, _x(last) - _x(first)):.1f}" height="12"/>'
        )
    for onset, y in zip(kind["onsets"], (11.0 + shift, 24.0 + shift), strict=True):
        words.append(f"{onset['label']}: {onset['text']}")
        if onset["depth"] is None:
            continue
        x = _x(onset["depth"])
        marks.append(f'<line class="lead" x1="{_x(0):.1f}" x2="{x:.1f}" y1="{y}" y2="{y}"/>')
        if onset["low_depth"] is not None and onset["high_depth"] is not None:
            marks.append(
                f'<line class="band" x1="{_x(onset["low_depth"]):.1f}" x2="{_x(onset["high_depth"]):.1f}" y1="{y}" y2="{y}"/>'
            )
        if onset["instrument"] == "probe":
            marks.append(f'<circle class="fill" cx="{x:.1f}" cy="{y}" r="5"/>')
        else:
            marks.append(f'<path class="hollow" d="M{x:.1f} {y - 6}l6 6-6 6-6-6z"/>')
    label = f"{kind['kind']}. " + "; ".join(words)
    return f'<svg class="strip" viewBox="0 0 280 {height:g}" role="img" aria-label="{esc(label)}">{grid}{"".join(marks)}</svg>'


def share_svg(share: float, low: float | None, high: float | None, chance: float | None) -> str:
    """A share between 0 and 1 with its interval, and a line at the chance it is held against."""
    guess = (
        ""
        if chance is None
        else f'<line class="chance" x1="{_share_x(chance):.1f}" x2="{_share_x(chance):.1f}" y1="2" y2="16"/>'
    )
    chance_text = "" if chance is None else f", chance {number(chance)}"
    band = (
        ""
        if low is None or high is None
        else f'<line class="band" x1="{_share_x(low):.1f}" x2="{_share_x(high):.1f}" y1="9" y2="9"/>'
    )
    return (
        f'<svg class="sharebar" viewBox="0 0 120 18" role="img" aria-label="{number(share)} {interval(low, high)}{chance_text}">'
        f'<line class="base" x1="4" x2="116" y1="9" y2="9"/>{guess}'
        f'{band}<circle class="fill" cx="{_share_x(share):.1f}" cy="9" r="4.5"/></svg>'
    )


def change_svg(changes: Sequence[Json | None], limit: float = 1.0, bound: float | None = None) -> str:
    """Changes around 0 with their intervals, one line each, from −limit to limit: squares first, then diamonds.

    `bound` shades what counts as no change; an entry with `low90`, `high90` draws that interval thick.
    """

    def x(value: float) -> float:
        return 70 + 62 * max(-1.0, min(1.0, value / limit))

    marks, words = [], []
    known = [
        (place, change) for place, change in enumerate(changes) if change is not None and change["value"] is not None
    ]
    height = 16 * max(1, len(known)) + 4
    for row, (place, change) in enumerate(known):
        y = 10 + 16 * row
        if change["low"] is not None and change["high"] is not None:
            marks.append(
                f'<line class="thin" x1="{x(change["low"]):.1f}" x2="{x(change["high"]):.1f}" y1="{y}" y2="{y}"/>'
            )
        if change.get("low90") is not None and change.get("high90") is not None:
            marks.append(
                f'<line class="band" x1="{x(change["low90"]):.1f}" x2="{x(change["high90"]):.1f}" y1="{y}" y2="{y}"/>'
            )
        at = x(change["value"])
        if place == 0:
            marks.append(f'<rect class="fill" x="{at - 3.5:.1f}" y="{y - 3.5}" width="7" height="7"/>')
        else:
            marks.append(f'<path class="hollow" d="M{at:.1f} {y - 5}l5 5-5 5-5-5z"/>')
        words.append(f"{number(change['value'], 3)} {interval(change['low'], change['high'], 3)}")
    shade = ""
    if bound is not None:
        shade = (
            f'<rect class="shade" x="{x(-bound):.1f}" width="{x(bound) - x(-bound):.1f}" y="1" height="{height - 2}"/>'
        )
    return (
        f'<svg class="changebar" viewBox="0 0 140 {height}" role="img" aria-label="{esc("; ".join(words) or "not measured")}">'
        f'{shade}<line class="base" x1="8" x2="132" y1="{height / 2:g}" y2="{height / 2:g}"/>'
        f'<line class="zero" x1="70" x2="70" y1="1" y2="{height - 1}"/>{"".join(marks)}</svg>'
    )
