"""Answers in words: who is right, who gives none and why, and what happens to a model that can't be asked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tiny_models import tiny_checkpoint

from experiments.compare.config import CompareConfig
from experiments.compare.models import Models
from experiments.compare.thoughts import summarised, thoughts_change
from experiments.distill.evaluate import evaluation_lessons, reasoning_rows
from experiments.generation import extract_answer, is_right
from experiments.generation.answers import NEVER_CLOSED, NOTHING, NOTHING_AFTER
from experiments.locate.config import LocateConfig
from experiments.run import RunDirectory

PROBLEMS = 10
SPLITS = ("test", "harder", "other")


def answered(texts: dict[str, str]) -> list[dict[str, Any]]:
    """Rows as they are kept, every problem answered with the same text a way of asking; "7" is right."""
    rows = []
    for way, text in texts.items():
        answer = extract_answer(text)
        rows += [
            {
                "prompt": way, "split": split, "item": f"{split}:{number}", "cluster": str(number), "text": text,
                "answer": answer.value, "reason": answer.reason, "right": is_right(answer, "7"),
            }
            for split in SPLITS
            for number in range(PROBLEMS)
        ]  # fmt: skip
    return rows


def test_an_unclosed_thought_and_an_empty_answer_are_counted_with_their_reasons() -> None:
    found = summarised(
        {
            "base": answered({"bare": "", "answers": "7", "thoughts": "<think> 3 + 4 </think> 7"}),
            "distilled": answered(dict.fromkeys(("bare", "answers", "thoughts"), "<think> 3 + 4 is 7 and then")),
            "twin": answered(dict.fromkeys(("bare", "answers", "thoughts"), "<think> 3 + 4 </think>")),
        },
        draws=100,
        seed=0,
    )
    for split in SPLITS:
        of_split = found[split]
        assert of_split["prompt"] == {"base": "answers", "distilled": "bare", "twin": "bare"}
        assert of_split["no_answer"] == {
            "base": {}, "distilled": {NEVER_CLOSED: PROBLEMS}, "twin": {NOTHING_AFTER: PROBLEMS},
        }  # fmt: skip
        accuracy = of_split["accuracy"]
        assert [accuracy[role]["value"] for role in ("base", "distilled", "twin")] == [1, 0, 0]
        assert accuracy["change"]["value"] == -1 and accuracy["beyond_twin"]["value"] == 0
    silent = summarised({"base": answered(dict.fromkeys(("bare", "answers", "thoughts"), " \n"))}, draws=100, seed=0)
    assert silent["test"]["no_answer"]["base"] == {NOTHING: PROBLEMS}
    assert silent["test"]["accuracy"]["change"] is None


def test_a_model_whose_context_is_too_short_is_left_out_with_the_reason(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path / "run", verb="compare", command=[], identity={})
    models = Models(dict.fromkeys(("base", "distilled"), lambda: tiny_checkpoint("llama")))
    config = CompareConfig(locate=LocateConfig(draws=100), thoughts=1)
    left: list[tuple[str, str, str]] = []
    found = thoughts_change(run, models, config, lambda *gap: left.append(gap))
    run.close("done")
    assert found == {"reason": "no model could be asked in words"}
    assert [(measure, role) for measure, role, _ in left] == [("answers in words", "base"), ("answers in words", "distilled")]  # fmt: skip
    assert all("context" in reason for _, _, reason in left)


def test_no_answers_are_asked_for_by_nobody(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path / "run", verb="compare", command=[], identity={})
    found = thoughts_change(run, Models({}), CompareConfig(thoughts=0), lambda *gap: pytest.fail("nothing was asked"))
    run.close("done")
    assert found == {"reason": "no answers in words were asked for"}


def test_drawn_answers_belong_to_their_seed_and_greedy_ones_to_none() -> None:
    checkpoint = tiny_checkpoint("llama", max_position_embeddings=256)
    asked = {"test": evaluation_lessons("test", seed=0, per_family=1)[:3]}

    def texts(temperature: float, seed: int) -> list[str]:
        rows = reasoning_rows(checkpoint, "base", asked, ["bare"], temperature=temperature, seed=seed)
        return [row["text"] for row in rows]

    assert texts(2.0, 1) == texts(2.0, 1) != texts(2.0, 2)
    assert texts(0.0, 1) == texts(0.0, 2)
