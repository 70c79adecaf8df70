"""How does text of somebody else's reach a terminal? With nothing in it that a terminal would obey."""

from __future__ import annotations


def escaped(sentence: str) -> str:
    """`sentence` with controls and text-direction marks spelt out, as on the pages."""
    if sentence.isprintable():
        return sentence
    from strata.dashboards.visible_text import visible

    def spelt(letter: str) -> str:
        shown = visible(letter)
        # On a page a mark without a width may join two signs to one; a terminal counts it as it likes.
        return shown if shown.isprintable() else f"⟨U+{ord(letter):04X}⟩"

    return "".join(letter if letter.isprintable() else spelt(letter) for letter in sentence)
