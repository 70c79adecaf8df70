"""What does a tokenizer's chat template write? It is a program of somebody else's, so it runs apart, with limits."""

from __future__ import annotations

from typing import Any

from pydantic import JsonValue

from strata.probes.checkpoints.sandbox import in_sandbox

_RENDER = """
from transformers.utils.chat_template_utils import render_jinja_template
rendered, _ = render_jinja_template(
    conversations=[given["messages"]], chat_template=given["template"], add_generation_prompt=True, **given["words"]
)
answer = rendered[0]
answer.encode()
"""


def rendered_chat(tokenizer: Any, messages: list[JsonValue], *, before: str = "") -> str:
    """A chat up to where the answer begins; `before` stands before the template, and may define macros.

    Raises SandboxError where the template fails or doesn't end, ValueError where the tokenizer has several and none is the default.
    """
    template = before + tokenizer.get_chat_template()
    if not type(tokenizer).__module__.startswith("transformers."):
        # Its code was asked for, and may write chats in its own way.
        return str(
            tokenizer.apply_chat_template(messages, chat_template=template, tokenize=False, add_generation_prompt=True)
        )
    words: dict[str, JsonValue] = {name: _plain(token) for name, token in tokenizer.special_tokens_map.items()}
    return str(in_sandbox(_RENDER, {"messages": messages, "template": template, "words": words}))


def _plain(token: Any) -> JsonValue:
    return [str(one) for one in token] if isinstance(token, list) else str(token)
