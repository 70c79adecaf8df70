"""Does a name of any length stay short on a page, and the same name wherever it stands?"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from campaign.hostile_names import LOCATED, renamed
from hypothesis import given
from hypothesis import strategies as st
from synthetic_comparison import write_synthetic_comparison
from synthetic_run import write_synthetic_run

from strata.dashboards.page import write_comparison, write_report
from strata.dashboards.sentences.shown_names import LONGEST, shown_name, with_shown_names

MUCH = 500_000
"""Bytes by which a page may grow for a name of 90,000 letters; it holds each of its names hundreds of times."""


@given(st.text(), st.text())
def test_names_stay_apart(one: str, other: str) -> None:
    long, longer = one + "x" * LONGEST, other + "x" * LONGEST
    assert (shown_name(long) == shown_name(longer)) == (long == longer)
    assert len(shown_name(long)) <= LONGEST
    assert shown_name(one[:LONGEST]) == one[:LONGEST]


def test_keys_and_texts_of_a_value_are_cut_alike() -> None:
    name = "é" * 5_000
    cut = with_shown_names({name: [{"family": name, "n": 3}, None, 0.5]})
    assert cut == {shown_name(name): [{"family": shown_name(name), "n": 3}, None, 0.5]}


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("named") / "plain"
    return write_synthetic_run(run, hostile=False, without={"probes", "tuned", "format_check"})


FIRST, *REST = LOCATED


@pytest.mark.parametrize("what", [FIRST, *(pytest.param(what, marks=pytest.mark.thorough) for what in REST)])
def test_a_page_with_an_endless_name_is_hardly_larger(plain: Path, tmp_path: Path, what: str) -> None:
    size = write_report(plain).stat().st_size
    page = write_report(renamed(plain, tmp_path / "renamed", LOCATED[what], "<b>" * 30_000))
    assert page.stat().st_size < size + MUCH


def test_a_comparison_with_a_model_of_an_endless_name_names_it_in_short(tmp_path: Path) -> None:
    plain = write_synthetic_comparison(tmp_path / "plain", hostile=False)
    size = write_comparison(plain).stat().st_size
    run = renamed(plain, tmp_path / "renamed", "/home/someone/models/distilled", "a" * 100_000)
    assert write_comparison(run).stat().st_size < size + MUCH
    view = json.loads((run / "view.json").read_text())
    assert {len(model["label"]) <= LONGEST for model in view["models"]} == {True} and len(view["run"]["title"]) < 600
