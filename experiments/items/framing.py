"""What stands before every prompt: nothing, or the start of a chat in which the model is already answering.

The prompt itself stays what it was, token for token, once and at the end, so that pairs stay aligned and every named
position keeps its meaning. In a chat it is the start of the answer that the model goes on with.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256
from typing import Any, Literal, get_args

from pydantic import JsonValue

from strata.experiments.items.schema import HOPS, Item, Span
from strata.probes.checkpoints.chat_template import rendered_chat
from strata.probes.checkpoints.sandbox import SandboxError
from strata.probes.errors import StrataError

Framing = Literal["raw", "chat", "empty-think"]
FRAMINGS: tuple[Framing, ...] = get_args(Framing)
REQUEST = "Complete the text."
"""What the user of the chat says: the same before every item, so that no item is told twice."""
THINK, END_THINK = "<think>", "</think>"
_ONE_DAY = "{%- macro strftime_now(form) -%}26 Jul 2024{%- endmacro -%}"
"""Some templates write today's date: the same command has to ask the same tomorrow, and go on with a run of yesterday."""


def prompt_prefix_of(tokenizer: Any, framing: Framing, whose: str = "this model") -> str:
    """The text before every prompt, from the tokenizer's own chat template, without a BOS that it adds by itself.

    `empty-think` closes the think block before the answer begins, whether the template opened one or not; in `chat`
    a model that starts by thinking reads the prompt as its chain of thought. Raises StrataError where there is no template, one
    that fails, or one that doesn't write the request; `whose` names the model in it.
    """
    if framing == "raw":
        return ""
    if not getattr(tokenizer, "chat_template", None):
        raise StrataError(
            f"--framing {framing} needs a chat template, and the tokenizer of {whose} has none", "Use --framing raw"
        )
    started = _started(tokenizer, whose)
    if tokenizer.bos_token and list(tokenizer("")["input_ids"])[:1] == [tokenizer.bos_token_id]:
        started = started.removeprefix(tokenizer.bos_token)
    if framing == "chat":
        return started
    # A template may open a block, or write a whole empty one itself.
    if started.rstrip().endswith(END_THINK):
        return started
    opened = started if started.rfind(THINK) > started.rfind(END_THINK) else f"{started}{THINK}\n"
    return f"{opened}\n{END_THINK}\n\n"


def with_request(prompt_prefix: str, request: str) -> str:
    """The text before a prompt in which the user of the chat says `request` instead."""
    return prompt_prefix.replace(REQUEST, request)


def _started(tokenizer: Any, whose: str) -> str:
    """A chat with the request, up to where the answer begins."""
    failed: Exception | None = None
    rendered = False
    # Templates of models that see as well write only what comes as a list of parts.
    contents: tuple[JsonValue, ...] = (REQUEST, [{"type": "text", "text": REQUEST}])
    for content in contents:
        try:
            started = rendered_chat(tokenizer, [{"role": "user", "content": content}], before=_ONE_DAY)
        except (SandboxError, ValueError) as error:
            failed = failed or error
            continue
        rendered = True
        # A list that is written as it stands, quotes and all, is no request.
        before, written, _ = started.partition(REQUEST)
        if written and (content == REQUEST or before[-1:] not in ("'", '"')):
            return started
    if failed is not None and not rendered:
        reason = " ".join(str(failed).split())
        raise StrataError(f"The chat template of {whose} fails ({reason})", "Use --framing raw") from failed
    raise StrataError(
        f"The chat template of {whose} doesn't write the request {REQUEST!r}, so that the prompts would stand in no chat",
        "Use --framing raw, or mend the template",
    )


def template_sha256(tokenizer: Any) -> str | None:
    """Hex digest of a tokenizer's chat template (all of them, where it names several); None when it has none."""
    template = getattr(tokenizer, "chat_template", None)
    return sha256(json.dumps(template, sort_keys=True).encode()).hexdigest() if template else None


def framed(item: Item, prompt_prefix: str) -> Item:
    """The item with `prompt_prefix` before all of its prompts, those of its single hops too; answers and clusters stay."""
    if not prompt_prefix:
        return item

    def moved(spans: Mapping[str, Span]) -> dict[str, Span]:
        return {name: (start + len(prompt_prefix), end + len(prompt_prefix)) for name, (start, end) in spans.items()}

    def hop(asked: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
        prompts = {name: f"{prompt_prefix}{asked[name]}" for name in ("prompt", "foil_prompt") if asked.get(name)}
        return {**asked, **prompts}

    hops = {name: hop(asked) for name in HOPS if isinstance(asked := item.extra.get(name), Mapping)}
    return replace(
        item,
        prompt=prompt_prefix + item.prompt,
        foil_prompt=prompt_prefix + item.foil_prompt if item.foil_prompt else "",
        spans=moved(item.spans),
        foil_spans=moved(item.foil_spans),
        extra={**item.extra, **hops},
    )
