"""Text that knows where its named parts lie, so that spans never have to be searched for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from string import Formatter

from strata.experiments.items.schema import Span


@dataclass(frozen=True)
class Marked:
    text: str
    """The text."""
    spans: Mapping[str, Span] = field(default_factory=dict)
    """Half-open character offsets of its named parts."""


def mark(text: str, *names: str) -> Marked:
    """`text`, the whole of which carries each of `names`."""
    return Marked(text, {name: (0, len(text)) for name in names})


def joined(parts: Sequence[Marked], separator: str = "") -> Marked:
    """The parts one after the other; of parts with the same name the last counts."""
    text, spans = "", {}
    for index, part in enumerate(parts):
        text += separator if index else ""
        for name, (start, end) in part.spans.items():
            spans[name] = (len(text) + start, len(text) + end)
        text += part.text
    return Marked(text, spans)


def fill(template: str, fields: Mapping[str, Marked]) -> Marked:
    """`template` with each `{name}` replaced by that field, whose spans move along."""
    parts: list[Marked] = []
    for literal, name, _, _ in Formatter().parse(template):
        parts.append(Marked(literal))
        if name is not None:
            parts.append(fields[name])
    return joined(parts)
