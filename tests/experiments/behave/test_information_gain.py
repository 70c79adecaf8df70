"""The gain of steps: against a closed form in planted models, against a bare forward pass, and nothing found where there is nothing."""

from __future__ import annotations

from math import log
from pathlib import Path

import numpy as np
import pytest
import torch
from planted_models.revealing import SUBJECTS, VALUES, VOCABULARY, write_revealing

from strata.experiments.behave.chained_steps import Chained, with_own_steps, with_written_steps
from strata.experiments.behave.information_gain import StepReadings, measure_gain, read_steps
from strata.experiments.behave.think_frame import ThinkFrame
from strata.experiments.behave.thinking_problems import ThinkingProblem
from strata.experiments.generated_answers.extraction import TAGS, ThinkTags
from strata.experiments.results.behaviour_tables import BehaviourAnswerRow
from strata.probes.backends.batched_reads import BatchBudget
from strata.probes.backends.model_reader import ModelReader
from strata.probes.backends.torch_hooks import TorchHooks
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.checkpoints.open_spec import open_checkpoint

LETTERS = ThinkTags("x", "y")
"""Tags of the tiny models' tokenizer, which has letters and digits."""


def readings_of(
    checkpoint: Checkpoint, frame: ThinkFrame, chained: list[Chained], folder: Path, tokens: int | None = None
) -> list[StepReadings]:
    budget = BatchBudget.for_device(checkpoint.device, tokens)
    return read_steps(ModelReader(checkpoint, TorchHooks(checkpoint), budget), frame, chained, folder, "run")


def noted(reveals: int) -> list[ThinkingProblem]:
    """Of three steps the one at `reveals` names the answer."""
    made = []
    for place, subject in enumerate(SUBJECTS):
        answer = VALUES[place % len(VALUES)]
        steps = ["note of it .", "take it .", "tell about it ."]
        steps[reveals] = f"note {answer} ."
        made.append(ThinkingProblem(subject, "reasoning", "noted", subject, f"tell about {subject} is", answer, steps=tuple(steps)))  # fmt: skip
    return made


@pytest.mark.parametrize(("block", "decoy"), [(2, 6), (6, 2)])
@pytest.mark.parametrize("step", [0, 2])
def test_the_step_that_reveals_the_answer_has_all_of_the_gain_behind_its_block(
    block: int, decoy: int, step: int, tmp_path: Path
) -> None:
    model = write_revealing(tmp_path / "model", n_layers=9, reveals=block, decoy=decoy)
    checkpoint = open_checkpoint(str(model), device="cpu")
    chained = with_written_steps(noted(step), "sentence")
    readings = readings_of(checkpoint, ThinkFrame(TAGS), chained, tmp_path / "kept")
    # Without the value every token is as likely as any; with it nothing else is.
    expected = [log(len(VOCABULARY)) if n == step else 0.0 for n in range(3)]
    assert len(readings) == len(SUBJECTS)
    for one in readings:
        assert one.gains == pytest.approx(expected, abs=1e-3)
    gain = measure_gain(readings, "written", draws=300, seed=0).kinds["reasoning"]
    assert gain.shows is not None and gain.shows.stream is not None and abs(gain.shows.stream - (block + 1)) <= 1
    # Repeated, a first step tells what it told once.
    tells = step == 0
    assert gain.largest == ("repeated" if tells else gain.largest)
    assert gain.change == ("not-seen" if tells else "gains")
    assert gain.beyond is not None and gain.beyond.value == pytest.approx(0.0 if tells else expected[step], abs=1e-3)


def letters(n: int) -> list[ThinkingProblem]:
    words = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p", "q", "r"]
    return [
        ThinkingProblem(
            f"p{place}", "reasoning", "letters", f"c{place}", f"{words[place]} of {words[-1 - place % 9]} is", str(place % 10),
            steps=tuple(f"{words[(place + step) % 18]} = {step} ." for step in range(1 + place % 3)),
        )
        for place in range(n)
    ]  # fmt: skip


def test_gains_of_steps_add_up_and_are_the_models_own_whatever_the_batches(tiny_models: object, tmp_path: Path) -> None:
    checkpoint, frame = tiny_models("llama"), ThinkFrame(LETTERS)
    chained = with_written_steps(letters(9), "sentence")
    one = readings_of(checkpoint, frame, chained, tmp_path / "one", tokens=8)
    many = readings_of(checkpoint, frame, chained, tmp_path / "many", tokens=512)
    for alone, together in zip(one, many, strict=True):
        assert alone.gains.sum() == pytest.approx(float(together.full[-1] - together.none[-1]), abs=1e-4)
        assert np.allclose(alone.full, together.full, atol=1e-4) and set(alone.controls) == set(together.controls)
    for reading in many[::4]:
        problem = reading.chained.problem
        text = f"{problem.question} x {' '.join(problem.steps)} y"
        ids = torch.tensor([checkpoint.encode(f"{text} {problem.answer}")])
        with torch.no_grad():
            plain = checkpoint.model(ids).logits[0, -2].float().log_softmax(-1)[ids[0, -1]]
        assert reading.full[-1] == pytest.approx(float(plain), abs=1e-4)


def test_controls_are_other_texts_and_a_single_step_has_no_repetition() -> None:
    chained = {one.problem.id: one for one in with_written_steps(letters(9), "comma")}
    single, double = chained["p0"], chained["p1"]
    assert single.n_steps == 1 and "repeated" not in single.controls
    assert double.controls["repeated"] == "b = 0 ., b = 0 ." and double.chains == ("", "b = 0 .", "b = 0 ., c = 1 .")
    # As many steps as its own, and as many words of its question.
    assert double.controls["other_steps"] == chained["p4"].chains[-1]
    assert len(double.controls["filler"].split()) == len(["b", "=", "0", ".", "c", "=", "1", "."])


def test_own_steps_are_cut_out_of_the_models_own_text() -> None:
    problem = letters(1)[0]
    row = BehaviourAnswerRow(
        "p0", "reasoning", "letters", "c0", "slow", 0, problem.question, problem.answer, "", "0", None, "1 + 1 = 2,  2 + 1 = 3", True, True
    )  # fmt: skip
    (own,) = with_own_steps([problem], [row], "comma")
    assert own.chains == ("", "1 + 1 = 2", "1 + 1 = 2,  2 + 1 = 3")
    assert with_own_steps([problem], [BehaviourAnswerRow(**{**vars(row), "answer": None})], "comma") == []
