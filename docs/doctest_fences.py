"""Examples of docstrings as code: an extension of griffe, which reads docstrings for the site (`mkdocs.yml`)."""

from __future__ import annotations

from typing import Any

import griffe


class DoctestFences(griffe.Extension):
    """Puts every stretch of lines from a `>>>` to the next blank line between fences."""

    def on_object(self, *, obj: griffe.Object, **_more: Any) -> None:
        if obj.docstring is not None:
            obj.docstring.value = fenced(obj.docstring.value)


def fenced(text: str) -> str:
    lines: list[str] = []
    inside = False
    for line in [*text.split("\n"), ""]:
        starts = line.lstrip().startswith(">>>")
        if starts and not inside:
            lines += ["", "```pycon"]
        if inside and not line.strip():
            lines.append("```")
        inside = (inside or starts) and bool(line.strip())
        lines.append(line)
    return "\n".join(lines[:-1])
