"""A written answer ends where a reader would say it does, and not at the first line of a chain of thought."""

from __future__ import annotations

import pytest

from strata.experiments.generated_answers import end_of_answer, extract_answer, leaves_open

DISTILLED = "<think>\nFirst 3 + 4.\n\nThat is 7.\n</think>\n\n**Solution:**\n3 + 4 = 7\n\n**Answer:** \\boxed{7}"


@pytest.mark.parametrize(
    ("text", "answer", "opened"),
    [
        (" 7\n5 + 5 =", " 7", False),
        ("\nThe answer is 7", "", False),
        (" <think> 3 + 4 </think> 7\nNext", " <think> 3 + 4 </think> 7", False),
        (f"{DISTILLED}\nAnything", DISTILLED, False),
        (f"\n\n{DISTILLED}\nAnything", f"\n\n{DISTILLED}", False),
        ("So 3 + 4.\nThen 7.\n</think>\n\nThe answer is 7.\nMore", "So 3 + 4.\nThen 7.\n</think>\n\nThe answer is 7.", True),
        ("3 + 4\n</think> 7\nMore", "3 + 4\n</think> 7", True),
        ("<think>\n3 + 4\n</think> 7\nMore", "<think>\n3 + 4\n</think> 7", True),
        (" <think> 3 + 4\n5 + 5 = <think>", " <think> 3 + 4", False),
        (" <think> 3 + 4 </think>\n5 + 5 = <think> 10 </think> 10", " <think> 3 + 4 </think>", False),
    ],
)  # fmt: skip
def test_an_answer_ends_there_whatever_the_pieces_it_is_written_in(text: str, answer: str, opened: bool) -> None:
    assert end_of_answer(text, opened=opened) == len(answer)
    # As it is decoded: the first prefix that says stop keeps the same.
    stopped = next(end for end in range(len(text) + 1) if end_of_answer(text[:end], opened=opened) is not None)
    assert text[:stopped][: end_of_answer(text[:stopped], opened=opened)] == answer


@pytest.mark.parametrize(
    ("text", "opened"),
    [
        ("", False), (" 7", False), ("\n", False), ("\n\n<thi", False), ("<think>\n3 + 4\n\n", False), ("3 + 4\n", True),
        ("</think>\n\n", True), ("<think>a</think>\nWe add.\n", False), ("a\n</think>\n\n**Answer:**\n", True),
    ],
)  # fmt: skip
def test_what_may_still_come_to_an_answer_goes_on(text: str, opened: bool) -> None:
    assert end_of_answer(text, opened=opened) is None


def test_a_reply_in_paragraphs_is_read_to_its_answer() -> None:
    assert extract_answer(DISTILLED).value == "7"
    assert extract_answer("so\n</think>\n\nWe add.\n**Answer:**\n7", opened=True).value == "7"


def test_a_prompt_leaves_a_block_open_until_it_closes_it() -> None:
    assert leaves_open("<|User|>Complete.<think>\n3 + 4 =")
    assert not leaves_open("3 + 4 =")
    assert not leaves_open("<think>\n\n</think>\n\n3 + 4 =")
    assert not leaves_open("<think>\n1 + 1 = <think> 2 </think> 2\n3 + 4 =")
