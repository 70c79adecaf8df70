"""How do a page's figures fit into it? What several of them hold alike is kept once, and all is zipped.

Curves of one run share numbers, styles and words: a mean stands in the figure of its kind, beside another kind's and in the
tables. A gzip window of 32 KiB sees little of that, so equal parts are kept in a pool first, and `figures.js` puts them back.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict
from typing import Any

from strata.dashboards.figures.drawn import NARROW_FROM, WIDE_FROM, Figures, PlotlyObject
from strata.dashboards.figures.palette import PALETTES
from strata.dashboards.page.document import zipped

REFERENCE = "$"
_WORTH_IT = 40
"""Characters from which on a part is worth a place in the pool."""


def figures_element(figures: Figures) -> str:
    """A script element that isn't run; `unpackFigures` of figures.js reads it."""
    plain = {
        view: {
            choice: {width: drawn.as_json() for width, drawn in widths.items()} for choice, widths in choices.items()
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
    texts: dict[int, str] = {}
    times: Counter[str] = Counter()

    def read(part: Any) -> str:
        if isinstance(part, dict):
            text = "{" + ",".join(f"{json.dumps(name)}:{read(inner)}" for name, inner in part.items()) + "}"
        elif isinstance(part, list):
            text = "[" + ",".join(map(read, part)) + "]"
        else:
            return json.dumps(part)
        texts[id(part)] = text
        return text

    def count(part: Any) -> None:
        if isinstance(part, dict | list):
            text = texts[id(part)]
            times[text] += 1
            if times[text] == 1:  # what a part holds is kept with it
                for inner in part.values() if isinstance(part, dict) else part:
                    count(inner)

    pool: list[Any] = []
    places: dict[str, int] = {}

    def pack(part: Any) -> Any:
        if not isinstance(part, dict | list):
            return part
        text = texts[id(part)]
        if text in places:
            return {REFERENCE: places[text]}
        packed = (
            {name: pack(inner) for name, inner in part.items()}
            if isinstance(part, dict)
            else [pack(one) for one in part]
        )
        if times[text] < 2 or len(text) < _WORTH_IT:
            return packed
        places[text] = len(pool)
        pool.append(packed)
        return {REFERENCE: places[text]}

    read(value)
    count(value)
    return pool, pack(value)
