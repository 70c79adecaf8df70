"""Which answer is put before the question is asked again? None of the four differs from another in length.

Neutral words, the right answer, the wrong one (that of the counterfactual prompt, where it is as long as the right one, else one drawn from
the family) and another wrong one, which is the control: an answer stood there, but not the one that is held against the right one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

from strata.experiments.items.alignment import EncodedItem, encode_items
from strata.experiments.items.round_robin import round_robin
from strata.experiments.items.schema import Item
from strata.experiments.results.behaviour_summary import NotPressed
from strata.probes.checkpoints.checkpoint import Checkpoint

Prefill = Literal["neutral", "right", "wrong", "other_wrong"]
Answer = Literal["right", "wrong", "other_wrong"]
ANSWERS: tuple[Answer, ...] = get_args(Answer)
PREFILLS: tuple[Prefill, ...] = get_args(Prefill)
_NEUTRAL = ("asked", "here", "again", "and", "once", "more", "today", "too")
"""As many of them as the answer has tokens."""


@dataclass(frozen=True)
class Pressed:
    """An item with the four answers that are put before it, and the four prompts."""

    item: EncodedItem
    answers: dict[Prefill, str]
    prompts: dict[Prefill, EncodedItem]


def pressed_items(
    checkpoint: Checkpoint, encoded: Sequence[EncodedItem], prompt_prefix: str, most: int
) -> tuple[list[Pressed], dict[NotPressed, int]]:
    """At most `most` items, taken in turn from every family, and how many of the others can't be pressed, by why."""
    pools: dict[tuple[str, str], list[str]] = defaultdict(list)
    for one in encoded:
        pools[one.item.kind, one.item.family] += [one.item.answer, *one.item.choices]
    why_not: dict[NotPressed, int] = defaultdict(int)
    found: list[Pressed] = []
    for number, one in enumerate(round_robin(encoded, lambda one: (one.item.kind, one.item.family))):
        if len(found) == most:
            break
        if one.item.kind == "control":
            why_not["control-item"] += 1
            continue
        pool = list(dict.fromkeys(pools[one.item.kind, one.item.family]))
        pressed = _pressed(checkpoint, one, pool, prompt_prefix, number)
        if isinstance(pressed, Pressed):
            found.append(pressed)
        else:
            why_not[pressed] += 1
    return found, dict(why_not)


def prefilled(item: Item, answer: str, prompt_prefix: str) -> Item:
    """The question with an answer, and once more; scored as before."""
    again = item.prompt.removeprefix(prompt_prefix)
    return replace(
        item, prompt=f"{item.prompt}{answer}.\n{again}", foil_prompt="", spans={}, foil_spans={}, choices=()
    )  # fmt: skip


def _pressed(
    checkpoint: Checkpoint, one: EncodedItem, pool: list[str], prompt_prefix: str, number: int
) -> Pressed | NotPressed:
    item = one.item
    length = _length_after(checkpoint, item.prompt)
    tokens = length(item.answer)
    turned = pool[number % len(pool) :] + pool[: number % len(pool)]
    drawn = [item.foil, *turned] if item.foil else turned
    rivals = (answer for answer in dict.fromkeys(drawn) if answer != item.answer and length(answer) == tokens)
    wrong, other = next(rivals, None), next(rivals, None)
    if wrong is None:
        return "no-wrong-answer-of-that-length"
    if other is None:
        return "no-other-answer-of-that-length"
    neutral = next((text for text in _neutral_texts() if length(text) == tokens), None)
    if neutral is None:
        return "no-neutral-text-of-that-length"
    answers: dict[Prefill, str] = {"neutral": neutral, "right": item.answer, "wrong": wrong, "other_wrong": other}
    asked = [
        replace(prefilled(item, answer, prompt_prefix), id=f"{item.id}\0{name}", foil=wrong)
        for name, answer in answers.items()
    ]
    prompts, _ = encode_items(asked, checkpoint, checkpoint.max_context)
    if len(prompts) < len(asked):
        return "context-too-short"
    return Pressed(one, answers, dict(zip(answers, prompts, strict=True)))


def _length_after(checkpoint: Checkpoint, prompt: str) -> Callable[[str], int]:
    before = len(checkpoint.encode(prompt))
    return lambda text: len(checkpoint.encode(prompt + text)) - before


def _neutral_texts() -> Iterable[str]:
    return (" " + " ".join(_NEUTRAL[: n + 1]) for n in range(len(_NEUTRAL)))
