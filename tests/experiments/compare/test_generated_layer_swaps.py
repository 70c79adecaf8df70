"""Layer swaps scored on generated answers: what is generated, what is kept, and which half a made-up gain is said to come from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tiny_models import N_LAYERS, tiny_checkpoint

from strata.experiments.compare.config import CompareConfig
from strata.experiments.compare.generated_layer_swaps import generated_layer_swaps, inner_layer_swaps
from strata.experiments.compare.models import Models
from strata.experiments.generated_answers.problems import evaluation_lessons
from strata.experiments.locate.config import LocateConfig
from strata.experiments.results.comparison import Halves
from strata.experiments.results.comparison_reasons import ExcludedPart, WhyNoHalf
from strata.experiments.results.estimates import Estimated
from strata.experiments.results.generated_tables import ANSWERS
from strata.experiments.run.directory import RunDirectory
from strata.probes.decoding.generate import generate
from strata.probes.model_diff.layer_swaps import LayerSwap
from strata.probes.model_diff.swapped_model import swapped_model

CONFIG = CompareConfig(
    locate=LocateConfig(draws=200), generated=1, generated_splits=("test",), generated_swap_parts=N_LAYERS
)  # fmt: skip
LESSONS = evaluation_lessons("test", seed=0, per_family=1)


def answers(right: bool, way: str = "question_only") -> list[dict[str, Any]]:
    """Every problem answered alike in one way of asking, wrongly in another."""
    return [
        {
            "model": "m", "prompt": prompt, "split": "test", "family": lesson.family, "item": lesson.id, "cluster": lesson.cluster,
            "expected": lesson.answer, "text": "", "answer": "", "reason": None, "difficulty": 1,
            "right": right and prompt == way,
        }
        for prompt in ("question_only", "chain_of_thought")
        for lesson in LESSONS
    ]  # fmt: skip


def write(run: RunDirectory, name: str, rows: list[dict[str, Any]]) -> None:
    run.write_rows(ANSWERS, rows, name=name)


def started(tmp_path: Path, *, base: bool, distilled: bool) -> RunDirectory:
    run = RunDirectory(tmp_path / "run", verb="compare", command=[], identity={})
    write(run, "answers_base", answers(base))
    write(run, "answers_distilled", answers(distilled))
    return run


def models(**options: Any) -> Models:
    return Models({role: lambda seed=seed: tiny_checkpoint("llama", seed=seed, max_position_embeddings=512)
                   for seed, role in enumerate(("base", "distilled"))}, **options)  # fmt: skip


def nothing_left(excluded: ExcludedPart) -> None:
    raise AssertionError(excluded)


def apart(halved: Halves) -> Estimated:
    assert halved.upper_minus_lower is not None
    return halved.upper_minus_lower


def test_stretches_are_cut_at_their_borders() -> None:
    assert inner_layer_swaps(30, 2) == (LayerSwap("prefix", 14, range(15)), LayerSwap("suffix", 15, range(15, 30)))
    assert [swap.layer for swap in inner_layer_swaps(30, 4)] == [7, 14, 21, 8, 15, 22]
    assert [swap.layer for swap in inner_layer_swaps(3, 9)] == [0, 1, 1, 2]
    assert inner_layer_swaps(30, 1) == inner_layer_swaps(30, 0) == inner_layer_swaps(1, 4) == ()


def test_a_gain_that_a_suffix_brings_is_the_upper_halfs(tmp_path: Path) -> None:
    run = started(tmp_path, base=False, distilled=True)
    middle = next(swap for swap in inner_layer_swaps(N_LAYERS, N_LAYERS) if swap.sweep == "suffix")
    for swap in inner_layer_swaps(N_LAYERS, N_LAYERS):
        brings = swap.sweep == "suffix" and swap.layer == middle.layer
        write(run, f"answers_distilled_{swap.sweep}{swap.layer}", answers(brings)[: len(LESSONS)])
    # Everything is there already: no model is opened.
    summary = generated_layer_swaps(
        run, Models({"base": pytest.fail, "distilled": pytest.fail}), (), CONFIG, nothing_left
    )
    assert summary == {}
    held = models()
    summary = generated_layer_swaps(run, held, ("base", "distilled"), CONFIG, nothing_left)
    rows = run.read_table("generated_layer_swaps").to_pylist()
    run.close("done")
    assert summary["distilled"].whole.value == 1
    assert apart(summary["distilled"]).n_items == len(LESSONS)
    assert summary["distilled"].cut == middle.layer and apart(summary["distilled"]).value == 1
    by_swap = {(row["sweep"], row["layer"]): row["recovery"] for row in rows}
    assert by_swap["nothing", None] == 0 and by_swap["everything", None] == 1
    assert by_swap["suffix", middle.layer] == 1 and by_swap["prefix", middle.layer - 1] == 0
    assert {(row["measure"], row["kind"], row["direction"]) for row in rows} == {
        ("generated", "reasoning", "into base")
    }


def test_problems_on_which_both_models_agree_count_too(tmp_path: Path) -> None:
    run = started(tmp_path, base=False, distilled=True)
    some = [{**row, "right": row["right"] and number % 3 != 0} for number, row in enumerate(answers(True))]
    write(run, "answers_distilled", some)
    summary = generated_layer_swaps(run, models(), ("base", "distilled"), CONFIG, nothing_left)
    run.close("done")
    upper = apart(summary["distilled"])
    assert upper.n_items == len(LESSONS) and upper.low is not None


def test_draws_of_a_problem_are_one_problem(tmp_path: Path) -> None:
    run = started(tmp_path, base=False, distilled=True)
    for role, right in (("base", False), ("distilled", True)):
        write(run, f"answers_{role}", [*answers(right), *({**row, "right": False} for row in answers(right))])
    for swap in inner_layer_swaps(N_LAYERS, N_LAYERS):
        rows = answers(swap.sweep == "suffix")[: len(LESSONS)]
        write(run, f"answers_distilled_{swap.sweep}{swap.layer}", [*rows, *({**row, "right": False} for row in rows)])
    summary = generated_layer_swaps(run, models(), ("base", "distilled"), CONFIG, nothing_left)["distilled"]
    run.close("done")
    assert (summary.whole.value, summary.whole.n_items) == (0.5, len(LESSONS))
    assert (apart(summary).value, apart(summary).n_items) == (1, len(LESSONS))


@pytest.mark.thorough
def test_what_is_kept_of_a_layer_swap_is_what_the_swapped_model_writes(tmp_path: Path) -> None:
    run, held = started(tmp_path, base=False, distilled=True), models()
    generated_layer_swaps(run, held, ("base", "distilled"), CONFIG, nothing_left)
    swap = inner_layer_swaps(N_LAYERS, N_LAYERS)[0]
    rows = run.read_table(f"answers_distilled_{swap.sweep}{swap.layer}").to_pylist()
    run.close("done")
    assert [row["item"] for row in rows] == [lesson.id for lesson in LESSONS]
    assert {row["prompt"] for row in rows} == {"question_only"}
    with swapped_model(*held.together("distilled"), swap) as model:
        written = generate(model, [lesson.question for lesson in LESSONS], max_new_tokens=CONFIG.generated_tokens)
    assert [row["text"] for row in rows] == [line.text for line in written]


def test_a_model_that_answers_like_the_base_is_not_taken_apart(tmp_path: Path) -> None:
    run = started(tmp_path, base=True, distilled=True)
    summary = generated_layer_swaps(run, models(), ("base", "distilled"), CONFIG, nothing_left)
    assert run.read_table("generated_layer_swaps").num_rows == 0
    run.close("done")
    assert summary["distilled"].upper_minus_lower is None
    assert summary["distilled"].why == WhyNoHalf(code="no-difference")


def test_one_model_at_a_time_is_too_few_and_the_table_is_there_all_the_same(tmp_path: Path) -> None:
    run = started(tmp_path, base=False, distilled=True)
    left: list[ExcludedPart] = []
    summary = generated_layer_swaps(run, models(one_at_a_time=True), ("base", "distilled"), CONFIG, left.append)
    assert summary == {}
    assert [(gap.part, gap.model, gap.why.code) for gap in left] == [
        ("generated-layer-swaps", "distilled", "needs-both")
    ]
    assert run.finished("generated_layer_swaps.parquet")
    run.close("done")
