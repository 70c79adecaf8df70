"""Does the first screen say how sure a statement is, by how much, and what the controls say, of every kind with a place?"""

from __future__ import annotations

from synthetic_localisation import kind_localisation, localisation, placed_family, without_interventions

from strata.dashboards.sentences.first_evidence import evidence_lines
from strata.experiments.results.kinds import Localisation
from strata.experiments.results.reasons import WhyNotLocated


def test_of_a_located_kind_its_interval_its_controls_and_what_is_gained_there() -> None:
    families = {name: placed_family("knowledge", 30) for name in ("a", "b")}
    families |= {name: placed_family("control", 30, contrast=name[0]) for name in ("a_stated", "b_stated")}
    assert families["b_stated"].place is not None
    elsewhere = families["b_stated"].place.model_copy(update={"cell": "gather"})
    families["b_stated"] = families["b_stated"].model_copy(update={"place": elsewhere})
    made = localisation(30, families)
    (told,) = evidence_lines(made)
    located = made.kinds["knowledge"].located
    assert located is not None and located.gained is not None and located.excess is not None
    low, high = located.interval
    assert told.startswith(
        f"Knowledge: 95 % interval [{low}, {high}]; 1 of 2 controls share their family's part; 0.62 [0.55, 0.69] of"
    )
    assert told.endswith("not shown to differ from the control's (+0.08 [−0.02, +0.18])")


def test_of_an_undetermined_kind_how_often_its_families_places_hold_and_what_their_part_does() -> None:
    families = {name: placed_family("reasoning", 30) for name in ("a", "b", "c")}
    assert families["c"].place is not None
    seldom = families["c"].place.model_copy(update={"cell": "move", "support": 0.49})
    families["c"] = families["c"].model_copy(update={"place": seldom})
    why = WhyNotLocated(code="families-disagree", placed=2, families=3, needed=3)
    of_kind = kind_localisation("reasoning", families, 30).model_copy(update={"located": None, "why_not_located": why})
    made = localisation(30, families).model_copy(update={"kinds": {"reasoning": of_kind}})
    (told,) = evidence_lines(made)
    assert "families' places hold in 49 % (c) to 97 % of draws of entities" in told and "no control has a place" in told
    effect = of_kind.cells["work_out"].effect
    assert effect is not None and f"MLP at the last token: {effect.value:.2f} [" in told


def test_of_what_has_no_place_nothing() -> None:
    assert evidence_lines(without_interventions(localisation(30))) == []
    assert evidence_lines(Localisation(n_layers=4, families={}, kinds={}, order=localisation(4).order)) == []
