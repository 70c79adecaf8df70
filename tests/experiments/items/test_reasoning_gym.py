"""Problems of the optional generator library as items, against the library itself."""

from __future__ import annotations

import sys

import pytest

from strata.experiments.items.item_validation import item_from_dict
from strata.experiments.items.jsonl import item_to_dict
from strata.experiments.items.reasoning_gym import from_reasoning_gym
from strata.probes.errors import StrataError


@pytest.mark.parametrize("name", ["chain_sum", "number_sequence", "syllogism"])
def test_items_have_the_librarys_questions_and_answers_and_another_answer_as_foil(name: str) -> None:
    gym = pytest.importorskip("reasoning_gym")
    items = from_reasoning_gym(name, 30, seed=7)
    assert items == from_reasoning_gym(name, 30, seed=7)
    generated = {str(entry["question"]).strip(): entry for entry in gym.create_dataset(name, size=30, seed=7)}
    answers = {str(entry["answer"]).strip() for entry in generated.values()}
    scorer = gym.create_dataset(name, size=30, seed=7)
    assert len(items) == len(generated)
    for item in items:
        question = item.prompt.removeprefix("Question: ").removesuffix("\nAnswer:")
        assert scorer.score_answer(item.answer.strip(), generated[question]) == 1.0
        assert item.foil.strip() in answers and item.foil != item.answer and not item.has_pair
        assert item_from_dict(item_to_dict(item)) == item


def test_unknown_names_settings_and_long_answers_are_refused() -> None:
    pytest.importorskip("reasoning_gym")
    with pytest.raises(StrataError, match="'chain_sum'"):
        from_reasoning_gym("chain_sums", 3)
    with pytest.raises(StrataError, match="no_such_setting"):
        from_reasoning_gym("chain_sum", 3, no_such_setting=1)
    with pytest.raises(StrataError, match="one short line"):
        from_reasoning_gym("sudoku", 3)


def test_without_the_library_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "reasoning_gym", None)
    with pytest.raises(StrataError, match=r"strata-probes\[reasoning-gym\]"):
        from_reasoning_gym("chain_sum", 3)


def test_only_text_and_finite_numbers_become_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = ["yes", 3, float("nan"), None, ["a"], {"a": 1}, "no"]
    entries = [{"question": f"Question {n}?", "answer": answer} for n, answer in enumerate(answers)]
    monkeypatch.setattr("strata.experiments.items.reasoning_gym._generated", lambda *_: entries)
    items = from_reasoning_gym("any", len(entries))
    assert [item.answer for item in items] == [" yes", " 3", " no"]
    assert {item.foil for item in items} <= {" yes", " 3", " no"}
