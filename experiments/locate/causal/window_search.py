"""Which windows of a cell are worth an edit? Coarse to fine: the cumulative curves first, then windows where they rise.

A decision is made from effects that were measured, never from a model of them: what isn't measured is drawn as a straight
line between two points that differ by less than `FLAT` of the whole.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import pairwise

from strata.experiments.statistics.loci import REACHES
from strata.experiments.statistics.window_effects import Window

FLAT = 0.12
"""Rise of a cumulative curve, as a share of the whole effect, below which blocks between two measured ones are skipped."""
RISES = 0.1
"""Share of the whole effect that a cumulative curve reaches before windows are searched."""
WIDTHS = (1, 2, 3, 5, 8)
_STARTS = 5
"""First blocks from which the shortest window of a wide region is looked for."""
_APART = 4
"""Blocks between the first blocks of the widest windows: whatever fits into five blocks lies in one of them."""
_COARSE = 8
"""Steps of a curve at first."""
_PROMISING = 0.6
"""Share of the whole effect from which on a window's parts are measured: below `REACHES`, since other clusters may say so."""


def curve_windows(first: int, n_layers: int) -> list[Window]:
    """The whole cell and a coarse grid of both cumulative curves."""
    last = n_layers - 1
    step = max(1, math.ceil((last - first + 1) / _COARSE))
    ends = [*range(first + step - 1, last, step), last]
    starts = [first, *range(last - step + 1, first, -step)]
    return list(dict.fromkeys([(first, last), *((first, end) for end in ends), *((start, last) for start in starts)]))


def finer_curves(effects: Mapping[Window, float], first: int, n_layers: int) -> list[Window]:
    """Windows between two neighbouring points of a curve that differ by more than `FLAT`."""
    last = n_layers - 1
    whole = abs(effects[first, last])
    up = {end: effect for (start, end), effect in effects.items() if start == first}
    down = {start: effect for (start, end), effect in effects.items() if end == last}
    wanted = [(first, end) for end in _between({first - 1: 0.0, **up}, FLAT * whole)]
    return [*wanted, *((start, last) for start in _between({**down, last + 1: 0.0}, FLAT * whole))]


def _between(curve: Mapping[int, float], flat: float) -> list[int]:
    places = sorted(curve)
    return [
        (left + right) // 2
        for left, right in pairwise(places)
        if right - left > 1 and abs(curve[right] - curve[left]) > flat
    ]


def rising_points(effects: Mapping[Window, float], first: int, n_layers: int) -> set[Window]:
    """The windows that draw both cumulative curves: the others lie on a line between two of them that hardly rises."""
    last = n_layers - 1
    whole = effects[first, last]
    up = {end: effect for (start, end), effect in effects.items() if start == first}
    down = {start: effect for (start, end), effect in effects.items() if end == last}
    return {
        *((first, end) for end in _telling({first - 1: 0.0, **up}, whole) if end >= first),
        *((start, last) for start in _telling({**down, last + 1: 0.0}, whole) if start <= last),
    }


def _telling(curve: Mapping[int, float], whole: float) -> list[int]:
    """Points of a curve without those between two that differ by less than half of `FLAT`, on one side of what a locus reaches."""
    places = sorted(curve)
    kept = places[:1]
    for place, after in pairwise(places[1:]):
        three = [curve[kept[-1]], curve[place], curve[after]]
        sides = {value >= REACHES * whole for value in three}
        if max(three) - min(three) > FLAT / 2 * abs(whole) or len(sides) > 1:
            kept.append(place)
    return [*kept, *places[-1:]]


def region_of(effects: Mapping[Window, float], first: int, n_layers: int) -> Window:
    """Blocks between which the effect arises: below and above, a cumulative curve has less than a tenth of it."""
    last = n_layers - 1
    whole = effects[first, last]
    ends = [end for (start, end), effect in effects.items() if start == first and effect >= RISES * whole]
    starts = [start for (start, end), effect in effects.items() if end == last and effect >= RISES * whole]
    one, other = min(ends, default=last), max(starts, default=first)
    return min(one, other), max(one, other)


