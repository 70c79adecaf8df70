"""How does anything reach the terminal? Through here, so that nothing of somebody else's is obeyed by it.

Names of tensors, families, columns and files, templates' errors and options can hold escape sequences, marks that turn the direction of text, and
what Rich takes for markup.
"""

from __future__ import annotations

import json
import sys
import textwrap
from typing import Any, TextIO

from rich.console import Console
from rich.text import Text

from strata.dashboards.cli.foreign_text import escaped


class PlainConsole(Console):
    """A Rich console that takes every string as it stands: no markup, no emoji, nothing that a terminal would obey."""

    def __init__(self, file: TextIO | None = None, *, soft_wrap: bool = False, width: int | None = None) -> None:
        super().__init__(
            file=file, stderr=file is None, highlight=False, markup=False, emoji=False, soft_wrap=soft_wrap, width=width
        )

    def sentence(self, text: str, style: str = "") -> None:
        """A line of its own; on a terminal cut between words, what follows set in. Words that are too long stay whole."""
        lines = [text]
        if self.is_terminal:
            lines = textwrap.wrap(
                text, self.width, subsequent_indent="    ", break_long_words=False, break_on_hyphens=False
            )
        for line in lines:
            self.print(Text(escaped(line), style), soft_wrap=True)

    def caveat(self, text: str) -> None:
        """A sentence that says what stands against what is above it."""
        self.sentence(f"caveat: {text}", "yellow")

    def render_str(self, text: str, **options: Any) -> Text:
        """What strings become, in lines as in cells and titles."""
        return super().render_str(escaped(text), **{**options, "markup": False, "emoji": False})


def say(stdout: TextIO, text: str) -> None:
    """Whole lines, each escaped."""
    stdout.write("".join(f"{escaped(line)}\n" for line in text.removesuffix("\n").split("\n")))


def write_json(stdout: TextIO, value: Any) -> None:
    """One JSON value on one line, its strings unchanged for whoever reads it as JSON, and harmless for a terminal."""
    text = json.dumps(value, ensure_ascii=False)
    stdout.write("".join(sign if sign.isprintable() else json.dumps(sign)[1:-1] for sign in text) + "\n")


def warn(sentence: str) -> None:
    """One line on stderr."""
    sys.stderr.write(f"{escaped(sentence)}\n")
    sys.stderr.flush()
