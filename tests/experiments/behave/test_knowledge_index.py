"""KI counts what is true of the problem alone, beside its null; results of steps are read where the model wrote them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from strata.dashboards.sentences.knowledge_index import index_sentences
from strata.experiments.behave.judged_chains import judged_chains
from strata.experiments.behave.knowledge_index import measure_index
from strata.experiments.behave.step_results import read_results
from strata.experiments.behave.think_frame import ThinkFrame
from strata.experiments.behave.thinking_problems import ThinkingProblem
from strata.experiments.generated_answers.extraction import ThinkTags
from strata.experiments.results.behaviour_tables import BehaviourAnswerRow
from strata.probes.backends.model_reader import ModelReader
from strata.probes.backends.torch_hooks import TorchHooks


def sums(n: int) -> list[ThinkingProblem]:
    return [
        ThinkingProblem(f"p{at}", "reasoning", "addition", f"c{at}", f"{at} + {at % 3 + 1} =", str(at + at % 3 + 1))
        for at in range(n)
    ]  # fmt: skip


def slow(
    problem: ThinkingProblem, chain: str | None, right: bool = True, answer: str | None = "0"
) -> BehaviourAnswerRow:
    return BehaviourAnswerRow(
        problem.id, "reasoning", problem.family, problem.cluster, "slow", 0, problem.question, problem.answer, "", answer, None, chain, True, right
    )  # fmt: skip


def test_a_chain_about_something_else_knows_nothing_although_each_step_is_true() -> None:
    asked = ThinkingProblem("p", "reasoning", "addition", "c", "3 + 3 =", "6")
    judged = judged_chains([asked], [slow(asked, "4 + 2 = 6, 6 + 1 = 7")], "comma")
    index = measure_index(judged, {}, draws=200, seed=0).kinds["reasoning"]
    assert index.index.value == 0.0 and index.true_by_themselves.value == 1.0 and index.elsewhere == 2
    assert index.of_another is None and index.beyond is None and index.change == "undecided"


def test_what_can_not_be_read_is_counted_and_never_true() -> None:
    asked = sums(12)
    rows = [slow(one, f"{one.question} {one.answer}, well then", right=at % 2 == 0) for at, one in enumerate(asked)]
    index = measure_index(judged_chains(asked, rows, "comma"), {}, draws=200, seed=0).kinds["reasoning"]
    assert (index.problems, index.steps, index.checkable) == (12, 24, 12)
    assert index.index.value == 0.5 and index.of_another is not None and index.of_another.value is not None
    assert index.of_another.value < 0.1 and index.change == "gains"
    assert index.right is not None and index.wrong is not None and index.right.value == index.wrong.value == 0.5
    assert index.why_no_layers is not None and index.why_no_layers.code == "no-other-problem"


def test_chains_that_were_not_closed_are_none() -> None:
    asked = sums(3)
    rows = [slow(asked[0], "1 + 1 = 2", answer=None), slow(asked[1], None), slow(asked[2], " ")]
    assert judged_chains(asked, rows, "comma") == []
    assert measure_index([], {}, draws=200, seed=0).kinds == {}


def test_the_result_of_a_true_step_is_read_where_it_was_written(tiny_models: object, tmp_path: Path) -> None:
    checkpoint, frame = tiny_models("llama"), ThinkFrame(ThinkTags("x", "y"))
    asked = [
        ThinkingProblem(f"p{at}", "reasoning", "addition", f"c{at}", f"{at} + 1 =", str(at + 1)) for at in range(1, 9)
    ]
    rows = [slow(one, f"{one.question} {one.answer}, so") for one in asked]
    judged = judged_chains(asked, rows, "comma")
    results = read_results(ModelReader(checkpoint, TorchHooks(checkpoint)), frame, judged, tmp_path, "run")
    assert set(results) == {one.id for one in asked}
    for place, one in enumerate(asked[:3]):
        ids = torch.tensor([checkpoint.encode(f"{one.question} x {one.question}")])
        with torch.no_grad():
            plain = checkpoint.model(ids).logits[0, -1].float().log_softmax(-1)
        for values, word in (
            (results[one.id].own, one.answer),
            (results[one.id].other, asked[place + 1].answer),
        ):
            assert values[-1] == pytest.approx(float(plain[checkpoint.encode(word)[-1]]), abs=1e-4)
    measured = measure_index(judged, results, draws=200, seed=0)
    curve = [row.mean for row in measured.layers if row.condition == "own"]
    assert len(curve) == checkpoint.n_layers + 1
    assert curve[-1] == pytest.approx(sum(one.own[-1] for one in results.values()) / len(asked), abs=1e-9)


@pytest.mark.parametrize("n", [3, 12])
def test_chains_that_do_not_fit_the_context_up_to_a_result_are_counted(
    tiny_models: object, tmp_path: Path, n: int
) -> None:
    checkpoint, frame = tiny_models("llama"), ThinkFrame(ThinkTags("x", "y"))
    asked = [
        ThinkingProblem(
            f"p{one}{other}", "reasoning", "addition", f"c{one}{other}", f"{one} + {other} =", str(one + other)
        )
        for one in range(1, 5)
        for other in range(1, 4)
    ]
    endless = ", ".join(["a b c"] * checkpoint.max_context)
    rows = [slow(one, f"{endless if at < n else 'a'}, {one.question} {one.answer}, so") for at, one in enumerate(asked)]
    judged = judged_chains(asked, rows, "comma")
    results = read_results(ModelReader(checkpoint, TorchHooks(checkpoint)), frame, judged, tmp_path, "run")
    assert [results[one.id] is None for one in asked] == [True] * n + [False] * (12 - n)
    index = measure_index(judged, results, draws=200, seed=0).kinds["reasoning"]
    assert index.results_not_read == n and index.problems == 12 and (index.shows is None) == (n == 12)
    said = index_sentences("reasoning", index, checkpoint.n_layers)[-1]
    assert f"{n} chains were not read" in said and "no other problem" not in said
    assert "not read" not in index_sentences("reasoning", index.model_copy(update={"results_not_read": 0}), 4)[-1]
