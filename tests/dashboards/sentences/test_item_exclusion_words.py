"""Does every reason for which an item is excluded have words, and does a run of any age open with its own?"""

from __future__ import annotations

from typing import get_args

import pytest

from strata.dashboards.sentences.item_exclusions import exclusion_words
from strata.experiments.results.item_exclusions import Code, WhyExcluded

CODES = [code for part in get_args(Code) for code in (get_args(part) or (part,))]
NEEDED = {
    "no-embedding": {"token": "<think>", "n_tokenizer": 9, "n_model": 8}, "span-kept": {"span": "the span"},
    "weak-pair": {"least": 0.5}, "beyond-most": {"pairs": 18}, "said": {"said": "as it was"},
}  # fmt: skip


@pytest.mark.parametrize("code", CODES)
def test_every_code_is_read_back_and_has_words_of_its_own(code: str) -> None:
    why = WhyExcluded.model_validate({"code": code, **NEEDED.get(code, {})})
    assert WhyExcluded.from_text(why.as_text()) == why
    words = exclusion_words(why.as_text())
    assert " " in words and "None" not in words


def test_no_two_codes_have_the_same_words() -> None:
    whys = [WhyExcluded.model_validate({"code": code, **NEEDED.get(code, {})}) for code in CODES]
    assert len({exclusion_words(why.as_text()) for why in whys}) == len(CODES) > 20


@pytest.mark.parametrize(
    "sentence",
    ["no foil", "not answered right", "weak pair", "beyond the 18 pairs of its family that are intervened on"],
)
def test_what_an_older_run_wrote_is_said_as_it_stands(sentence: str) -> None:
    assert exclusion_words(sentence) == sentence


def test_no_code_is_a_word_that_a_sentence_may_begin_with() -> None:
    assert all("-" in code for code in CODES if code != "said")


def test_what_a_sentence_needs_stands_behind_the_code() -> None:
    assert WhyExcluded(code="not-answered").as_text() == "not-answered"
    assert WhyExcluded(code="span-kept", span="subject").as_text() == 'span-kept {"span": "subject"}'
