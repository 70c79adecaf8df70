"""Is a family found under what it is called, also where two kinds have one of that name?"""

from __future__ import annotations

from dataclasses import dataclass

from strata.experiments.results.family_names import called, result_of


@dataclass
class Said:
    kind: str


def test_families_of_one_name_are_told_by_their_kind_and_found_again() -> None:
    families = [("knowledge", "capital"), ("reasoning", "capital"), ("reasoning", "sum")]
    own = [family for _, family in families]
    results = {called(kind, family, own): Said(kind) for kind, family in families}
    assert list(results) == ["knowledge capital", "reasoning capital", "sum"]
    for kind, family in families:
        found = result_of(results, kind, family)
        assert found is not None and found.kind == kind
    assert result_of(results, "knowledge", "sum") is None and result_of(results, "control", "capital") is None


def test_a_family_that_alone_was_measured_needs_no_kind_before_it() -> None:
    results = {"capital": Said("knowledge")}
    assert result_of(results, "knowledge", "capital") is results["capital"]
    assert result_of(results, "reasoning", "capital") is None
