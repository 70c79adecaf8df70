"""What does a question look like, whatever it asks? Six numbers of its form.

A split that they make as well tells long questions from short ones.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from string import ascii_uppercase
from typing import Protocol

import numpy as np
from jaxtyping import Float

FORM = (
    "log of the number of words",
    "characters a word",
    "log of the number of sentences",
    "share of words that hold a digit",
    "share of words that begin with a capital",
    "options offered",
)
_SENTENCE_END = re.compile(r"[.!?](?=\s|$)")
_MARK = re.compile(r"(?:^|(?<=\s))\(?([A-Z])[).:](?=\s)")


class Shaped(Protocol):
    """A question as far as its form goes."""

    @property
    def text(self) -> str: ...
    @property
    def options(self) -> int: ...


def form_features(questions: Sequence[Shaped]) -> Float[np.ndarray, "question feature"]:
    """The numbers of `FORM`, in its order."""
    return np.array([_form(one.text, one.options) for one in questions], dtype=float).reshape(-1, len(FORM))


def words_in(text: str) -> int:
    """Parted by blanks."""
    return len(text.split())


def options_listed(text: str) -> int:
    """Options that stand in the text behind marks such as `(A)`, `B.` or `C:`, counted on from A; 0 for fewer than two."""
    marks = set(_MARK.findall(text))
    count = next((n for n, letter in enumerate(ascii_uppercase) if letter not in marks), len(ascii_uppercase))
    return count if count > 1 else 0


def _form(text: str, options: int) -> tuple[float, ...]:
    words = text.split()
    n = max(1, len(words))
    return (
        np.log1p(len(words)),
        sum(map(len, words)) / n,
        np.log1p(max(1, len(_SENTENCE_END.findall(text)))),
        sum(any(c.isdigit() for c in word) for word in words) / n,
        sum(word[0].isupper() for word in words) / n,
        float(options),
    )
