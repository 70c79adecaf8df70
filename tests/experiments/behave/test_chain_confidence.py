"""Options before and behind steps: against a bare forward pass, and what is told of models whose confidence was put in."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from strata.dashboards.sentences.chain_confidence import options_not_read
from strata.experiments.behave.chain_confidence import (
    ChainOptions,
    MeasuredChainConfidence,
    measure_chain_confidence,
    read_chain_options,
)
from strata.experiments.behave.chained_steps import Chained, with_written_steps
from strata.experiments.behave.confidence import Judged
from strata.experiments.behave.think_frame import ThinkFrame
from strata.experiments.behave.thinking_problems import ThinkingProblem
from strata.experiments.generated_answers.extraction import ThinkTags
from strata.probes.backends.model_reader import ModelReader
from strata.probes.backends.torch_hooks import TorchHooks

N, STREAMS = 24, 8


def problems(n: int = N) -> list[Chained]:
    """Of two options each; every family has other problems."""
    made = [
        ThinkingProblem(
            f"p{place}", "reasoning", f"f{place % 2}", f"c{place}", f"the {'abcdefghijklmnopqrstuvw'[place % 23]} is", "0123"[place % 4],
            ("0", "1", "2", "3"), (f"a {place % 10}", f"b {place % 7}"),
        )
        for place in range(n)
    ]  # fmt: skip
    return with_written_steps(made, "comma")


def test_the_last_stream_is_the_model_behind_every_text(tiny_models: object, tmp_path: Path) -> None:
    checkpoint, frame = tiny_models("llama"), ThinkFrame(ThinkTags("x", "y"))
    chained = [*problems(9), replace(problems(1)[0], problem=replace(problems(1)[0].problem, id="bare", choices=()))]
    options = read_chain_options(ModelReader(checkpoint, TorchHooks(checkpoint)), frame, chained, tmp_path, "run")
    assert len(options.chained) == 9 and options.not_read == {}
    for place, one in list(enumerate(options.chained))[::4]:
        for name, thought in (("none", ""), ("steps", one.chains[-1]), ("other_steps", one.controls["other_steps"])):
            text = f"{one.problem.question} x {thought} y" if thought else f"{one.problem.question} x y"
            ids = torch.tensor([checkpoint.encode(text)])
            tokens = [checkpoint.encode(choice)[-1] for choice in one.problem.choices]
            with torch.no_grad():
                plain = checkpoint.model(ids).logits[0, -1].float()[tokens].softmax(-1)
            assert options.behind[name].probabilities[place, -1] == pytest.approx(plain.numpy(), abs=1e-4)
    bare = read_chain_options(ModelReader(checkpoint, TorchHooks(checkpoint)), frame, chained[-1:], tmp_path, "run")
    assert bare.chained == () and bare.not_read == {}


@pytest.mark.parametrize("n", [2, 12])
def test_problems_too_long_with_their_steps_are_counted(tiny_models: object, tmp_path: Path, n: int) -> None:
    checkpoint, frame = tiny_models("llama"), ThinkFrame(ThinkTags("x", "y"))
    chained = problems(12)
    endless = "a b " * checkpoint.max_context
    chained[:n] = [replace(one, chains=(*one.chains[:-1], endless)) for one in chained[:n]]
    options = read_chain_options(ModelReader(checkpoint, TorchHooks(checkpoint)), frame, chained, tmp_path, "run")
    kinds = measure_chain_confidence(options, "written", draws=100, null_draws=50, seed=0).kinds
    assert options.not_read == {"reasoning": n} and [found.problems for found in kinds.values()] == [12 - n] * (n < 12)
    assert f"{n} reasoning problems without" in options_not_read("written", "reasoning", n)


def judged(sure: float, right: np.ndarray, from_stream: int = 0) -> Judged:
    """As sure as told at every stream; right where `right` says, at earlier streams at every other problem."""
    probabilities = np.full((N, STREAMS, 4), (1 - sure) / 3)
    for place in range(N):
        for stream in range(STREAMS):
            there = right[place] if stream >= from_stream else place % 4 == 0
            probabilities[place, stream, place % 4 if there else (place + 1) % 4] = sure
    return Judged(probabilities, np.arange(N) % 4, np.ones(N, bool))


def measured(after: Judged, other: Judged) -> MeasuredChainConfidence:
    before = judged(0.6, np.arange(N) % 3 == 0)
    options = ChainOptions(tuple(problems()), {"none": before, "steps": after, "other_steps": other})
    return measure_chain_confidence(options, "written", draws=400, null_draws=100, seed=0)


def test_steps_that_make_right_and_sure_are_told_with_their_stream() -> None:
    other = judged(0.9, np.arange(N) % 4 == 0)
    found = measured(judged(0.9, np.ones(N, bool), from_stream=5), other)
    told = found.kinds["reasoning"]
    assert told.before.overconfidence.value == pytest.approx(
        0.6 - 1 / 3
    ) and told.after.overconfidence.value == pytest.approx(-0.1)
    assert told.change.value == pytest.approx(-0.7 + 1 / 3) and told.change.high is not None and told.change.high < 0
    # Another problem's steps make as sure, and none of it right.
    assert told.other_steps is not None and told.other_steps.leaning == "overconfident"
    assert told.beyond is not None and told.beyond.value == pytest.approx(-0.75)
    assert told.rises is not None and told.rises.stream == 5 and told.chance == pytest.approx(0.5)
    curve = {(row.condition, row.stream): row.mean for row in found.layers if row.quantity == "accuracy"}
    assert curve["steps", STREAMS - 1] == 1.0 and curve["other_steps", STREAMS - 1] == 0.25
    assert {row.condition for row in found.items} == {"none", "steps", "other_steps"} and len(found.items) == 3 * N


def test_where_another_problems_steps_do_the_same_no_stream_is_named() -> None:
    right = np.arange(N) % 8 != 0
    told = measured(judged(0.9, right), judged(0.9, right)).kinds["reasoning"]
    assert told.rises is not None and told.rises.stream is None and told.beyond is not None and told.beyond.value == 0.0
    guessed = measured(judged(0.9, np.arange(N) % 4 == 0), judged(0.9, right)).kinds["reasoning"]
    assert guessed.rises is None and guessed.why_no_layers is not None
    assert guessed.why_no_layers.code == "not-above-chance"
