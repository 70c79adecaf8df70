"""How is an item worded so that a format a model was trained to is out of its way? Its prompt behind a closed block, or after examples.

Each way leaves the question's text and the answers as they are, so that the same tokens are scored.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from strata.experiments.generated_answers.ending import leaves_open
from strata.experiments.generated_answers.traces import CLOSED_BLOCK, EMPTY_BLOCK
from strata.experiments.items.entity import entity_of
from strata.experiments.items.schema import KNOWLEDGE_AND_REASONING, Item
from strata.experiments.results.ways_of_asking import Way

EXAMPLES_SHOWN = 2
_LINES_OF_A_QUESTION = 1
"""Line ends in a question that shows no examples: one, between `Q:` and `A:`. Items with more show examples of their own."""
"""Kinds of which anything is claimed; the others are asked as they are only."""


def asked_again(items: Sequence[Item]) -> list[Item]:
    """Those of the items that are put to models in several ways."""
    return [item for item in items if item.kind in KNOWLEDGE_AND_REASONING]


def asked_in(way: Way, items: Sequence[Item], prompt_prefix: str = "") -> list[Item]:
    """The items as they are put to a model in one way, without their pairs and spans, which other lengths would break.

    `prompt_prefix`: the text that stands before every one of their prompts already.
    """
    plain = [replace(item, foil_prompt="", foil_spans={}, spans={}) for item in items]
    if way == "as_asked":
        return plain
    if way == "empty_block":
        return [replace(item, prompt=_behind_block(item.prompt, prompt_prefix)) for item in plain]
    shown = _examples(items)
    return [
        replace(item, prompt=_after_examples(item.prompt, examples, prompt_prefix))
        for item, examples in zip(plain, shown, strict=True)
    ]


def _behind_block(prompt: str, prompt_prefix: str) -> str:
    """A block that the prefix left open is closed where it stands; else an empty one stands where a chain of thought would."""
    if leaves_open(prompt_prefix):
        return f"{prompt_prefix}{CLOSED_BLOCK}{prompt.removeprefix(prompt_prefix)}"
    return f"{prompt}{EMPTY_BLOCK}"


def _after_examples(prompt: str, examples: Sequence[Item], prompt_prefix: str) -> str:
    own = prompt.removeprefix(prompt_prefix)
    if own.count("\n") > _LINES_OF_A_QUESTION:
        return prompt
    told = "".join(f"{example.prompt.removeprefix(prompt_prefix)}{example.answer}\n" for example in examples)
    return f"{prompt_prefix}{told}{own}"


def _examples(items: Sequence[Item]) -> list[list[Item]]:
    """For every item the next ones of its family and template, round in a circle, about other entities and with other answers.

    Neither its own answer nor its foil is shown, nor one answer twice; where that leaves fewer, fewer are shown.
    """
    alike: dict[tuple[str, str, str], list[int]] = defaultdict(list)
    for index, item in enumerate(items):
        alike[item.kind, item.family, item.template].append(index)
    shown: list[list[Item]] = [[] for _ in items]
    for members in alike.values():
        for place, index in enumerate(members):
            item = items[index]
            told = {item.answer, item.foil}
            for other in (items[members[(place + step) % len(members)]] for step in range(1, len(members))):
                if (
                    len(shown[index]) < EXAMPLES_SHOWN
                    and entity_of(other) != entity_of(item)
                    and other.answer not in told
                ):
                    shown[index].append(other)
                    told.add(other.answer)
    return shown
