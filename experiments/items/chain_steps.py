"""Where does a step of a written chain of thought end? At a comma, a line's end or a sentence's end."""

from __future__ import annotations

import re
from typing import Literal, get_args

StepEnd = Literal["comma", "line", "sentence"]
STEP_ENDS: tuple[StepEnd, ...] = get_args(StepEnd)
_BETWEEN: dict[StepEnd, re.Pattern[str]] = {
    # `1,000` is one number.
    "comma": re.compile(r",(?!\d)\s*"),
    "line": re.compile(r"\s*\n\s*"),
    "sentence": re.compile(r"(?<=[.!?])\s+"),
}
_JOINED: dict[StepEnd, str] = {"comma": ", ", "line": "\n", "sentence": " "}


def steps_in(chain: str, end: StepEnd) -> tuple[str, ...]:
    """The steps of a chain, in order, without what stands between them; empty ones are none."""
    return tuple(step for part in _BETWEEN[end].split(chain.strip()) if (step := part.strip()))


def joined(steps: tuple[str, ...], end: StepEnd) -> str:
    """Steps as one chain, which `steps_in` takes apart again."""
    return _JOINED[end].join(steps)


def ends_of(chain: str, steps: tuple[str, ...]) -> tuple[int, ...]:
    """Of every step of a chain (`steps_in`) the character behind it."""
    ends, at = [], 0
    for step in steps:
        at = chain.index(step, at) + len(step)
        ends.append(at)
    return tuple(ends)
