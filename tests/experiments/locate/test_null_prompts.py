"""An item's margin is read in another prompt too: of its family, of another answer, told as much, and given once."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
import torch
from small_world import write_items
from tiny_models import tiny_checkpoint

from strata.experiments.locate.capture_streams import Pass, measure
from strata.experiments.locate.config import LocateConfig
from strata.experiments.locate.lens_tables import above_elsewhere, lens_values
from strata.experiments.locate.null_answers import unrelated_ids
from strata.experiments.locate.null_prompts import other_prompts
from strata.experiments.questions import Questions, questions_for
from strata.probes.backends.model_reader import ModelReader
from strata.probes.backends.torch_hooks import TorchHooks
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.files.activation_store import ActivationStore
from strata.probes.lens.lenses import LogitLens


@pytest.fixture(scope="module")
def model() -> Checkpoint:
    return tiny_checkpoint("llama")


@pytest.fixture(scope="module")
def questions(model: Checkpoint, tmp_path_factory: pytest.TempPathFactory) -> Questions:
    return questions_for(model, LocateConfig(), write_items(tmp_path_factory.mktemp("items") / "items.jsonl"))


def test_another_prompt_is_of_the_family_has_another_answer_and_is_given_once(questions: Questions) -> None:
    encoded = questions.encoded
    others = other_prompts(encoded)
    given = [other for other in others if other is not None]
    assert len(set(given)) == len(given)
    for family in ("letters", "parity"):
        members = [index for index, encoded_item in enumerate(encoded) if encoded_item.item.family == family]
        commonest = max(Counter(encoded[index].answer_id for index in members).values())
        # Of more than half of the items only as many can be matched as there are others.
        most = len(members) - max(0, 2 * commonest - len(members))
        assert sum(others[index] is not None for index in members) == most
    for index, other in enumerate(others):
        if other is not None:
            assert encoded[other].item.family == encoded[index].item.family
            assert encoded[other].answer_id != encoded[index].answer_id
            assert encoded[other].shared_prefix == encoded[index].shared_prefix


def test_no_other_prompt_is_found_where_all_have_one_answer(questions: Questions) -> None:
    answer = questions.encoded[0].answer_id
    alike = [e for e in questions.encoded if e.item.family == "letters" and e.answer_id == answer]
    assert len(alike) > 1 and other_prompts(alike) == [None] * len(alike)
    lonely = [*alike, next(e for e in questions.encoded if e.item.family == "letters" and e.answer_id != answer)]
    assert Counter(other is None for other in other_prompts(lonely)) == {True: len(alike) - 1, False: 2}


def test_the_margin_elsewhere_is_what_plain_forwards_give(
    model: Checkpoint, questions: Questions, tmp_path: Path
) -> None:
    store = ActivationStore(tmp_path / "store", {})
    measure(ModelReader(model, TorchHooks(model)), questions.encoded, store, Pass(("last",), (LogitLens(),)))
    values = lens_values(store, questions.encoded, "logit")
    nulls = unrelated_ids(questions.encoded)
    checked = 0
    for index, other in enumerate(other_prompts(questions.encoded)):
        null = nulls[index]
        if other is None or null is None:
            assert values["margin_elsewhere"][index].isnan().all()
            continue
        with torch.no_grad():
            logits = [
                model.model(torch.tensor([questions.encoded[place].prompt.ids])).logits[0, -1]
                for place in (index, other)
            ]
        answer = questions.encoded[index].answer_id
        for name, at in zip(("margin", "margin_elsewhere"), logits, strict=True):
            torch.testing.assert_close(values[name][index, -1, 0], at[answer] - at[null], atol=1e-4, rtol=1e-4)
        assert above_elsewhere(values)[index, -1, 0] == float(
            values["margin"][index, -1, 0] > values["margin_elsewhere"][index, -1, 0]
        )
        checked += 1
    assert checked >= 5


def test_a_prompt_that_ends_in_the_same_token_says_as_much_at_the_embedding(
    model: Checkpoint, questions: Questions, tmp_path: Path
) -> None:
    store = ActivationStore(tmp_path / "store", {})
    measure(ModelReader(model, TorchHooks(model)), questions.encoded, store, Pass(("last",), (LogitLens(),)))
    at_embedding = above_elsewhere(lens_values(store, questions.encoded, "logit"))[:, 0, 0]
    encoded, checked = questions.encoded, 0
    for index, other in enumerate(other_prompts(encoded)):
        if other is None or at_embedding[index].isnan():
            continue
        if encoded[other].prompt.ids[-1] == encoded[index].prompt.ids[-1]:
            assert at_embedding[index] == 0.5
            checked += 1
    assert checked >= 5