def windows_inside(effects: Mapping[Window, float], first: int, n_layers: int) -> list[Window]:
    """Windows of the region that are to be measured next, given what is known.

    All of a narrow region. Of a wide one the widest windows first, then the parts of those that reach most of the effect, and
    for places wider than these the shortest window from some of its blocks on.
    """
    whole = effects[first, n_layers - 1]
    low, high = region_of(effects, first, n_layers)
    wanted: list[Window] = [(low, high)]
    width = high - low + 1
    if width <= WIDTHS[-1]:
        wanted += [(start, start + size - 1) for size in WIDTHS for start in range(low, high - size + 2)]
        return wanted
    widest = WIDTHS[-1]
    wanted += [(start, start + widest - 1) for start in (*range(low, high - widest + 1, _APART), high - widest + 1)]
    for (start, end), effect in effects.items():
        size = end - start + 1
        if effect >= _PROMISING * whole and size in WIDTHS and size > 1 and low <= start and end <= high:
            smaller = WIDTHS[WIDTHS.index(size) - 1]
            wanted += [(inner, inner + smaller - 1) for inner in range(start, end - smaller + 2)]
    return wanted + _just_reaching(effects, first, n_layers)


def _just_reaching(effects: Mapping[Window, float], first: int, n_layers: int) -> list[Window]:
    """The next step of bisections for the shortest windows that reach a locus.

    From a few first blocks the last one is looked for, from the lowest block at which the rising curve gets there the first one.
    The curve says where to look first; only windows that were measured decide: a part may do more beside another one than the
    curves show.
    """
    last = n_layers - 1
    enough = REACHES * effects[first, last]
    reaching = [window for window, effect in effects.items() if effect >= enough]
    highest_start = max(start for start, end in reaching if end == last)
    lowest_end = min(end for start, end in reaching if start == first)
    starts = {round(first + (highest_start - first) * step / (_STARTS - 1)) for step in range(_STARTS)}
    wanted: list[Window] = []
    rising = _filled({first - 1: 0.0} | {end: effect for (start, end), effect in effects.items() if start == first})
    expected = {start: _first_reaching(rising, start, enough) for start in starts}
    for start in sorted(starts):
        if (start, last) not in effects:
            wanted.append((start, last))
            continue
        of_start = {end: effect for (begin, end), effect in effects.items() if begin == start}
        ends = [end for end, effect in of_start.items() if effect >= enough]
        if ends:
            too_low = max([end for end in of_start if end < min(ends)], default=start - 1)
            if min(ends) - too_low > 1:
                wanted.append((start, _next_end(too_low, min(ends), expected[start])))
    of_end = {start: effect for (start, end), effect in effects.items() if end == lowest_end}
    highest = max(start for start, effect in of_end.items() if effect >= enough)
    too_high = min([start for start in of_end if start > highest], default=lowest_end + 1)
    if too_high - highest > 1:
        wanted.append(((highest + too_high) // 2, lowest_end))
    return wanted


def _filled(curve: Mapping[int, float]) -> dict[int, float]:
    """A curve at every block, by straight lines between its points."""
    filled: dict[int, float] = {}
    for left, right in pairwise(sorted(curve)):
        rise = (curve[right] - curve[left]) / (right - left)
        filled |= {block: curve[left] + rise * (block - left) for block in range(left, right + 1)}
    return filled


def _first_reaching(rising: Mapping[int, float], start: int, enough: float) -> int | None:
    """Where a window from `start` on would reach it, if each block did as much as it adds to the rising curve."""
    below = rising[start - 1]
    return next((end for end in sorted(rising) if end >= start and rising[end] - below >= enough), None)


def _next_end(too_low: int, reaches: int, expected: int | None) -> int:
    """Where to look between two ends: at the expected one, then just below or above it; in the middle where it was far out."""
    if expected is not None:
        for end in (expected, expected - 1, expected + 1):
            if too_low < end < reaches and (end == expected or expected in (too_low, reaches)):
                return end
    return (too_low + reaches) // 2


def missing(windows: list[Window], effects: Mapping[Window, float]) -> list[Window]:
    """Those that weren't measured yet, each once."""
    return [window for window in dict.fromkeys(windows) if window not in effects]
