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
    wanted += [(start, start + widest - 1) for start in (*range(low, high - widest + 1, 2), high - widest + 1)]
    for (start, end), effect in effects.items():
        size = end - start + 1
        if effect >= _PROMISING * whole and size in WIDTHS and size > 1 and low <= start and end <= high:
            smaller = WIDTHS[WIDTHS.index(size) - 1]
            wanted += [(inner, inner + smaller - 1) for inner in range(start, end - smaller + 2)]
    return wanted + _just_reaching(effects, first, n_layers)


def _just_reaching(effects: Mapping[Window, float], first: int, n_layers: int) -> list[Window]:
    """The next step of bisections for the shortest windows that reach a locus.

    From a few first blocks the last one is looked for, from the lowest block at which the rising curve gets there the first one.
    Only windows that were measured decide: a part may do more beside another one than the curves show.
    """
    last = n_layers - 1
    enough = REACHES * effects[first, last]
    reaching = [window for window, effect in effects.items() if effect >= enough]
    highest_start = max(start for start, end in reaching if end == last)
    lowest_end = min(end for start, end in reaching if start == first)
    starts = {round(first + (highest_start - first) * step / (_STARTS - 1)) for step in range(_STARTS)}
    wanted: list[Window] = []
    for start in sorted(starts):
        if (start, last) not in effects:
            wanted.append((start, last))
            continue
        of_start = {end: effect for (begin, end), effect in effects.items() if begin == start}
        ends = [end for end, effect in of_start.items() if effect >= enough]
        if ends:
            too_low = max([end for end in of_start if end < min(ends)], default=start - 1)
            if min(ends) - too_low > 1:
                wanted.append((start, (min(ends) + too_low) // 2))
    of_end = {start: effect for (start, end), effect in effects.items() if end == lowest_end}
    highest = max(start for start, effect in of_end.items() if effect >= enough)
    too_high = min([start for start in of_end if start > highest], default=lowest_end + 1)
    if too_high - highest > 1:
        wanted.append(((highest + too_high) // 2, lowest_end))
    return wanted


def missing(windows: list[Window], effects: Mapping[Window, float]) -> list[Window]:
    """Those that weren't measured yet, each once."""
    return [window for window in dict.fromkeys(windows) if window not in effects]
