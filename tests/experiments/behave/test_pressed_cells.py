"""Wrong against right answer before the question is a minimal pair, and a third answer's run is what installs are held against."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from small_world import small_items
from tiny_models import SPECIAL, WORDS, tiny_model
from transformers import PreTrainedTokenizerFast

from strata.experiments.behave.prefills import PREFILLS, Pressed, pressed_items
from strata.experiments.behave.pressed_cells import SPAN, PressedPairs, pressed_pairs
from strata.experiments.items.alignment import encode_items
from strata.experiments.items.item_validation import item_from_dict
from strata.experiments.locate.causal.measure_family import Effort, measure_family
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.checkpoints.open_spec import checkpoint_from

MOST = 6


def word_checkpoint() -> Checkpoint:
    """A small random model whose words end at marks too: what stands before a full stop is a token of its own."""
    from tokenizers import Tokenizer, models, pre_tokenizers

    vocabulary = {word: index for index, word in enumerate((*SPECIAL, *WORDS))}
    core = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    core.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=core, pad_token="<pad>", unk_token="<unk>")
    return checkpoint_from(tiny_model("llama"), tokenizer)


@pytest.fixture(scope="module")
def pressed() -> tuple[Checkpoint, list[Pressed]]:
    checkpoint = word_checkpoint()
    items = [item_from_dict(record, "here") for record in small_items()]
    return checkpoint, pressed_items(checkpoint, encode_items(items, checkpoint, checkpoint.max_context)[0], "", 40)[0]


def margins(n: int, **last: float) -> dict[Any, np.ndarray]:
    """Of `n` items at one stream: neutral −1, elsewhere as given."""
    values = {"neutral": -1.0, "right": -2.0, "wrong": 2.0, "other_wrong": 0.0} | last
    return {name: np.full((n, 1), values[name]) for name in PREFILLS}


@pytest.fixture(scope="module")
def found(pressed: tuple[Checkpoint, list[Pressed]]) -> PressedPairs:
    checkpoint, items = pressed
    return pressed_pairs(checkpoint, items, margins(len(items)), "", MOST)["knowledge"]


def test_pairs_differ_in_the_answer_before_the_question_alone(
    pressed: tuple[Checkpoint, list[Pressed]], found: PressedPairs
) -> None:
    _, items = pressed
    by_id = {one.item.key: one for one in items}
    assert len(found.family.pairs) == len(found.family.third) == MOST and found.family.same_last
    for pair, third in zip(found.family.pairs, found.family.third, strict=True):
        one = by_id[pair.key.partition("\0")[0]]
        assert pair.clean.ids == one.prompts["wrong"].prompt.ids and pair.foil.ids == one.prompts["right"].prompt.ids
        assert third.clean.ids == one.prompts["other_wrong"].prompt.ids and third.foil.ids == pair.foil.ids
        differing = [
            place for place, ids in enumerate(zip(pair.clean.ids, pair.foil.ids, strict=True)) if len(set(ids)) > 1
        ]
        assert max(differing) == pair.clean.positions[SPAN] == third.clean.positions[SPAN]
        assert len({pair.answer_id, pair.foil_id, third.answer_id}) == 3 and third.foil_id == pair.foil_id


def test_only_items_that_are_right_and_moved_are_paired(pressed: tuple[Checkpoint, list[Pressed]]) -> None:
    checkpoint, items = pressed
    n = len(items)
    unmoved = pressed_pairs(checkpoint, items, margins(n, wrong=-1.5), "", MOST)["knowledge"]
    assert unmoved.moved == 0 and unmoved.eligible > 0 and unmoved.family.pairs == ()
    wrong = pressed_pairs(checkpoint, items, margins(n, neutral=1.0), "", MOST)["knowledge"]
    assert wrong.eligible == 0 and wrong.family.pairs == ()


def test_own_pieces_as_a_third_answer_install_exactly_what_denoising_does(
    pressed: tuple[Checkpoint, list[Pressed]], found: PressedPairs
) -> None:
    checkpoint, _ = pressed
    effort = Effort(MOST, beside=False, all_pairs=True)
    itself = measure_family(checkpoint, replace(found.family, third=found.family.pairs), effort=effort, seed=0)
    other = measure_family(checkpoint, found.family, effort=effort, seed=0)
    assert itself.installs and set(itself.installs) == set(other.installs)
    for cell, installed in itself.installs.items():
        table = itself.effects[cell]
        columns = [table.windows.index(window) for window in installed.windows]
        assert np.allclose(installed.values["donated"], table.values["denoise"][:, columns], atol=1e-5)
    assert any(
        not np.allclose(other.installs[cell].values["donated"], itself.installs[cell].values["donated"], atol=1e-2)
        for cell in other.installs
    )
