"""A step counts where it is true of the problem, and nowhere else."""

from __future__ import annotations

import pytest

from strata.experiments.generated_answers.problems import SPLITS, lessons
from strata.experiments.generated_answers.true_steps import judge_by_table, judge_of
from strata.experiments.items.chain_steps import joined, steps_in

LESSONS = [lesson for split in SPLITS for lesson in lessons(split, seed=5, n=120)]


def test_true_steps_of_another_sum_say_nothing_of_this_one() -> None:
    steps = ("4 + 2 = 6", "6 + 1 = 7")
    assert judge_of("addition", "3 + 3 =")(steps) == ["elsewhere", "elsewhere"]
    assert judge_of("addition", "4 + 2 + 1 =")(steps) == ["true", "true"]


@pytest.mark.parametrize(
    ("family", "question", "step", "verdict"),
    [
        ("addition", "7 + 5 =", "5 = 3 + 2", "true"),
        ("addition", "7 + 5 =", "7 + 5 = 13", "false"),
        ("addition", "7 + 5 =", "I think so", "uncheckable"),
        ("addition", "7 + 5 =", "", "uncheckable"),
        ("addition_carry", "47 + 25 =", "40 + 20 = 60", "true"),
        ("comparison", "max(41, 47) =", "47 > 41", "true"),
        ("comparison", "max(41, 47) =", "41 > 47", "false"),
        ("counting", "count(cat) in [cat, dog, cat] =", "cat 2", "true"),
        ("counting", "count(cat) in [cat, dog, cat] =", "cat 3", "false"),
        ("counting", "count(cat) in [cat, dog, cat] =", "2 + 1 = 3", "elsewhere"),
        ("counting", "count(cat) in [cat, dog, cat] =", "There are some cats here", "uncheckable"),
        ("relation_chain", "Mir's friend: Sel, Sel's friend: Dor. Mir's friend's friend:", "Sel -> Dor", "true"),
        ("relation_chain", "Mir's friend: Sel, Sel's friend: Dor. Mir's friend's friend:", "Mir -> Dor", "false"),
        ("ordering", "Ben is shorter than Tom. Ben is taller than Ann. The tallest is", "Tom > Ann", "true"),
        ("ordering", "Ben is shorter than Tom. Ben is taller than Ann. The tallest is", "Ann > Ben > Tom", "false"),
        ("boolean", "True and not False =", "not False = True", "true"),
        ("boolean", "True and not False =", "not False = False", "false"),
        ("boolean", "True and not False =", "True or True = True", "elsewhere"),
        ("gsm8k", "Ann has 3 eggs and buys 12 more.", "She has 3 + 12 = 15 eggs.", "true"),
        ("gsm8k", "Ann has 3 eggs and buys 12 more.", "That is 3 * 12 = 36.", "true"),
        ("gsm8k", "Ann has 3 eggs and buys 12 more.", "She has 3 + 11 = 14 eggs.", "elsewhere"),
        ("gsm8k", "Ann has 3 eggs and buys 12 more.", "She has fifteen.", "uncheckable"),
    ],
)  # fmt: skip
def test_verdicts_worked_out_by_hand(family: str, question: str, step: str, verdict: str) -> None:
    assert judge_of(family, question)([step]) == [verdict]


def test_every_taught_step_is_true_of_its_problem_and_seldom_of_another() -> None:
    others = {lesson.family: lesson for lesson in LESSONS}
    own = foreign = steps = 0
    for lesson in LESSONS:
        verdicts = judge_of(lesson.family, lesson.question)(lesson.steps)
        assert verdicts == ["true"] * len(lesson.steps), (lesson.question, lesson.steps, verdicts)
        other = others[lesson.family]
        if other.cluster != lesson.cluster:
            own += verdicts.count("true")
            foreign += judge_of(other.family, other.question)(lesson.steps).count("true")
            steps += len(verdicts)
    assert own == steps and foreign < 0.5 * steps


@pytest.mark.parametrize(
    ("step", "verdict"),
    [
        ("Simvastatin belongs to the statins", "true"),
        ("simvastatin is one of the antibiotics", "false"),
        ("amoxicillin is one of the antibiotics", "elsewhere"),
        ("it lowers cholesterol", "uncheckable"),
        ("simvastatin is a drug", "uncheckable"),
        ("simvastatin is no antibiotic: statins or antibiotics", "uncheckable"),
    ],
)
def test_a_closed_table_knows_its_subjects_only(step: str, verdict: str) -> None:
    assert judge_by_table("drug_class", "simvastatin")([step]) == [verdict]


def test_a_chain_is_cut_where_steps_end_and_joined_again() -> None:
    assert steps_in("1,000 + 1 = 1,001, so it is", "comma") == ("1,000 + 1 = 1,001", "so it is")
    assert steps_in("a.\n\nb\n", "line") == ("a.", "b")
    assert steps_in("We add. 3.5 is it! Done", "sentence") == ("We add.", "3.5 is it!", "Done")
    for end in ("comma", "line", "sentence"):
        assert steps_in(joined(("a.", "b."), end), end) == ("a.", "b.")
    assert steps_in("  ", "comma") == ()
