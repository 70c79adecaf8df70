"""A comparison is planned from shapes: what doesn't fit is said, more work takes longer, what is excluded costs nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from small_world import write_items
from tiny_models import tiny_checkpoint

from strata.experiments.compare.comparison_plan import ComparisonPlan, OnGpus, PlannedModel, plan_compare
from strata.experiments.compare.config import CompareConfig
from strata.experiments.items.alignment import EncodedItem
from strata.experiments.locate.config import LocateConfig
from strata.experiments.questions import questions_for
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.checkpoints.published_shapes import published_shape


@pytest.fixture(scope="module")
def counted() -> Checkpoint:
    return tiny_checkpoint("llama")


@pytest.fixture(scope="module")
def encoded(counted: Checkpoint, tmp_path_factory: pytest.TempPathFactory) -> tuple[EncodedItem, ...]:
    file = write_items(tmp_path_factory.mktemp("items") / "items.jsonl")
    return tuple(questions_for(counted, LocateConfig(), file).encoded)


def named(spec: str) -> PlannedModel:
    shape = published_shape(spec)
    assert shape is not None
    return PlannedModel.published(spec, shape)


def planned(
    base: str, distilled: str, counted: Checkpoint, encoded: tuple[EncodedItem, ...], locate: Any = None, **changes: Any
) -> ComparisonPlan:
    config = CompareConfig(locate=LocateConfig(**(locate or {})), **changes)
    return plan_compare({"base": named(base), "distilled": named(distilled)}, counted, encoded, config)


def on(plan: ComparisonPlan, kind: str) -> OnGpus:
    return next(one for one in plan.on if one.kind == kind)


SMALL, LARGE = ("qwen2.5-math-1.5b", "r1-distill-qwen-1.5b"), ("llama-3.3-70b-instruct", "r1-distill-llama-70b")


def test_a_small_pair_fits_on_one_gpu_and_a_large_one_needs_several(counted: Checkpoint, encoded: Any) -> None:
    small, large = planned(*SMALL, counted, encoded), planned(*LARGE, counted, encoded)
    assert [one.gpus for one in small.on] == [1] * len(small.on)
    assert on(large, "RTX 4090").gpus is None
    # Two copies and a fresh third of 141 GB each; one and a fresh one.
    assert on(large, "H100 80GB").gpus == 6 and on(large, "H100 80GB").gpus_one_at_a_time == 4
    assert large.disk_bytes == sum(large.weight_bytes.values()) == pytest.approx(282.2e9, rel=0.001)
    without = planned(*LARGE, counted, encoded, locate={"random_init": False})
    assert on(without, "H100 80GB").gpus == 5 and without.memory_bytes < large.memory_bytes
    for one, other in zip(small.on, large.on, strict=True):
        assert one.hours[0] < one.hours[1] <= other.hours[1] and one.hours[0] < other.hours[0]


def test_long_chains_of_thought_take_time_and_room(counted: Checkpoint, encoded: Any) -> None:
    short, long = (planned(*SMALL, counted, encoded, generated_tokens=tokens) for tokens in (256, 8192))
    assert on(long, "H100 80GB").hours[1] > 5 * on(short, "H100 80GB").hours[1]
    assert long.memory_bytes > short.memory_bytes
    assert short.no_room == {}
    assert list(long.no_room) == ["base"] and 3500 < long.no_room["base"] < 4096
    none = planned(*SMALL, counted, encoded, generated=0, generated_tokens=8192)
    assert (
        none.no_room == {} and none.problems == 0 and on(none, "H100 80GB").hours[1] < on(short, "H100 80GB").hours[1]
    )


def test_what_is_excluded_costs_nothing(counted: Checkpoint, encoded: Any) -> None:
    def hours(**changes: Any) -> dict[str, float]:
        return on(planned(*SMALL, counted, encoded, **changes), "A100 80GB").hours_by_part

    edits = "interventions"
    whole = hours()
    assert hours(swap_pairs=0)[edits] < hours(both_ways=False)[edits] < whole[edits]
    assert edits not in hours(locate={"causal_map": "none"}, swap_pairs=0)
    assert hours(contrast_items=0)["prompts"] < whole["prompts"]
    assert hours(generated_swap_parts=0)["generation"] < whole["generation"]


def test_a_checkpoint_at_hand_is_planned_by_its_own_numbers(counted: Checkpoint, encoded: Any) -> None:
    opened = PlannedModel.opened(counted)
    parameters = list(counted.model.parameters())
    assert opened.parameters == sum(parameter.numel() for parameter in parameters)
    assert opened.parameters - opened.body_parameters == 2 * counted.model.get_input_embeddings().weight.numel()
    assert (opened.n_layers, opened.kv_numbers, opened.context) == (3, 2 * 3 * 2 * 8, 64)
    plan = plan_compare({"base": opened, "distilled": replace(opened, spec="b")}, counted, encoded, CompareConfig())
    assert list(plan.no_room) == ["base", "distilled"], "a context of 64 holds no answer of 256 tokens"
