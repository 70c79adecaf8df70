"""What is asked was never shown: no instance in two splits, harder settings and other families kept apart."""

from __future__ import annotations

import pytest

from strata.experiments.generated_answers.problems import (
    SPLITS,
    cells_of,
    families_of,
    in_training,
    lessons,
    lessons_sha256,
)
from strata.experiments.generated_answers.prompting import PROMPTS, ask
from strata.experiments.items.builtin import build_items, chosen


@pytest.mark.parametrize("seed", [0, 1, 7])
def test_no_instance_stands_in_two_splits(seed: int) -> None:
    made = {split: lessons(split, seed=seed, n=1500 if split == "train" else 500) for split in SPLITS}
    clusters = {split: {lesson.cluster for lesson in of_split} for split, of_split in made.items()}
    for split, other in [(a, b) for a in SPLITS for b in SPLITS if a < b]:
        assert not clusters[split] & clusters[other], (split, other)
    assert not set(families_of("other")) & set(families_of("train"))
    assert not set(cells_of("harder")) & set(cells_of("train"))
    assert set(families_of("test")) == set(families_of("train")) == {lesson.family for lesson in made["test"]}


def test_the_split_of_an_instance_is_the_same_for_every_seed() -> None:
    trained = {lesson.cluster for seed in range(3) for lesson in lessons("train", seed=seed, n=800)}
    tested = {lesson.cluster for seed in range(3) for lesson in lessons("test", seed=seed, n=200)}
    assert not trained & tested
    assert all(map(in_training, trained)) and not any(map(in_training, tested))


def test_worked_examples_in_training_show_no_test_question() -> None:
    shown = "".join(f"\n{lesson.before}" for lesson in lessons("train", seed=0, n=2000))
    assert shown.count("\n") > 500
    asked = {f"\n{lesson.question} {lesson.answer}" for lesson in lessons("test", seed=0, n=500)}
    assert not any(question in shown for question in asked)


def test_built_in_items_know_whether_they_were_trained_on() -> None:
    items = build_items(chosen(["addition"]), seed=0, per_family=60, difficulty=2)
    trained_on = {item.cluster: in_training(item.cluster) for item in items}
    assert True in trained_on.values() and False in trained_on.values()
    trained = {lesson.cluster for lesson in lessons("train", seed=0, n=6000) if lesson.family == "addition"}
    assert all(trained_on[cluster] == (cluster in trained) for cluster in trained_on)
    assert not in_training("deduction:blick happy; yim warm")


def test_the_same_seed_gives_the_same_lessons_and_another_gives_others() -> None:
    once, again, other = (lessons_sha256(lessons("train", seed=seed, n=300)) for seed in (4, 4, 5))
    assert once == again != other


@pytest.mark.parametrize("way", PROMPTS)
def test_a_prompt_never_shows_what_it_asks(way: str) -> None:
    for lesson in lessons("test", seed=0, n=200) + lessons("other", seed=0, n=80):
        prompt = ask(lesson, way)
        assert prompt.endswith(lesson.question)
        assert f"\n{lesson.question} " not in f"\n{prompt}"
        assert (way == "chain_of_thought") == ("</think>" in prompt)
