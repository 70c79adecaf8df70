"""How is a fact asked for? A frame with a slot, alone or after worked examples in the same frame."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from strata.experiments.items.schema import Span

SLOT = "{x}"
ASIDE = "{d}"
_SLOTS = re.compile(r"(\{x\}|\{d\})")


@dataclass(frozen=True)
class Template:
    """A frame holds `{x}` once, never at its very start: position 0 carries a massive activation of its own."""

    id: str
    """Goes to the items' `template`."""
    frame: str
    """Text up to the answer, with `{x}` for the subject and, in matched frames, `{d}` for an unrelated entity."""
    n_examples: int = 0
    """Worked examples before it."""
    joint: str = "\n"
    """What stands between two examples."""

    def __post_init__(self) -> None:
        if self.frame.count(SLOT) != 1 or self.frame.startswith((SLOT, ASIDE)):
            raise ValueError(f"template {self.id!r} needs one {SLOT} that doesn't open it: {self.frame!r}")


@dataclass(frozen=True)
class Example:
    """One worked example: subject, answer, and the unrelated entity that matched frames mention."""

    subject: str
    answer: str
    aside: str = ""


@dataclass(frozen=True)
class Asked:
    """A rendered prompt and where the entities stand in it."""

    prompt: str
    spans: dict[str, Span]


def ask(template: Template, subject: str, *, examples: Sequence[Example] = (), aside: str = "") -> Asked:
    """The prompt for `subject`, after the template's number of `examples`; spans name `subject` and any `aside`."""
    lines = [
        _fill(template.frame, shot.subject, shot.aside)[0] + f" {shot.answer}{template.joint}"
        for shot in examples[: template.n_examples]
    ]
    prefix = "".join(lines)
    text, spans = _fill(template.frame, subject, aside)
    return Asked(prefix + text, {name: (len(prefix) + a, len(prefix) + b) for name, (a, b) in spans.items()})


def _fill(frame: str, subject: str, aside: str) -> tuple[str, dict[str, Span]]:
    text, spans = "", {}
    for piece in _SLOTS.split(frame):
        name, value = {SLOT: ("subject", subject), ASIDE: ("aside", aside)}.get(piece, ("", piece))
        if name:
            spans[name] = (len(text), len(text) + len(value))
        text += value
    return text, spans
