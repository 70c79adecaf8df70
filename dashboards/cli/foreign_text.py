"""How does text of somebody else's reach a terminal? With nothing in it that a terminal would obey."""

from __future__ import annotations


def escaped(sentence: str) -> str:
    """`sentence` with controls and text-direction marks spelt out, as on the pages."""
    if sentence.isprintable():
        return sentence
    from strata.dashboards.text import visible  # loads what makes pages

    return "".join(letter if letter.isprintable() else visible(letter) for letter in sentence)
