"""Which tokens open a tag, and how likely is one of them next?"""

from __future__ import annotations

import pytest
from tiny_models import tiny_checkpoint

from strata.experiments.compare.opening_tags import opening_tokens, opens_tag


@pytest.mark.parametrize("token", ["<think>", " <", "<", "[THINK]", "<|begin_of_thought|>", "<reasoning>", "<think"])
def test_opening_tags_are_known(token: str) -> None:
    assert opens_tag(token)


@pytest.mark.parametrize("token", [" Paris", "</think>", "<|endoftext|>", "<|im_end|>", "< 5", " think", "(", "<=", "[/INST]", "<3", "<eos>", "<unused99>", "<s>"])  # fmt: skip
def test_other_tokens_are_none(token: str) -> None:
    assert not opens_tag(token)


def test_a_vocabulary_without_tags_opens_none() -> None:
    assert opening_tokens(tiny_checkpoint("llama")) == []
