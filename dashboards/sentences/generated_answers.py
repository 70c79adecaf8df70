"""How were answers generated, or why were none?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

WhyNone = Literal["not-asked-for", "no-model-could"]
_WHY_NONE: Mapping[WhyNone, str] = {
    "not-asked-for": "no generated answers were asked for",
    "no-model-could": "no model could be asked to generate answers",
}


def drawn_words(temperature: float) -> str:
    """`greedily`, or `drawn at temperature 0.7`; a temperature of 0 is greedy."""
    return f"drawn at temperature {temperature:g}" if temperature else "greedily"


def why_none_sentence(why: WhyNone | None) -> str:
    """Why there are no generated answers; without a code none were asked for."""
    return f"{_WHY_NONE[why or 'not-asked-for']}."


def right_words(right: float, problems: int) -> str:
    """`3 of 8`: problems of a family that a model answers right, on average over its draws."""
    return f"{right:g} of {problems}"
