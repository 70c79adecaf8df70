"""Is what the page puts back from the pool what was put in, and is nothing kept twice that is worth a place there?"""

from __future__ import annotations

from typing import Any

from strata.dashboards.page.embedded_figures import REFERENCE, pooled


def put_back(part: Any, pool: list[Any]) -> Any:
    """As `putBack` of figures.js."""
    if isinstance(part, list):
        return [put_back(one, pool) for one in part]
    if not isinstance(part, dict):
        return part
    if REFERENCE in part:
        return pool[part[REFERENCE]]
    return {name: put_back(inner, pool) for name, inner in part.items()}


def opened(pool: list[Any], packed: Any) -> Any:
    whole: list[Any] = []
    for part in pool:
        whole.append(put_back(part, whole))
    return put_back(packed, whole)


def test_what_is_put_back_is_what_was_put_in() -> None:
    numbers = [0.25 * n for n in range(30)]
    line = {"x": list(range(30)), "y": numbers, "line": {"color": "#0072b2", "width": 2.4, "dash": "solid"}}
    figures = {
        "a": {"data": [line, {**line, "name": "other"}], "empty": [], "none": None},
        "b": {"data": [{**line}], "again": [dict(line), "</script>", True, 1, 1.5]},
    }
    pool, packed = pooled(figures)
    assert opened(pool, packed) == figures
    assert str((pool, packed)).count("7.25") == 1 and str((pool, packed)).count("#0072b2") == 1


def test_what_stands_there_once_stays_where_it_is() -> None:
    pool, packed = pooled({"a": {"y": list(range(50))}, "b": {"y": list(range(1, 51))}})
    assert pool == [] and packed["b"]["y"][49] == 50
