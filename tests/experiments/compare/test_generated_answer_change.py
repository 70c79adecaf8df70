"""Generated answers: who is right, who gives none and why, and what happens to a model that can't be asked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file
from tiny_models import tiny_checkpoint

from strata.experiments.compare.config import CompareConfig
from strata.experiments.compare.fixed_prompting import fixed_prompting
from strata.experiments.compare.generated_answer_change import _ways, asked_to_generate, generated_change, summarised
from strata.experiments.compare.model_specs import Specs
from strata.experiments.compare.models import Models
from strata.experiments.generated_answers import extract_answer, is_right, leaves_open
from strata.experiments.generated_answers.decoding import Decoding, reasoning_rows
from strata.experiments.generated_answers.extraction import NEVER_CLOSED, NOTHING, NOTHING_AFTER
from strata.experiments.generated_answers.problems import evaluation_lessons
from strata.experiments.generated_answers.prompting import PROMPTS, ask
from strata.experiments.locate.config import LocateConfig
from strata.experiments.results.comparison_reasons import ExcludedPart
from strata.experiments.results.generated_tables import ANSWERS
from strata.experiments.run.directory import RunDirectory
from strata.probes.decoding.generate import generate
from strata.probes.errors import StrataError

PROBLEMS = 10
SPLITS = ("test", "harder", "other")


def answered(texts: dict[str, str]) -> list[dict[str, Any]]:
    """Rows as they are kept, every problem answered with the same text a way of asking; "7" is right."""
    rows = []
    for way, text in texts.items():
        answer = extract_answer(text)
        rows += [
            {
                "prompt": way, "split": split, "item": f"{split}:{number}", "cluster": str(number), "family": f"family {number % 5}", "text": text,
                "answer": answer.value, "reason": answer.reason, "right": is_right(answer, "7"),
            }
            for split in SPLITS
            for number in range(PROBLEMS)
        ]  # fmt: skip
    return rows


def everywhere(text: str) -> list[dict[str, Any]]:
    return answered(dict.fromkeys(PROMPTS, text))


def test_an_unclosed_thought_and_an_empty_answer_are_counted_with_their_reasons_and_not_measured() -> None:
    summary = summarised(
        {
            "base": answered({"question_only": "", "few_shot": "7", "chain_of_thought": "<think> 3 + 4 </think> 7"}),
            "distilled": everywhere("<think> 3 + 4 is 7 and then"),
            "control": everywhere("<think> 3 + 4 </think>"),
        },
        draws=100,
        seed=0,
    )
    for split in SPLITS:
        of_split = summary.splits[split]
        assert of_split.prompt == {
            "base": ("few_shot",) * 2, "distilled": ("question_only",) * 2, "control": ("question_only",) * 2,
        }  # fmt: skip
        assert of_split.no_answer == {
            "base": {}, "distilled": {NEVER_CLOSED: PROBLEMS}, "control": {NOTHING_AFTER: PROBLEMS},
        }  # fmt: skip
        assert of_split.unmeasured == {"distilled": 10, "control": 10}
        accuracy = of_split.accuracy
        assert accuracy.base is not None and accuracy.base.value == 1
        assert all(
            getattr(accuracy, name) is None
            for name in ("distilled", "control", "change", "control_change", "difference_in_differences")
        )
    silent = summarised({"base": everywhere(" \n")}, draws=100, seed=0).splits["test"]
    assert silent.no_answer["base"] == {NOTHING: PROBLEMS}
    assert not silent.accuracy.measured


def test_a_model_without_answers_is_excluded_with_the_reason_every_time_its_table_is_read(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path / "run", verb="compare", command=[], identity={})
    for role, text in (("base", "8"), ("distilled", "<think>\nWell")):
        run.write_rows(ANSWERS, everywhere(text), name=f"answers_{role}")
    models = Models(dict.fromkeys(("base", "distilled"), pytest.fail))
    config = CompareConfig(locate=LocateConfig(draws=100), generated=1)
    for _ in range(2):
        left: list[ExcludedPart] = []
        summary = generated_change(run, models, config, left.append)
        assert [(gap.part, gap.model) for gap in left] == [("generated-answers", "distilled")] * len(SPLITS)
        assert [(gap.why.code, gap.why.split) for gap in left] == [("hardly-answers", split) for split in SPLITS]
        assert [gap.why.texts for gap in left] == [summary.splits[split].unmeasured["distilled"] for split in SPLITS]
    run.close("done")


@pytest.mark.parametrize(("unclosed", "measured"), [(5, True), (6, False)])
def test_half_of_the_texts_without_an_answer_are_wrong_answers_and_more_are_no_measurement(
    unclosed: int, measured: bool
) -> None:
    right, never = everywhere("<think> 3 </think> 7"), everywhere("<think> 3")
    mixed = [
        open_row if int(right_row["cluster"]) < unclosed else right_row
        for right_row, open_row in zip(right, never, strict=True)
    ]
    summary = summarised({"base": everywhere("8"), "distilled": mixed}, draws=100, seed=0).splits["test"]
    change = summary.accuracy.change
    assert (change is not None and change.value == 1 - unclosed / PROBLEMS) == measured
    assert ("distilled" in summary.unmeasured) != measured


def test_no_problem_is_scored_in_a_way_that_was_chosen_by_it() -> None:
    # Every way is right by chance only: the best way of the very problems that are scored would look better than it is.
    source = np.random.default_rng(3)
    chance, across, same = 0.5, [], []
    for _ in range(300):
        rows = [{**row, "right": bool(source.random() < chance)} for row in everywhere("8") if row["split"] == "test"]
        across.append(summarised({"base": rows}, draws=2, seed=0).splits["test"].accuracy.base.value)
        same.append(max(np.mean([row["right"] for row in rows if row["prompt"] == way]) for way in PROMPTS))
    error = (chance * (1 - chance) / PROBLEMS / 300) ** 0.5
    assert abs(np.mean(across) - chance) < 4 * error
    assert np.mean(same) - chance > 8 * error


def test_the_way_is_chosen_over_all_splits_and_a_cluster_is_in_one_half_of_them() -> None:
    # Each split by itself would choose by chance; one way is right everywhere.
    rows = [{**row, "right": row["prompt"] == PROMPTS[1]} for row in everywhere("8")]
    found = summarised({"base": rows}, draws=2, seed=0)
    assert len(found.splits) > 1 and {split.prompt["base"] for split in found.splits.values()} == {(PROMPTS[1],) * 2}
    # The few problems of one split are right another way: what is right over all is taken there too.
    last = list(found.splits)[-1]
    odd = [
        {**row, "right": row["prompt"] == PROMPTS[0]}
        if row["split"] == last and row["family"] == rows[-1]["family"]
        else row
        for row in rows
    ]
    assert {split.prompt["base"] for split in summarised({"base": odd}, draws=2, seed=0).splits.values()} == {
        (PROMPTS[1],) * 2
    }
    ways = _ways(rows, None)
    assert len(ways.counting(rows)) * len(PROMPTS) == len([row for row in rows if row["split"] in found.splits])


def test_each_half_is_scored_in_the_way_that_is_right_on_the_other() -> None:
    rows = everywhere("8")
    for row in rows:
        even = int(row["cluster"]) % 2 == 0
        row["right"] = row["prompt"] == ("few_shot" if even else "chain_of_thought")
    summary = summarised({"base": rows}, draws=100, seed=0).splits["test"]
    assert summary.prompt["base"] == ("chain_of_thought", "few_shot")
    assert summary.accuracy.base is not None and summary.accuracy.base.value == 0


def test_a_model_with_a_fixed_way_is_scored_in_it_whatever_it_scores() -> None:
    rows = answered({"question_only": "8", "few_shot": "7", "chain_of_thought": "7"})
    free, fixed = (summarised({"base": rows}, ways, draws=100, seed=0) for ways in ({}, {"base": "question_only"}))
    assert free.splits["test"].prompt["base"] == ("few_shot", "few_shot") and free.fixed == {}
    of_split = fixed.splits["test"]
    assert of_split.prompt["base"] == ("question_only", "question_only") and fixed.fixed == {"base": "question_only"}
    assert of_split.accuracy.base is not None and of_split.accuracy.base.value == 0


def test_all_problems_stand_together_and_family_by_family() -> None:
    generated = summarised({"base": everywhere("8"), "distilled": everywhere("7")}, draws=100, seed=0)
    assert generated.all_problems is generated.overall and generated.overall is not None
    change = generated.overall.accuracy.change
    assert change is not None and (change.value, change.n_items) == (1, len(SPLITS) * PROBLEMS)
    assert {(of.split, of.family) for of in generated.families} == {
        (s, f"family {n}") for s in SPLITS for n in range(5)
    }
    assert all(of.problems == 2 and of.right == {"base": 0, "distilled": 2} for of in generated.families)
    one = summarised({"base": [row for row in everywhere("8") if row["split"] == "other"]}, draws=100, seed=0)
    assert one.overall is None and one.all_problems is one.splits["other"]


def test_only_the_rows_that_are_scored_count(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path / "run", verb="compare", command=[], identity={})
    models = Models({"base": lambda: tiny_checkpoint("llama", max_position_embeddings=1024)})
    config = CompareConfig(locate=LocateConfig(draws=100), generated=1, generated_tokens=2, generated_splits=("other",))
    generated_change(run, models, config, lambda excluded: None)
    rows = run.read_table("answers_base").to_pylist()
    run.close("done")
    counting = [row["item"] for row in rows if row["counts"]]
    assert len(counting) == len(set(counting)) == len({row["item"] for row in rows}) and all(
        row["question"] for row in rows
    )


@pytest.mark.parametrize(("spec", "fixed"), [("smollm2+think", True), ("smollm2", False), ("smollm2+foreign", False)])
def test_only_an_adapter_with_a_record_of_its_training_is_asked_in_one_way(
    spec: str, fixed: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign" / "adapter_config.json").write_text("{}")
    save_file({"w": np.zeros(1, dtype=np.float32)}, tmp_path / "foreign" / "adapter_model.safetensors")
    monkeypatch.chdir(tmp_path)
    ways = fixed_prompting(Specs(spec.replace("+foreign", "+./foreign"), "smollm2"))
    assert ways == ({"base": "question_only"} if fixed else {})


def test_a_problem_that_is_drawn_several_times_counts_once_with_its_share_of_right_draws() -> None:
    rows = [row for text in ("7", "8", "8", "7", "7") for row in everywhere(text)]
    accuracy = summarised({"base": rows, "distilled": everywhere("7")}, draws=100, seed=0).splits["test"].accuracy
    assert accuracy.base is not None and accuracy.change is not None
    assert accuracy.base.value == pytest.approx(0.6) and accuracy.base.n_items == PROBLEMS
    assert accuracy.change.value == pytest.approx(0.4)


def test_a_model_whose_context_is_too_short_is_excluded_with_the_reason(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path / "run", verb="compare", command=[], identity={})
    models = Models(dict.fromkeys(("base", "distilled"), lambda: tiny_checkpoint("llama")))
    config = CompareConfig(locate=LocateConfig(draws=100), generated=1)
    left: list[ExcludedPart] = []
    summary = generated_change(run, models, config, left.append)
    run.close("done")
    assert summary.why == "no-model-could" and not summary.splits
    assert [(gap.part, gap.model) for gap in left] == [("generated-answers", "base"), ("generated-answers", "distilled")]  # fmt: skip
    assert all("context" in (gap.why.said or "") for gap in left)


def test_no_answers_are_asked_for_by_nobody(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path / "run", verb="compare", command=[], identity={})
    summary = generated_change(
        run, Models({}), CompareConfig(generated=0), lambda excluded: pytest.fail("nothing was asked")
    )
    run.close("done")
    assert summary.why == "not-asked-for" and not summary.splits


def test_drawn_answers_belong_to_their_seed_and_greedy_ones_to_none() -> None:
    checkpoint = tiny_checkpoint("llama", max_position_embeddings=256)
    asked = {"test": evaluation_lessons("test", seed=0, per_family=1)[:3]}

    def texts(temperature: float, seed: int) -> list[str]:
        rows = reasoning_rows(
            checkpoint, "base", asked, ["question_only"], decoding=Decoding(temperature=temperature, seed=seed)
        )
        return [row["text"] for row in rows]

    assert texts(2.0, 1) == texts(2.0, 1) != texts(2.0, 2)
    assert texts(0.0, 1) == texts(0.0, 2)


def test_what_is_asked_for_generated_answers_stands_behind_the_prefix_and_has_the_room_that_was_given() -> None:
    checkpoint = tiny_checkpoint("llama", max_position_embeddings=256)
    lessons = evaluation_lessons("test", seed=0, per_family=1)[:4]
    prompt_prefix = "a b c <think> "
    locate = LocateConfig(framing="chat", prompt_prefix=prompt_prefix)
    config = CompareConfig(locate=locate, generated_tokens=5)
    rows = asked_to_generate(checkpoint, "base", {"test": lessons}, ["question_only"], config)
    free = generate(checkpoint, [prompt_prefix + lesson.question for lesson in lessons], max_new_tokens=5)
    assert [row["text"] for row in rows] == [generation.text for generation in free]
    # The prompt prefix leaves a block open, so what is written without closing it is no answer.
    assert {row["reason"] for row in rows} == {NEVER_CLOSED}
    closed = CompareConfig(
        locate=LocateConfig(framing="empty-think", prompt_prefix=f"{prompt_prefix}</think> "), generated_tokens=5
    )
    answers = asked_to_generate(checkpoint, "base", {"test": lessons}, ["question_only"], closed)
    assert NEVER_CLOSED not in {row["reason"] for row in answers}


def test_examples_that_think_close_the_block_that_a_prompt_prefix_began() -> None:
    lesson = evaluation_lessons("test", seed=0, per_family=1)[0]
    assert leaves_open(f"<think>\n{ask(lesson, 'question_only')}")
    assert not leaves_open(f"<think>\n{ask(lesson, 'chain_of_thought')}")


def test_every_draw_has_a_seed_of_its_own_and_the_first_is_the_only_ones() -> None:
    checkpoint = tiny_checkpoint("llama", max_position_embeddings=256)
    asked = {"test": evaluation_lessons("test", seed=0, per_family=1)[:3]}

    def rows(samples: int) -> list[dict[str, Any]]:
        config = CompareConfig(temperature=2.0, samples=samples, generated_tokens=8)
        return asked_to_generate(checkpoint, "base", asked, ["question_only"], config)

    three = rows(3)
    assert three[:3] == rows(1) and [row["draw"] for row in three] == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert all(len({row["text"] for row in three if row["item"] == lesson.id}) == 3 for lesson in asked["test"])


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"generated_tokens": 0}, "at least 1"),
        ({"samples": 0, "temperature": 1.0}, "at least 1"),
        ({"samples": 3}, "every draw is the same"),
    ],
)
def test_draws_and_room_that_make_no_sense_are_refused(options: dict[str, Any], what: str) -> None:
    with pytest.raises(StrataError, match=what):
        CompareConfig(**options)


def test_the_base_is_asked_in_the_ways_named_and_in_those_of_the_others(tmp_path: Path) -> None:
    checkpoint = tiny_checkpoint("llama", max_position_embeddings=1024)
    config = CompareConfig(
        locate=LocateConfig(draws=100), generated=1, generated_tokens=2, generated_splits=("other",), generated_ways=("few_shot",)
    )  # fmt: skip
    openers = {"base": lambda: checkpoint, "distilled": lambda: checkpoint, "control": lambda: checkpoint}
    run = RunDirectory(tmp_path / "run", verb="compare", command=[], identity={})
    generated_change(run, Models(openers), config, lambda entry: None, {"distilled": "question_only"})
    asked = {
        role: {row["prompt"] for row in run.read_table(f"answers_{role}").to_pylist()}
        for role in ("base", "distilled", "control")
    }
    run.close("done")
    assert asked["base"] == asked["control"] == {"question_only", "few_shot"}
    assert asked["distilled"] == {"question_only"}
    with pytest.raises(StrataError, match="--generated-ways is shouted"):
        CompareConfig(generated_ways=("shouted",))
