"""How do a page's figures fit into it? What several of them hold alike is kept once, and all is zipped.

Curves of one run share numbers, styles and words: a mean stands in the figure of its kind, beside another kind's and in the
tables. A gzip window of 32 KiB sees little of that, so equal parts are kept in a pool first, and `figures.js` puts them back.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Hashable
from dataclasses import asdict, dataclass
from typing import Any

from strata.dashboards.figures.figure_values import NARROW_FROM, WIDE_FROM, Figures, PlotlyObject, Rounded
from strata.dashboards.figures.palette import PALETTES
from strata.dashboards.page.document import zipped

REFERENCE = "$"
_WORTH_IT = 40
"""Characters from which on a part is worth a place in the pool."""


def figures_element(figures: Figures) -> str:
    """A script element that isn't run; `unpackFigures` of figures.js reads it."""
    known = Rounded()
    plain = {
        view: {
            choice: {width: drawn.as_json(known) for width, drawn in widths.items()}
            for choice, widths in choices.items()
        }
        for view, choices in figures.items()
    }
    pool, packed = pooled(plain)
    palettes = {theme: asdict(palette) for theme, palette in PALETTES.items()}
    return zipped(
        "figures-blob",
        {"palettes": palettes, "from": [WIDE_FROM, NARROW_FROM], "pool": pool, "figures": packed},
    )


def pooled(value: PlotlyObject) -> tuple[list[Any], Any]:
    """Parts that occur several times, each before whatever refers to it, and the value with `{"$": place}` in their stead."""
    nodes = _Nodes()
    times: Counter[_Node] = Counter()

    def count(part: dict[str, Any] | list[Any]) -> None:
        node = nodes.of(part)
        times[node] += 1
        if times[node] == 1:  # what a part holds is kept with it
            for inner in node.containers:
                count(inner)

    pool: list[Any] = []
    places: dict[_Node, int] = {}

    def pack(part: Any) -> Any:
        if type(part) not in _CONTAINERS:
            return part
        node = nodes.of(part)
        if node in places:
            return {REFERENCE: places[node]}
        if not node.containers:
            packed = part
        elif isinstance(part, dict):
            packed = {name: pack(inner) for name, inner in part.items()}
        else:
            packed = [pack(one) for one in part]
        if times[node] < 2 or not node.is_worth_it(part):
            return packed
        places[node] = len(pool)
        pool.append(packed)
        return {REFERENCE: places[node]}

    count(value)
    return pool, pack(value)


_CONTAINERS = frozenset((dict, list))


@dataclass(eq=False)
class _Node:
    """All parts that are alike; known by identity."""

    containers: tuple[dict[str, Any] | list[Any], ...]
    """What one of them holds that holds something itself."""
    _worth_it: bool | None = None

    def is_worth_it(self, part: dict[str, Any] | list[Any]) -> bool:
        """Whether a place in the pool is shorter than `part`, one of them."""
        if self._worth_it is None:
            # An entry takes at least two characters, so a long part needn't be written out.
            long = 2 * len(part) >= _WORTH_IT
            self._worth_it = long or len(json.dumps(part, separators=(",", ":"))) >= _WORTH_IT
        return self._worth_it


class _Nodes:
    """Which parts are alike? Told without writing them out: by their names, and what they hold by value or by node."""

    def __init__(self) -> None:
        self._of_part: dict[int, _Node] = {}
        self._of_key: dict[Hashable, _Node] = {}

    def of(self, part: dict[str, Any] | list[Any]) -> _Node:
        known = self._of_part.get(id(part))
        if known is not None:
            return known
        inner = tuple(part.values()) if isinstance(part, dict) else tuple(part)
        # 1, 1.0 and true are equal, and written differently.
        kinds = tuple(map(type, inner))
        containers: tuple[Any, ...] = ()
        held = inner
        if not _CONTAINERS.isdisjoint(kinds):
            containers = tuple(one for one in inner if type(one) in _CONTAINERS)
            held = tuple(self.of(one) if type(one) in _CONTAINERS else one for one in inner)
        key = (tuple(part) if isinstance(part, dict) else None, kinds, held)
        node = self._of_key.setdefault(key, _Node(containers))
        self._of_part[id(part)] = node
        return node
