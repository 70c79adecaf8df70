"""Does the view say of the places what the typed results say, and nothing of those of the withdrawn rule?"""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from synthetic_localisation import localisation
from synthetic_run import write_synthetic_run

from strata.dashboards.page.escaping import prose
from strata.dashboards.page.report_page import render_report
from strata.dashboards.sentences.localisation import sentences
from strata.dashboards.sentences.summary import FIRST_RULE
from strata.dashboards.view import build_report, build_view, validate_view
from strata.dashboards.view.stage_tables import measured_words
from strata.experiments.run.summary_file import summary_of
from strata.probes.errors import StrataError

Json = dict[str, Any]


@pytest.fixture(scope="module")
def view(synthetic: Path) -> Json:
    return build_view(synthetic).as_json()


def test_the_typed_results_survive_their_file(synthetic: Path) -> None:
    assert (
        summary_of(json.loads((synthetic / "summary.json").read_text())).localisation.as_json()
        == localisation(12).as_json()
    )


def test_the_verdict_is_the_sentences_of_the_results(view: Json) -> None:
    told = [(s["about"], s["head"] + s["rest"]) for s in view["verdict"]["sentences"]]
    assert told[:-1] == [(s.about, s.text) for s in sentences(localisation(12))]
    assert told[-1][0] == "readings" and view["verdict"]["word"] == "retrieval-first"


def test_every_family_has_a_row_and_every_family_with_numbers_a_map(view: Json) -> None:
    made = localisation(12)
    rows = {row["family"]: row for row in view["localisation"]["rows"]}
    assert set(rows) == set(made.families)
    assert {name for name, row in rows.items() if row["place"]} == {n for n, f in made.families.items() if f.place}
    assert all(bool(row["why"]) != bool(row["place"]) for row in rows.values())
    maps = {choice["id"] for choice in view["localisation"]["choices"]}
    assert maps == {"kinds", *(f"family:{name}" for name, family in made.families.items() if family.cells)}


def test_the_table_beside_the_map_holds_its_effects(view: Json) -> None:
    made = localisation(12)
    cells = view["localisation"]["cells"]
    assert [cell["kind"] for cell in cells] == [
        kind for kind in ("knowledge", "reasoning", "composite", "control") for _ in range(4)
    ]
    for shown in cells:
        of_kind = made.kinds[shown["kind"]].cells[shown["cell"]]
        assert (shown["effect"], shown["control"]) == (measured_words(of_kind.effect), measured_words(of_kind.control))
    enrich = next(cell for cell in cells if (cell["kind"], cell["cell"]) == ("knowledge", "enrich"))
    assert not enrich["gained"].startswith("0 "), "token identity is no gain"


def test_cells_and_heads_of_every_family_are_listed_with_their_numbers(view: Json) -> None:
    made, part = localisation(12), view["localisation"]
    measured_families = [name for name, family in made.families.items() if family.cells]
    assert sorted({row["family"] for row in part["family_cells"]}) == sorted(measured_families)
    assert len(part["family_cells"]) == 4 * len(measured_families)
    gather = next(row for row in part["family_cells"] if (row["family"], row["cell"]) == ("capital", "gather"))
    assert gather["counts"] == "no: lower end of its effect under 0.25" and gather["reading"] == "–"
    first, second = [row for row in part["heads"] if row["family"] == "capital"]
    assert (first["head"], first["effect"], first["codes"]) == ("6.2", "0.60 [0.53, 0.67]", "yes")
    assert (second["head"], second["install"], second["codes"]) == ("6.0", "–", "–")
    (chosen,) = [row for row in part["head_sets"] if row["family"] == "capital"]
    assert (chosen["heads"], chosen["effect"], chosen["knockout"]) == (
        "6.2, 6.0",
        "0.81 [0.74, 0.88]",
        "0.60 [0.53, 0.67]",
    )


def test_a_place_that_a_strip_draws_lies_in_its_interval(view: Json) -> None:
    placed = [kind["place"] for kind in view["verdict"]["kinds"] if kind["place"] is not None]
    assert len(placed) == 3
    for place in placed:
        (low, high), (first, last) = place["wide"], place["ends"]
        assert 0 <= low <= first < place["depth"] < last <= high <= 1


def test_a_run_of_the_withdrawn_rule_opens_without_its_places(tmp_path: Path) -> None:
    run = write_synthetic_run(tmp_path / "run", first_rule=True)
    view = build_view(run).as_json()
    validate_view(view)
    assert view["verdict"]["state"] == view["localisation"]["state"] == "withdrawn"
    assert [s["about"] for s in view["verdict"]["sentences"]] == ["withdrawn", "readings"]
    assert view["verdict"]["word"] == "undetermined" and not view["verdict"]["ordered"]
    assert all(kind["place"] is None and kind["located"] == "not shown" for kind in view["verdict"]["kinds"])
    assert (
        view["causal"]["lines"] and view["lens_index"] and view["behaviour"]["rows"][0]["decides"]["value"] is not None
    )
    page = re.sub(r"<script.*?</script>", "", render_report(build_report(run), ""), flags=re.DOTALL)
    assert prose(FIRST_RULE) in page and "retrieval-first" not in page and "Stage map" not in page


def test_results_that_are_not_what_the_schema_says_are_refused_by_field(synthetic: Path, tmp_path: Path) -> None:
    run = Path(shutil.copytree(synthetic, tmp_path / "run"))
    summary = json.loads((run / "summary.json").read_text())
    summary["families"]["capital"]["place"]["cell"] = "elsewhere"
    (run / "summary.json").write_text(json.dumps(summary))
    with pytest.raises(StrataError, match=r"Summary\.families\.capital\.place\.cell"):
        build_view(run).as_json()
