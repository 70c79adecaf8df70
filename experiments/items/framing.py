"""What stands before every prompt: nothing, or the start of a chat in which the model is already answering.

The prompt itself stays what it was, token for token, once and at the end, so that pairs stay aligned and every named
position keeps its meaning. In a chat it is the start of the answer that the model goes on with.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal, get_args

from experiments.items.schema import Item, Span
from probes.errors import StrataError

Framing = Literal["raw", "chat", "empty-think"]
FRAMINGS: tuple[Framing, ...] = get_args(Framing)
REQUEST = "Complete the text."
"""What the user of the chat says: the same before every item, so that no item is told twice."""
THINK, THOUGHT = "<think>", "</think>"


def opening_of(tokenizer: Any, framing: Framing) -> str:
    """The text before every prompt, from the tokenizer's own chat template.

    `empty-think` closes the think block before the answer begins, whether the template opened one or not; in `chat`
    a model that starts by thinking reads the prompt as its thought. Raises StrataError where there is no template.
    """
    if framing == "raw":
        return ""
    if framing not in FRAMINGS:
        raise StrataError(f"--framing is {framing!r}", f"Choose among: {', '.join(FRAMINGS)}")
    if not getattr(tokenizer, "chat_template", None):
        raise StrataError(
            f"--framing {framing} needs a chat template, and this model's tokenizer has none", "Use --framing raw"
        )
    started = str(
        tokenizer.apply_chat_template(
            [{"role": "user", "content": REQUEST}], tokenize=False, add_generation_prompt=True
        )
    )
    if framing == "chat":
        return started
    # A template may open a block, or write a whole empty one itself.
    if started.rstrip().endswith(THOUGHT):
        return started
    opened = started if started.rfind(THINK) > started.rfind(THOUGHT) else f"{started}{THINK}\n"
    return f"{opened}\n{THOUGHT}\n\n"


def framed(item: Item, opening: str) -> Item:
    """The item with `opening` before both of its prompts; its id, its answers and its clusters stay."""
    if not opening:
        return item

    def moved(spans: Any) -> dict[str, Span]:
        return {name: (start + len(opening), end + len(opening)) for name, (start, end) in spans.items()}

    return replace(
        item,
        prompt=opening + item.prompt,
        foil_prompt=opening + item.foil_prompt if item.foil_prompt else "",
        spans=moved(item.spans),
        foil_spans=moved(item.foil_spans),
    )
