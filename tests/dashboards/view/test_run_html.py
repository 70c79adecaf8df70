"""A run's table in a notebook is headed by the words of the page, whatever its file calls the instruments."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from synthetic_run import write_synthetic_run

from strata.dashboards.from_python.finished_run import Run
from strata.dashboards.from_python.run_html import run_html
from strata.dashboards.page.escaping import esc
from strata.dashboards.sentences.families import COLUMNS
from strata.dashboards.sentences.instruments import instrument_label
from strata.dashboards.sentences.summary import FIRST_RULE
from strata.dashboards.view import build_view
from strata.experiments.run.finished import FinishedRun
from strata.experiments.run.manifest import Manifest
from strata.probes.errors import StrataError


def told(run: Path) -> str:
    summary = json.loads((run / "summary.json").read_text())
    return run_html(FinishedRun(run, Manifest(verb="locate"), summary, (), {}), None)


def test_it_says_what_the_page_says_and_shows_every_family_and_reading(synthetic: Path) -> None:
    page = told(synthetic)
    for sentence in build_view(synthetic).as_json()["verdict"]["sentences"]:
        if sentence["about"] != "readings":
            assert f"<p>{esc(sentence['head'] + sentence['rest'])}</p>" in page
    headed = re.findall(r"<th>(.*?)</th>", page)
    assert headed[: len(COLUMNS)] == [esc(name) for name in COLUMNS]
    assert headed[len(COLUMNS) :] == ["kind", "items", "answers", *map(instrument_label, ("probe", "lens"))]
    assert "<td>capital</td>" in page and "not placed: it isn&#x27;t answered above chance" in page


def test_of_the_withdrawn_rule_it_shows_no_place(tmp_path: Path) -> None:
    page = told(write_synthetic_run(tmp_path / "run", first_rule=True))
    assert esc(FIRST_RULE) in page and "block 3" not in page and "<td>capital</td>" not in page


def test_a_table_without_a_name_is_refused_with_the_names(synthetic: Path) -> None:
    run = Run(synthetic, FinishedRun(synthetic, Manifest(verb="locate"), {}, ("behaviour", "curves"), {}))
    with pytest.raises(StrataError, match=r"several tables\. Name one of them: behaviour, curves"):
        run.to_pandas()


def test_a_run_hands_out_its_places_typed_and_drawn(synthetic: Path, tmp_path: Path) -> None:
    summary = json.loads((synthetic / "summary.json").read_text())
    run = Run(synthetic, FinishedRun(synthetic, Manifest(verb="locate"), summary, (), {}))
    place = run.localisation.families["capital"].place
    assert place is not None and place.cell == "move"
    assert len(run.stage_map("capital", "dark").layout.annotations) > 10
    with pytest.raises(StrataError, match=r"no family 'captial'\. Choose among: capital"):
        run.stage_map("captial")
    first = write_synthetic_run(tmp_path / "run", first_rule=True)
    summary = json.loads((first / "summary.json").read_text())
    with pytest.raises(StrataError, match="without places of the present rule"):
        _ = Run(first, FinishedRun(first, Manifest(verb="locate"), summary, (), {})).localisation
