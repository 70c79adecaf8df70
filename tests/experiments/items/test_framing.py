"""Items inside a chat: the same tokens at the end, the same positions, in any tokenizer that has a template."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.items.alignment import encode_item
from experiments.items.builtin import build_items, chosen
from experiments.items.framing import FRAMINGS, REQUEST, framed, opening_of
from experiments.items.schema import Item
from probes.checkpoints.checkpoint import Checkpoint
from probes.errors import StrataError


def template(start: str) -> Any:
    def apply(messages: list[dict[str, str]], *, tokenize: bool, add_generation_prompt: bool) -> str:
        assert not tokenize and add_generation_prompt
        return f"[{messages[0]['content']}]" + start

    return SimpleNamespace(chat_template="there is one", apply_chat_template=apply)


@pytest.mark.parametrize(
    ("start", "chat", "empty"),
    [
        ("says:", "says:", "says:<think>\n\n</think>\n\n"),
        ("says:<think>\n", "says:<think>\n", "says:<think>\n\n</think>\n\n"),
        ("says:<think>\n\n</think>\n\n", "says:<think>\n\n</think>\n\n", "says:<think>\n\n</think>\n\n"),
    ],
)
def test_an_empty_think_block_stands_once_whatever_the_template_opens(start: str, chat: str, empty: str) -> None:
    asked = f"[{REQUEST}]"
    assert [opening_of(template(start), one) for one in FRAMINGS] == ["", asked + chat, asked + empty]


def test_a_tokenizer_without_a_template_takes_raw_prompts_only() -> None:
    bare = SimpleNamespace(chat_template=None)
    assert opening_of(bare, "raw") == ""
    with pytest.raises(StrataError, match="needs a chat template"):
        opening_of(bare, "chat")


@given(st.text(max_size=20), st.text(min_size=1, max_size=20), st.data())
def test_spans_cover_the_same_text(opening: str, prompt: str, data: Any) -> None:
    start = data.draw(st.integers(0, len(prompt) - 1))
    end = data.draw(st.integers(start + 1, len(prompt)))
    spans = {"subject": (start, end)}
    item = Item("a", "knowledge", "f", "d", prompt, " x", spans=spans)
    found = framed(item, opening)
    low, high = found.spans["subject"]
    assert found.prompt[low:high] == prompt[start:end] and found.foil_prompt == ""
    assert (found.id, found.answer) == (item.id, item.answer)


def test_a_framed_item_keeps_its_tokens_its_pair_and_its_answer(smollm2: Checkpoint) -> None:
    opening = opening_of(smollm2.tokenizer, "empty-think")
    assert opening.endswith("assistant\n<think>\n\n</think>\n\n")
    for item in build_items(chosen(("capital", "addition")), seed=0, per_family=4):
        plain, inside = (encode_item(one, smollm2) for one in (item, framed(item, opening)))
        ahead = len(inside.prompt.ids) - len(plain.prompt.ids)
        assert ahead > 10 and inside.prompt.ids[ahead:] == plain.prompt.ids
        assert {name: at - ahead for name, at in inside.prompt.positions.items()} == plain.prompt.positions
        assert (inside.answer_id, inside.foil_id, inside.aligned) == (plain.answer_id, plain.foil_id, plain.aligned)
