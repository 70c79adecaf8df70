"""How were the items asked: as raw text, or in a chat?"""

from __future__ import annotations

from collections.abc import Mapping

_ASKED: Mapping[str, str] = {
    "raw": "as raw text",
    "chat": "inside the chat template",
    "empty-think": "inside the chat template after an empty think block",
}


def asked_words(framing: str | None) -> str:
    """To be read after `asked`; runs from before there was a choice were raw, and an unknown framing keeps its own name."""
    return _ASKED.get(framing or "raw", framing or "")


def framed_caveat(framing: str | None) -> str:
    """What stands beside the numbers of a run that isn't raw."""
    return f"Asked {asked_words(framing)}: not comparable with raw runs"
