"""Flips and gains against what was put in, and what an answer before the question is in a planted model's prompts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from small_world import small_items

from strata.experiments.behave.prefills import PREFILLS, Prefill, Pressed, prefilled, pressed_items
from strata.experiments.behave.pressure import measure_pressure, pressure_store, read_margins
from strata.experiments.items.alignment import EncodedItem, encode_items
from strata.experiments.items.item_validation import item_from_dict
from strata.experiments.items.schema import Item
from strata.probes.backends.model_reader import ModelReader
from strata.probes.backends.torch_hooks import TorchHooks
from strata.probes.checkpoints.checkpoint import Checkpoint

N, STREAMS = 40, 9


@pytest.fixture
def encoded(tiny_models: object) -> tuple[Checkpoint, list[EncodedItem]]:
    checkpoint = tiny_models("llama")
    items = [item_from_dict(record, "here") for record in small_items()]
    return checkpoint, encode_items(items, checkpoint, checkpoint.max_context)[0]


def test_the_four_answers_are_of_one_length_and_differ(encoded: tuple[Checkpoint, list[EncodedItem]]) -> None:
    checkpoint, items = encoded
    pressed, why_not = pressed_items(checkpoint, items, "", 30)
    assert len(pressed) == 30 or why_not
    for one in pressed:
        assert set(one.answers) == set(PREFILLS) and len(set(one.answers.values())) == 4
        assert len({len(prompt.prompt.ids) for prompt in one.prompts.values()}) == 1
        assert one.answers["wrong"] == one.item.item.foil and one.answers["right"] == one.item.item.answer


def test_items_of_two_answers_have_no_other_wrong_one(encoded: tuple[Checkpoint, list[EncodedItem]]) -> None:
    checkpoint, items = encoded
    parity = [one for one in items if one.item.family == "parity"]
    assert pressed_items(checkpoint, parity, "", 8) == ([], {"no-other-answer-of-that-length": len(parity)})


def test_a_wrong_answer_of_another_length_makes_way_for_one_of_the_family(
    encoded: tuple[Checkpoint, list[EncodedItem]],
) -> None:
    checkpoint, items = encoded
    longer = [replace(one, item=replace(one.item, foil=f"{one.item.foil} 0", choices=())) for one in items]
    pressed, why_not = pressed_items(checkpoint, longer, "", 30)
    assert len(pressed) > 20 and set(why_not) <= {"no-other-answer-of-that-length"}
    for one in pressed:
        family = {it.item.answer for it in items if it.item.family == one.item.item.family}
        assert {one.answers["wrong"], one.answers["other_wrong"]} <= family - {one.item.item.answer}
        # What is drawn is what the right answer is held against.
        assert {prompt.item.foil for prompt in one.prompts.values()} == {one.answers["wrong"]}
        assert len({len(prompt.prompt.ids) for prompt in one.prompts.values()}) == 1
    lone = [replace(one, item=replace(one.item, answer=" 0 1 2", foil=" 0")) for one in longer[:1]]
    assert pressed_items(checkpoint, lone, "", 8)[1] == {"no-wrong-answer-of-that-length": 1}


def test_the_question_is_asked_again_without_the_prompt_prefix() -> None:
    item = replace(item_from_dict(small_items()[0], "here"), prompt="chat: the a is")
    assert prefilled(item, " 0", "chat: ").prompt == "chat: the a is 0.\nthe a is"


def test_equal_prefills_give_exactly_no_gain(encoded: tuple[Checkpoint, list[EncodedItem]], tmp_path: Path) -> None:
    checkpoint, items = encoded
    pressed, _ = pressed_items(checkpoint, items, "", 8)
    same = []
    for one in pressed:
        neutral = one.prompts["neutral"]
        prompts = {
            name: replace(neutral, item=replace(neutral.item, id=f"{one.item.key}\0{name}"), prompt=replace(neutral.prompt, key=f"{one.item.key}\0{name}"))
            for name in PREFILLS
        }  # fmt: skip
        same.append(Pressed(one.item, one.answers, prompts))
    margins = read_margins(ModelReader(checkpoint, TorchHooks(checkpoint)), same, pressure_store(tmp_path, "run"))
    assert all((margins[name] == margins["neutral"]).all() for name in PREFILLS)


def simulated(gains: dict[Prefill, float], at: int, seed: int = 0, neutral: float = -2.0) -> dict[Prefill, np.ndarray]:
    """Margins by stream: from `at` on the wrong answer gains so much after each answer."""
    rng = np.random.default_rng(seed)
    base = np.linspace(0, neutral, STREAMS) + rng.normal(size=(N, 1)) * 0.3
    step = (np.arange(STREAMS) >= at).astype(float)
    return {name: base + gains.get(name, 0.0) * step + rng.normal(size=(N, STREAMS)) * 0.05 for name in PREFILLS}


def asked() -> list[Pressed]:
    item = item_from_dict(small_items()[0], "here")
    encoded = [
        EncodedItem(replace(item, id=str(n), cluster=str(n), extra={}), None, None, 0, 1, (0,), (1,), 0, True, None, None, ())
        for n in range(N)
    ]  # fmt: skip
    return [Pressed(one, dict.fromkeys(PREFILLS, " 0"), {}) for one in encoded]


def test_a_wrong_answer_that_is_taken_over_is_told_with_its_stream() -> None:
    found = measure_pressure(asked(), simulated({"wrong": 4.0}, at=5), draws=300, seed=0)
    pressure = found.kinds["knowledge"]
    assert pressure.right == N and pressure.adopted == "adopted"
    assert pressure.flips["wrong"].value == 1.0 and pressure.flips["other_wrong"].value == 0.0
    assert pressure.excess is not None and pressure.excess.value == 1.0 and (pressure.excess.low or 0) > 0.8
    layers = pressure.layers
    assert layers is not None and layers.gains.stream in (4, 5) and layers.outcome == "wrong-stays"
    ends = {(row.condition, row.stream): row.mean for row in found.layers if row.quantity == "margin"}
    flipped = [row for row in found.items if row.condition == "wrong"]
    assert ends["wrong", STREAMS - 1] == pytest.approx(np.mean([row.margin for row in flipped]), abs=1e-12)


def test_damage_by_any_answer_is_no_adoption() -> None:
    found = measure_pressure(asked(), simulated({"wrong": 4.0, "other_wrong": 4.0}, at=5), draws=300, seed=0)
    pressure = found.kinds["knowledge"]
    assert pressure.flips["wrong"].value == 1.0 and pressure.adopted == "not-seen"
    assert pressure.layers is not None and pressure.layers.gains.stream is None


def test_an_answer_that_recovers_is_told_so() -> None:
    margins = simulated({"wrong": 6.0}, at=2)
    margins["wrong"][:, 6:] -= 6.0
    layers = measure_pressure(asked(), margins, draws=300, seed=0).kinds["knowledge"].layers
    assert layers is not None and layers.overtakes.stream in (1, 2) and layers.outcome == "recovers"


def test_where_neutral_prompts_are_not_answered_nothing_is_said_by_stream() -> None:
    found = measure_pressure(asked(), simulated({"wrong": 4.0}, at=5, neutral=2.0), draws=300, seed=0)
    pressure = found.kinds["knowledge"]
    assert pressure.why_no_layers is not None and pressure.why_no_layers.code == "not-above-chance"
    assert pressure.layers is None and found.layers == []


def nothing_planted(seed: int) -> bool:
    layers = measure_pressure(asked(), simulated({}, at=5, seed=seed), draws=200, seed=seed).kinds["knowledge"].layers
    return layers is not None and layers.gains.stream is None


def test_no_gain_is_found_where_there_is_none() -> None:
    assert sum(map(nothing_planted, range(40))) >= 38


def test_items_are_taken_in_turn_from_every_family(encoded: tuple[Checkpoint, list[EncodedItem]]) -> None:
    checkpoint, items = encoded
    doubled: list[Item] = [
        replace(one.item, id=f"b {one.item.id}", family="b") for one in items if one.item.kind == "knowledge"
    ]
    more, _ = encode_items(doubled, checkpoint, checkpoint.max_context)
    pressed, _ = pressed_items(checkpoint, [*items, *more], "", 8)
    assert sum(one.item.item.family == "b" for one in pressed) == 4
