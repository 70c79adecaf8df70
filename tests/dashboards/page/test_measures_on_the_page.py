"""Is every measure of the answers shown under its own name, and is nothing shown as a change that another measure denies?"""

from __future__ import annotations

import json
import re
import shutil
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from synthetic_comparison import body_of, view_of

from strata.dashboards.page.templates import macro
from strata.dashboards.sentences.deciding_measure import deciding_label
from strata.experiments.compare.measure_agreement import agreement, claimed
from strata.experiments.results.answer_measures import (
    AGREEING,
    BY_CHOICE,
    BY_LIKELIHOOD,
    deciding,
    value_of,
)
from strata.experiments.results.comparison import ComparedKind

LOSS = {"value": -0.2, "low": -0.3, "high": -0.1, "n_items": 40, "n_clusters": 40, "method": ""}


def copied(run: Path, to: Path) -> Path:
    """One that may be changed."""
    return Path(shutil.copytree(run, to / "run"))


def text_of(body: str) -> str:
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]*>", " ", body)))


def rewritten(run: Path, kind: str, **measures: Any) -> None:
    summary = json.loads((run / "comparison.json").read_text())
    of_kind = ComparedKind.model_validate(summary["kinds"][kind] | measures)
    of_kind = of_kind.model_copy(update={"agreement": agreement(of_kind), "claimed": claimed(of_kind)})
    summary["kinds"][kind] = of_kind.model_dump(mode="json")
    (run / "comparison.json").write_text(json.dumps(summary))


def test_each_number_stands_under_the_measure_it_is_of(plain_comparison_run: Path, tmp_path: Path) -> None:
    run = copied(plain_comparison_run, tmp_path)
    summary = json.loads((run / "comparison.json").read_text())
    for kind in view_of(run)["answers"]["kinds"]:
        of_kind = summary["kinds"][kind["kind"]]
        assert [measure["label"] for measure in kind["measures"]] == [measure.label for measure in AGREEING]
        for shown in kind["measures"]:
            source = of_kind["by_choice" if shown["name"] == "accuracy" else shown["name"]]
            assert shown["estimates"]["change"]["value"] == pytest.approx(source["change"]["value"], rel=1e-4)
        assert [measure["decides"] for measure in kind["measures"]] == [True, False, False, False]


def test_accuracies_that_different_measures_decided_stand_beside_both_of_them(
    plain_comparison_run: Path, tmp_path: Path
) -> None:
    run = copied(plain_comparison_run, tmp_path)
    rewritten(run, "knowledge", decided_by={"by_choice": 30, "by_likelihood": 8})
    (kind,) = (entry for entry in view_of(run)["answers"]["kinds"] if entry["kind"] == "knowledge")
    labels = [measure["label"] for measure in kind["measures"]]
    assert labels[0] == "share answered right (30 by choice, 8 by likelihood)"
    assert labels[1:3] == [BY_CHOICE.label, BY_LIKELIHOOD.label]


def test_a_change_that_another_measure_denies_is_marked_and_told(uncontrolled_run: Path, tmp_path: Path) -> None:
    run = copied(uncontrolled_run, tmp_path)
    reasoning = json.loads((run / "comparison.json").read_text())["kinds"]["reasoning"]
    down = {**reasoning["answer_logprob"], "change": {**LOSS, "value": -2.0, "low": -3.0, "high": -1.0}}
    rewritten(run, "reasoning", answer_logprob=down)
    text = text_of(body_of(run))
    assert (
        "The measures disagree: against the base: accuracy by choice +25.0 points [+17.0, +33.0], accuracy by" in text
    )
    assert "log-probability of the answer −2.00 nats [−3.00, −1.00]" in text and "+25.0 ≠" in text


def estimate(given: dict[str, Any], **agreed: bool) -> str:
    return str(macro("estimate", "comparison/estimates.html", given, "change", **agreed))


def test_a_number_is_bold_only_where_it_is_claimed() -> None:
    assert "est sure" in estimate(LOSS, claimed=True) and "≠" not in estimate(LOSS)
    assert "est sure" not in estimate(LOSS), "an interval that leaves 0 out is no claim"
    denied = estimate(LOSS, opposite=True)
    assert "est sure" not in denied and "≠" in denied
    unsure = estimate({**LOSS, "high": 0.1}, opposite=True)
    assert "est sure" not in unsure and "≠" not in unsure


def section(run: Path, start: str, end: str) -> str:
    page = body_of(run)
    return page[page.index(start) : page.index(end, page.index(start))]


def test_what_only_some_measures_show_is_plain_and_told_beneath(uncontrolled_run: Path, tmp_path: Path) -> None:
    run = copied(uncontrolled_run, tmp_path)
    assert "est sure" in section(run, 'id="answers"', '<h3 id="format"')
    reasoning = json.loads((run / "comparison.json").read_text())["kinds"]["reasoning"]
    noise = {**reasoning["answer_logprob"], "change": {**LOSS, "value": 0.11, "low": -0.99, "high": 1.17}}
    for kind in ("reasoning", "composite"):
        rewritten(run, kind, answer_logprob=noise)
    kinds = section(run, 'id="answers"', '<h3 id="format"')
    assert "est sure" not in kinds and "≠</abbr>" not in kinds
    assert (
        "shown by accuracy by choice, accuracy by likelihood, logit difference, not shown by log-probability" in kinds
    )


def test_a_family_is_never_bold_since_there_are_many(plain_comparison_run: Path, tmp_path: Path) -> None:
    run = copied(plain_comparison_run, tmp_path)
    rows = section(run, "<h3>By family", "</section>")
    assert "+20 <" in rows.replace("<small", " <small") and "est sure" not in rows
    assert "not corrected for the number of families" in rows


def test_a_depth_that_is_not_located_in_both_models_has_no_number(plain_comparison_run: Path, tmp_path: Path) -> None:
    run = copied(plain_comparison_run, tmp_path)
    view = view_of(run)
    rows = {(row["kind"], row["role"]): row for row in view["locations"]["rows"]}
    assert rows["knowledge", "distilled"]["located"] and not rows["reasoning", "distilled"]["located"]
    assert rows["reasoning", "distilled"]["value"] == 0.13, "the view keeps what the run measured"
    section = re.search(r'<section id="locations".*?</section>', body_of(run), re.DOTALL)
    assert section is not None and "0.010" in section[0] and "0.130" not in section[0]


def test_orders_are_told_model_by_model(plain_comparison_run: Path, tmp_path: Path) -> None:
    run = copied(plain_comparison_run, tmp_path)
    summary = json.loads((run / "comparison.json").read_text())
    why = "The order of knowledge and reasoning is undetermined: reasoning is not located."
    assert text_of(body_of(run)).count(why) == len(summary["models"])


@pytest.mark.parametrize(
    ("row", "name"),
    [
        ({"answered": True, "correct_by_choice": True, "correct_by_likelihood": False, "rank": 3}, "by_choice"),
        ({"answered": False, "correct_by_choice": None, "correct_by_likelihood": False, "rank": 3}, "by_likelihood"),
        ({"answered": True, "correct_by_choice": None, "correct_by_likelihood": None, "rank": 0}, "first_token"),
        ({"answered": None}, None),
    ],
)
def test_the_measure_that_decides_says_what_the_column_answered_says(row: dict[str, Any], name: str | None) -> None:
    measure = deciding(row)
    assert (None if measure is None else measure.name) == name
    if measure is not None:
        assert value_of(row, measure) == row["answered"]
        assert deciding_label({measure.name: 1}) == measure.label
