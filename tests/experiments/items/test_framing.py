"""Items inside a chat: the same tokens at the end, the same positions, in any tokenizer that has a template."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny_models import tiny_tokenizer

from strata.experiments.items.alignment import encode_item
from strata.experiments.items.builtin import build_items, chosen
from strata.experiments.items.framing import FRAMINGS, REQUEST, framed, prompt_prefix_of, template_sha256
from strata.experiments.items.schema import Item
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.errors import StrataError


def templated(start: str, *, adds_bos: bool = False) -> Any:
    """A tokenizer whose chats begin with the request in brackets and `start`, in Jinja."""
    tokenizer = tiny_tokenizer(adds_bos=adds_bos)
    tokenizer.chat_template = "[{{ messages[0]['content'] }}]" + start
    return tokenizer


@pytest.mark.parametrize(
    ("start", "chat", "empty"),
    [
        ("says:", "says:", "says:<think>\n\n</think>\n\n"),
        ("{{ 'says:<think>\\n' }}", "says:<think>\n", "says:<think>\n\n</think>\n\n"),
        (
            "{{ 'says:<think>\\n\\n</think>\\n\\n' }}",
            "says:<think>\n\n</think>\n\n",
            "says:<think>\n\n</think>\n\n",
        ),
    ],
)
def test_an_empty_think_block_stands_once_whatever_the_template_opens(start: str, chat: str, empty: str) -> None:
    asked = f"[{REQUEST}]"
    assert [prompt_prefix_of(templated(start), framing) for framing in FRAMINGS] == ["", asked + chat, asked + empty]


def test_a_start_token_that_the_tokenizer_adds_is_not_spelled_out_as_well() -> None:
    prefixes = {}
    for adds_bos in (True, False):
        tokenizer = tiny_tokenizer(adds_bos=adds_bos)
        tokenizer.chat_template = "{{ bos_token }}{{ messages[0]['content'] }} {{ eos_token }} "
        prefixes[adds_bos] = prompt_prefix_of(tokenizer, "chat")
    assert prefixes == {True: f"{REQUEST} </s> ", False: f"<s>{REQUEST} </s> "}


def test_the_same_question_is_asked_on_another_day() -> None:
    plain = tiny_tokenizer()
    plain.chat_template = "{{ messages[0].content }} {{ strftime_now('%Y-%m-%d %H:%M:%S') }}"
    prefixes = {prompt_prefix_of(plain, "chat") for _ in range(2)}
    assert prefixes == {f"{REQUEST} 26 Jul 2024"}


def test_a_tokenizer_without_a_template_takes_raw_prompts_only() -> None:
    bare = tiny_tokenizer()
    assert prompt_prefix_of(bare, "raw") == "" and template_sha256(bare) is None
    with pytest.raises(StrataError, match="needs a chat template, and the tokenizer of smol has none"):
        prompt_prefix_of(bare, "chat", "smol")


@pytest.mark.parametrize("template", ["{{ raise_exception('system first') }}", "{% if %}", {"tool_use": "{{ 1 }}"}])
def test_a_template_that_fails_is_one_sentence(template: Any) -> None:
    broken = tiny_tokenizer()
    broken.chat_template = template
    with pytest.raises(StrataError, match="chat template of smol fails") as refused:
        prompt_prefix_of(broken, "chat", "smol")
    assert refused.value.exit_code == 2 and "\n" not in refused.value.what


@pytest.mark.parametrize("framing", ["chat", "empty-think"])
@pytest.mark.parametrize(
    "template",
    [
        "{% for one in messages %}<|user|>{{ one.text }}{% endfor %}<|assistant|>",
        "{{ prompt }}<|assistant|>",
        "",
        "{% for one in messages if one.role == 'system' %}{{ one.content }}{% endfor %}<|assistant|>",
        "{% for one in messages %}{% if one.content is string %}<|user|>{% else %}{{ one.content }}{% endif %}{% endfor %}",
    ],
    ids=["another field", "another variable", "empty", "system only", "parts as they stand"],
)
def test_a_template_that_does_not_write_the_request_is_no_chat(template: str, framing: Any) -> None:
    deaf = tiny_tokenizer()
    deaf.chat_template = template or "{{ '' }}"
    with pytest.raises(StrataError, match=r"of smol doesn't write the request 'Complete the text\.'") as refused:
        prompt_prefix_of(deaf, framing, "smol")
    assert refused.value.exit_code == 2 and "--framing raw" in refused.value.remedy


@pytest.mark.parametrize(
    "template",
    [
        "{% for m in messages %}[{% for c in m['content'] %}{{ c['text'] }}{% endfor %}]{% endfor %}says:",
        "{% for m in messages %}[{{ m.content[0].text }}]{% endfor %}says:",
        "{% for m in messages %}[{% for c in m.content if c.type == 'text' %}{{ c.text | trim }}{% endfor %}]{% endfor %}says:",
        "{% if messages[0].content is string %}{{ raise_exception('a list, please') }}{% endif %}"
        "[{{ messages[0].content[0]['text'] }}]says:",
    ],
)
def test_a_template_that_takes_a_list_of_parts_is_given_one(template: str) -> None:
    seeing = tiny_tokenizer()
    seeing.chat_template = template
    assert prompt_prefix_of(seeing, "chat") == f"[{REQUEST}]says:"
    assert prompt_prefix_of(seeing, "empty-think") == f"[{REQUEST}]says:<think>\n\n</think>\n\n"


def test_single_hops_stand_behind_the_same_prefix_and_nothing_else_moves() -> None:
    hop = {"prompt": "of Paris is", "answer": " x", "foil_prompt": "of France is", "foil": " y", "note": 1}
    extra = {"first_hop": hop, "second_hop": "broken", "partner": {"prompt": "the"}, "subject": "Paris"}
    item = Item("a", "composite", "f", "d", "the Paris is", " x", extra=extra)
    framed_extra = framed(item, "in ").extra
    assert framed_extra == {**extra, "first_hop": {**hop, "prompt": "in of Paris is", "foil_prompt": "in of France is"}}
    assert item.extra["first_hop"]["prompt"] == "of Paris is"


@given(st.text(max_size=20), st.text(min_size=1, max_size=20), st.data())
def test_spans_cover_the_same_text(prompt_prefix: str, prompt: str, data: Any) -> None:
    start = data.draw(st.integers(0, len(prompt) - 1))
    end = data.draw(st.integers(start + 1, len(prompt)))
    spans = {"subject": (start, end)}
    item = Item("a", "knowledge", "f", "d", prompt, " x", spans=spans)
    framed_item = framed(item, prompt_prefix)
    low, high = framed_item.spans["subject"]
    assert framed_item.prompt[low:high] == prompt[start:end] and framed_item.foil_prompt == ""
    assert (framed_item.id, framed_item.answer) == (item.id, item.answer)


def test_a_framed_item_keeps_its_tokens_its_pair_and_its_answer(smollm2: Checkpoint) -> None:
    prompt_prefix = prompt_prefix_of(smollm2.tokenizer, "empty-think")
    assert prompt_prefix.endswith("assistant\n<think>\n\n</think>\n\n")
    for item in build_items(chosen(("capital", "addition")), seed=0, per_family=4):
        plain, inside = (encode_item(variant, smollm2) for variant in (item, framed(item, prompt_prefix)))
        ahead = len(inside.prompt.ids) - len(plain.prompt.ids)
        assert ahead > 10 and inside.prompt.ids[ahead:] == plain.prompt.ids
        assert {name: at - ahead for name, at in inside.prompt.positions.items()} == plain.prompt.positions
        assert (inside.answer_id, inside.foil_id, inside.aligned) == (plain.answer_id, plain.foil_id, plain.aligned)
