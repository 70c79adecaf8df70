"""What stands in the verdict's table of kinds: where it is located, in how many families, and from which stream it can be read?"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from strata.dashboards.number_formats import count, number, stream_range
from strata.dashboards.sentences.localisation import located_words
from strata.dashboards.sentences.places import span_words
from strata.experiments.results.kinds import Located

NotLocated = Literal["withdrawn", "undetermined", "not-sought"]
_NOT_LOCATED: dict[NotLocated, str] = {
    "withdrawn": "not shown",
    "undetermined": "undetermined",
    "not-sought": "not looked for",
}
NO_READ_OUT = "not run"


def located_in(located: Located | None, spans: Iterable[str | None], otherwise: NotLocated) -> str:
    """Where a kind is located; `spans`: of its families."""
    return _NOT_LOCATED[otherwise] if located is None else located_words(located, span_words(spans))


def tested_in(located: Located | None) -> str:
    """`3 of 4 families`."""
    return "" if located is None else f"{located.families} of {count(located.of, 'family', 'families')}"


def read_from(stream: int | None, depth: float | None, interval: tuple[float | None, float | None]) -> str:
    """`stream 3, depth 0.25 (2–4)`, or `none`."""
    low, high = interval
    band = "" if low is None else f" ({stream_range(low, high)})"
    return "none" if stream is None else f"stream {stream}, depth {number(depth)}{band}"
