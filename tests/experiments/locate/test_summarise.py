"""Which caveats do two read-outs call for?"""

from __future__ import annotations

import pytest

from strata.experiments.items.schema import Kind
from strata.experiments.locate.summarise import _families, decodable_before_readable
from strata.experiments.results.families import FamilyResult
from strata.experiments.results.locate_summary import FamilyBehaviour, ReadOutOnset
from strata.probes.statistics.bootstrap import Estimate


def onset(layer: int | None, *interval: int | None) -> ReadOutOnset:
    return ReadOutOnset.model_validate(
        {"layer": layer, "interval": interval or None, "depth": None, "n": 8, "definition": ""}
    )


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
    probe: ReadOutOnset | None, lens: ReadOutOnset | None, streams: int | None
) -> None:
    assert decodable_before_readable(probe, lens) == streams


def behaviour(kind: Kind) -> FamilyBehaviour:
    accuracy = Estimate(1.0, None, None, 4, 4, "")
    return FamilyBehaviour(
        family="capital", kind=kind, n=4, accuracy=accuracy, chance=0.5, decided_by={}, by_likelihood=None, by_choice=None,
        answered=False,
    )  # fmt: skip


def said(kind: Kind, pairs: int) -> FamilyResult:
    return FamilyResult(kind=kind, pairs=pairs, entities=0, answers=0, offered=0, answered_both=None)


def test_a_family_is_found_under_its_name_whichever_of_its_namesakes_were_asked() -> None:
    knowledge, control = behaviour("knowledge"), behaviour("control")
    both = _families([knowledge, control], {"capital": said("knowledge", 12)})
    assert both["knowledge capital"].pairs == 12 and both["control capital"].pairs == 0
    why = both["control capital"].why_not_placed
    assert why is not None and why.code == "no-interventions"
    one = _families([knowledge], {"knowledge capital": said("knowledge", 12), "control capital": said("control", 9)})
    assert set(one) == {"capital"} and one["capital"].pairs == 12 and one["capital"].behaviour == knowledge
