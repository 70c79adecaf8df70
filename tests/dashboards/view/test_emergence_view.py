"""Does the histogram count every item once, by the definition it names, and does the item table show the same stream?"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from strata.dashboards.page.report_page import render_report
from strata.dashboards.view import build_report, build_view

Json = dict[str, Any]


@pytest.fixture(scope="module")
def view(synthetic: Path) -> Json:
    return build_view(synthetic).as_json()


def _settled(run: Path) -> dict[str, int | None]:
    """Straight from the table, by another road than the view's."""
    rows = pq.read_table(run / "emergence.parquet").to_pylist()
    assert {row["definition"] for row in rows} == {"settled", "above_null"}
    return {row["item"]: row["stream"] for row in rows if row["definition"] == "settled"}


def test_every_item_is_counted_once_by_the_settled_definition(view: Json, synthetic: Path) -> None:
    streams = _settled(synthetic)
    kinds = {row["item"]: row["kind"] for row in pq.read_table(synthetic / "behaviour.parquet").to_pylist()}
    emergence = view["emergence"]
    assert emergence["name"] == "settled" and "at every stream up to the last" in emergence["definition"]
    assert {k["kind"] for k in emergence["kinds"]} == set(kinds.values())
    for kind in emergence["kinds"]:
        of_kind = [stream for item, stream in streams.items() if kinds[item] == kind["kind"]]
        counted = Counter(of_kind)
        assert kind["n"] == len(of_kind) == sum(name == kind["kind"] for name in kinds.values())
        assert kind["never"] == counted[None]
        assert kind["counts"] == [counted[stream] for stream in range(13)]


def test_the_item_table_shows_the_settled_stream_on_the_page_too(view: Json, synthetic: Path) -> None:
    streams = _settled(synthetic)
    columns = view["items"]["columns"]
    for item, shown in zip(columns["item"], columns["emergence"], strict=True):
        stream = streams[item]
        assert shown == {"state": "never" if stream is None else "ok", "stream": stream}
    page = render_report(build_report(synthetic), "")
    assert "Settled from: first stream from which the answer is the most likely token" in page
    assert "Emerges" not in page
