"""Which caveats do two read-outs call for?"""

from __future__ import annotations

from typing import Any

import pytest

from strata.experiments.locate.summary import _families, decodable_before_readable


def onset(layer: int | None, *interval: int | None) -> dict[str, Any]:
    return {"layer": layer, "interval": list(interval) or None}


@pytest.mark.parametrize(
    ("probe", "lens", "streams"),
    [
        (onset(12, 10, 14), onset(20, 18, 22), 8),
        # 21 [17, 24] and 24 [22, 27] may be the same stream.
        (onset(21, 17, 24), onset(24, 22, 27), None),
        (onset(12, 10, 18), onset(20, 18, 22), None),
        (onset(12, 10, None), onset(20, 18, 22), None),
        (onset(12, 10, 14), onset(20, 18, None), 8),
        (onset(12), onset(20, 18, 22), None),
        (onset(12, 12, 12), onset(14, 14, 14), None),
        (onset(20, 18, 22), onset(12, 10, 14), None),
        (onset(None), onset(12, 10, 14), None),
        (None, onset(12, 10, 14), None),
    ],
)
def test_an_answer_is_decodable_before_it_is_readable_only_where_the_intervals_are_apart(
    probe: dict[str, Any] | None, lens: dict[str, Any] | None, streams: int | None
) -> None:
    assert decodable_before_readable(probe, lens) == streams


def test_a_family_is_found_under_its_name_whichever_of_its_namesakes_were_asked() -> None:
    knowledge, control = ({"kind": kind, "family": "capital"} for kind in ("knowledge", "control"))
    said = {"kind": "knowledge", "pairs": 12}
    both = _families([knowledge, control], {"capital": said})
    assert both["knowledge capital"]["pairs"] == 12 and both["control capital"]["pairs"] == 0
    assert both["control capital"]["why_not_placed"]["code"] == "no-interventions"
    one = _families([knowledge], {"knowledge capital": said, "control capital": {"kind": "control", "pairs": 9}})
    assert one == {"capital": {**said, "behaviour": knowledge}}
