"""Which items are asked: limits spread over families, nulls that are neither answer nor foil."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from small_world import small_items, write_items
from tiny_models import tiny_checkpoint

from strata.experiments.locate.config import LocateConfig
from strata.experiments.locate.null_answers import unrelated_ids
from strata.experiments.questions import questions_for
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.errors import StrataError


@pytest.fixture(scope="module")
def model() -> Checkpoint:
    return tiny_checkpoint("llama")


def test_a_limit_takes_from_every_family_in_turn(model: Checkpoint, tmp_path: Path) -> None:
    file = write_items(tmp_path / "items.jsonl")
    questions = questions_for(model, LocateConfig(limit=6), file)
    assert questions.limited and Counter(item.family for item in questions.items) == {"letters": 3, "parity": 3}
    order = [item["id"] for item in small_items()]
    assert [item.id for item in questions.items] == sorted((i.id for i in questions.items), key=order.index)
    assert not questions_for(model, LocateConfig(limit=1000), file).limited


def test_the_unrelated_answer_is_neither_answer_nor_foil_but_of_the_family(model: Checkpoint, tmp_path: Path) -> None:
    questions = questions_for(model, LocateConfig(), write_items(tmp_path / "items.jsonl"))
    digits = {model.encode(str(number))[0] for number in range(3)}
    for question, null in zip(questions.encoded, unrelated_ids(questions.encoded), strict=True):
        if question.item.family == "letters":
            assert null in digits - {question.answer_id, question.foil_id}
        else:  # parity knows only two answers, and its items offer no choices
            assert null is None


def test_where_no_other_item_has_an_answer_to_give_a_choice_is_taken(model: Checkpoint, tmp_path: Path) -> None:
    alone = [item for item in small_items() if item["family"] == "letters"][:1]
    questions = questions_for(model, LocateConfig(), write_items(tmp_path / "items.jsonl", alone))
    (question,), (null,) = questions.encoded, unrelated_ids(questions.encoded)
    assert (
        null is not None and null not in (question.answer_id, question.foil_id) and null in (question.choice_ids or ())
    )


def test_items_that_cannot_be_asked_are_counted_by_reason(model: Checkpoint, tmp_path: Path) -> None:
    long = {**small_items()[0], "id": "long", "prompt": "the " * 80 + "a is", "spans": {}, "foil_spans": {}}
    questions = questions_for(model, LocateConfig(), write_items(tmp_path / "items.jsonl", [*small_items(), long]))
    assert questions.counted_reasons == {"prompt-too-long": 1}
    assert "long" in questions.excluded and len(questions.items) == len(questions.encoded) + 1


def test_an_unknown_family_is_refused_with_those_there_are(model: Checkpoint) -> None:
    with pytest.raises(StrataError, match=r"'capitel'.*capital"):
        questions_for(model, LocateConfig(families=("capitel",)))


def test_pairs_of_unlike_length_are_matched_anew_and_counted_among_those_asked(
    model: Checkpoint, tmp_path: Path
) -> None:
    """Two names of one token and two of two: each item is paired with one of the other length."""
    names = {"a": " 0", "b": " 1", "c d": " 0", "e f": " 1"}
    partner = {"a": "e f", "b": "c d", "c d": "b", "e f": "a"}
    records = [
        {
            "id": name, "kind": "knowledge", "family": "names", "prompt": f"the {name} is", "answer": answer, "cluster": name,
            "foil_prompt": f"the {partner[name]} is", "foil": names[partner[name]],
        }
        for name, answer in names.items()
    ]  # fmt: skip
    file = write_items(tmp_path / "names.jsonl", records)
    questions = questions_for(model, LocateConfig(positions=("last",)), file)
    assert questions.rematched == 4 and all(encoded.aligned for encoded in questions.encoded)
    assert {item.id: item.foil_prompt for item in questions.items} == {
        "a": "the b is", "b": "the a is", "c d": "the e f is", "e f": "the c d is",
    }  # fmt: skip
    assert questions_for(model, LocateConfig(positions=("last",), limit=1), file).rematched == 1
    assert questions_for(model, LocateConfig(), write_items(tmp_path / "items.jsonl")).rematched == 0
