"""Pairs in which only the form of the answer changed, or only one answer became likelier whatever is asked: nothing is called lost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from planted_models.pairs import write_bias_pair, write_format_pair
from small_comparison import CONFIG, SHAPE, compared, few_items, rows_of

from strata.experiments.compare.model_specs import Specs

Finished = tuple[Path, dict[str, Any]]
KINDS = ("knowledge", "reasoning")


def finished(pair: Any, directory: Path) -> Finished:
    base, changed = pair(directory / "pair", **SHAPE)
    items = few_items(base, directory / "items.jsonl")
    out = directory / "run"
    return out, compared(Specs(str(base.checkpoint), str(changed.checkpoint)), out, items, config=CONFIG)


@pytest.fixture(scope="module")
def format_alone(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    return finished(write_format_pair, tmp_path_factory.mktemp("format"))


@pytest.fixture(scope="module")
def bias_alone(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    return finished(write_bias_pair, tmp_path_factory.mktemp("bias"))


@pytest.mark.parametrize("kind", KINDS)
def test_where_only_the_format_changed_all_of_the_fall_is_format(format_alone: Finished, kind: str) -> None:
    of_kind = format_alone[1]["kinds"][kind]
    fall = of_kind["accuracy"]["change"]
    assert fall["value"] <= -0.7 and fall["high"] < 0, "as asked the fall is plain"
    for measure in ("accuracy", "logit_difference", "answer_logprob"):
        share = of_kind["format"]["measures"][measure]["format"]["share"]
        assert share["value"] == pytest.approx(1.0, abs=0.02) and share["low"] > 0.95
    assert of_kind["format"]["measures"]["accuracy"]["chosen"]["distilled"] == ["empty_block", "empty_block"]
    assert of_kind["format"]["claimed"] == 0


def test_where_only_the_format_changed_nothing_is_claimed_first(format_alone: Finished) -> None:
    assert [number["claim"] for number in format_alone[1]["headline"].values()] == [0, 0, 0]


@pytest.mark.parametrize("kind", KINDS)
def test_a_bias_towards_one_answer_is_no_change_of_what_is_known(bias_alone: Finished, kind: str) -> None:
    run, comparison = bias_alone
    of_kind = comparison["kinds"][kind]
    assert of_kind["claimed"] == of_kind["format"]["claimed"] == 0
    assert [number["claim"] for number in comparison["headline"].values()] == [0, 0, 0]
    before, after = (
        {row["item"]: row["answer_logprob"] for row in rows_of(run / role, "behaviour", kind=kind)}
        for role in ("base", "distilled")
    )
    assert any(abs(after[item] - before[item]) > 0.01 for item in before), "and yet the model is another one"


def test_a_bias_towards_one_answer_changes_no_cell_and_no_place(bias_alone: Finished) -> None:
    compared_cells = bias_alone[1]["cells"]["distilled"]
    assert compared_cells["cells"] > 0
    assert not compared_cells["changed"] and not compared_cells["moved"]
