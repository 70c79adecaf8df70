"""Options at every stream: against a bare forward pass, in a planted model, and what is said where nothing may be."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from planted_models import write_planted
from small_world import small_items

from strata.experiments.behave.confidence import Judged, measure_confidence
from strata.experiments.behave.option_readings import OptionReadings, asked_sets, option_sets, read_options
from strata.experiments.items.alignment import encode_items
from strata.experiments.items.item_validation import item_from_dict
from strata.experiments.items.jsonl import read_items
from strata.experiments.items.schema import Item
from strata.experiments.statistics.probability_calibration import option_probabilities
from strata.probes.backends.batched_reads import BatchBudget
from strata.probes.backends.model_reader import ModelReader
from strata.probes.backends.torch_hooks import TorchHooks
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.checkpoints.open_spec import open_checkpoint


def readings_of(checkpoint: Checkpoint, items: list[Item], folder: Path, tokens: int | None = None) -> OptionReadings:
    encoded, _ = encode_items(items, checkpoint, checkpoint.max_context)
    budget = BatchBudget.for_device(checkpoint.device, tokens)
    return read_options(ModelReader(checkpoint, TorchHooks(checkpoint), budget), option_sets(encoded), folder, "run")


def _longer(option: str) -> str:
    return f" {'b' if option == ' 1' else 'a'}{option}"


def letters() -> list[Item]:
    items = [item_from_dict(record, "here") for record in small_items() if record.get("choices")]
    # Of some two options begin alike and a third doesn't, so that whole options are scored.
    longer = [
        item_from_dict(
            record
            | {"id": f"long {record['id']}", "family": "long", "choices": list(map(_longer, record["choices"]))}
            | {"answer": _longer(record["answer"]), "foil": _longer(record["foil"])},
            "here",
        )
        for record in small_items()
        if record.get("choices")
    ]
    return [*items, *longer]


def test_the_last_stream_is_the_model_whichever_way_options_are_scored(tiny_models: object, tmp_path: Path) -> None:
    checkpoint = tiny_models("llama")
    readings = readings_of(checkpoint, letters(), tmp_path)
    forms = {one.item.choice_ids is None for one in readings.sets}
    assert forms == {True, False} and readings.own.shape[1] == checkpoint.n_layers + 1
    for row, one in list(enumerate(readings.sets))[::7]:
        start = one.item.prompt.ids[: len(one.item.prompt.ids) - one.item.shared_prefix]
        expected = []
        for ids in one.item.choices_ids:
            with torch.no_grad():
                logits = checkpoint.model(torch.tensor([start + ids])).logits[0].float().log_softmax(-1)
            tokens = [float(logits[len(start) - 1 + step, token]) for step, token in enumerate(ids)]
            expected.append(tokens[one.item.shared_prefix] if one.item.choice_ids is not None else sum(tokens))
        assert readings.own[row, -1] == pytest.approx(expected, abs=1e-4)


def test_batches_change_nothing_and_what_is_kept_is_not_run_again(tiny_models: object, tmp_path: Path) -> None:
    checkpoint = tiny_models("llama")
    one = readings_of(checkpoint, letters(), tmp_path / "one", tokens=8)
    many = readings_of(checkpoint, letters(), tmp_path / "many", tokens=512)
    backwards = readings_of(checkpoint, letters()[::-1], tmp_path / "backwards")
    assert np.allclose(one.own, many.own, atol=1e-4, equal_nan=True)
    assert np.allclose(one.own, backwards.own[::-1], atol=1e-4, equal_nan=True)
    again = readings_of(checkpoint, letters(), tmp_path / "one", tokens=512)
    assert np.array_equal(again.own, one.own, equal_nan=True) and np.array_equal(again.other, one.other, equal_nan=True)


def test_the_null_are_options_of_another_entity_of_the_family() -> None:
    encoded, _ = encode_items(letters(), *_encoder())
    for one in option_sets(encoded):
        assert one.other is not None and one.other.item.family == one.item.item.family
        assert one.other.item.cluster != one.item.item.cluster


def _encoder() -> tuple[Checkpoint, None]:
    from tiny_models import tiny_checkpoint

    return tiny_checkpoint("llama"), None


def test_items_are_scored_up_to_a_number_of_each_kind_in_turn_from_every_family(tiny_models: object) -> None:
    checkpoint = tiny_models("llama")
    sets = option_sets(encode_items(letters(), checkpoint, checkpoint.max_context)[0])
    families = {one.item.item.family for one in sets}
    few = asked_sets(sets, len(families))
    counted = Counter(one.item.item.kind for one in sets)
    assert len(families) > 1 and max(counted.values()) > len(families)
    assert Counter(one.item.item.kind for one in few) == {k: min(n, len(families)) for k, n in counted.items()}
    assert {one.item.item.family for one in few} == families and [one for one in sets if one in few] == few
    assert asked_sets(sets, 10_000) == sets and asked_sets(sets, 0) == []


def test_settling_is_the_first_stream_from_which_on_nothing_changes() -> None:
    chosen = np.array([[0, 1, 1, 1], [1, 1, 0, 1], [2, 2, 2, 2], [0, 1, 2, 0]])
    probabilities = option_probabilities(np.eye(3)[chosen])
    judged = Judged(probabilities, np.array([1, 1, 2, 0]), np.ones(4, bool))
    assert judged.settles.tolist() == [1, 3, 0, 3]
    assert judged.correct[:, -1].tolist() == [True, True, True, True]


@pytest.mark.parametrize(("retrieval", "reasoning"), [(2, 6), (6, 3)])
def test_a_planted_sum_is_chosen_right_behind_its_block_and_its_confidence_is_told(
    retrieval: int, reasoning: int, tmp_path: Path
) -> None:
    planted = write_planted(tmp_path / "planted", retrieval=retrieval, reasoning=reasoning)
    checkpoint = open_checkpoint(str(planted.checkpoint), device="cpu")
    items = [item for item in read_items(planted.items) if item.kind == "reasoning"]
    measured = measure_confidence(readings_of(checkpoint, items, tmp_path / "kept"), draws=300, null_draws=100, seed=0)
    confidence = measured.kinds["reasoning"]
    assert confidence.above_chance and confidence.layers is not None
    rises = confidence.layers.rises
    assert rises.stream is not None and abs(rises.stream - (planted.reasoning + 1)) <= 1
    curve = {row.stream: row.mean for row in measured.layers if (row.quantity, row.condition) == ("accuracy", "own")}
    assert curve[planted.n_layers] == confidence.accuracy.value
    assert confidence.why_not_resolvable is not None and confidence.why_not_resolvable.needed == 400


def test_random_weights_are_not_told_to_choose_anywhere(tiny_models: object, tmp_path: Path) -> None:
    checkpoint = tiny_models("llama")
    measured = measure_confidence(readings_of(checkpoint, letters(), tmp_path), draws=200, null_draws=100, seed=0)
    confidence = measured.kinds["knowledge"]
    assert confidence.layers is None and confidence.why_no_layers is not None
    assert confidence.why_no_layers.code == "not-above-chance" and measured.layers == []
