"""How long may a name in a run be on its page? Longer ones are cut, each to something that no other is cut to."""

from __future__ import annotations

import hashlib
from typing import TypeVar

LONGEST = 400
"""Letters. An item file may give a name half as many; a tokenizer sets its tokens no limit."""
_KEPT = 300
Value = TypeVar("Value")


def shown_name(text: str) -> str:
    """The same up to `LONGEST` letters; else its beginning, how long it is, and the start of its SHA-256."""
    if len(text) <= LONGEST:
        return text
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12]
    return f"{text[:_KEPT]}… ({len(text):,} letters, {digest})"


def with_shown_names(value: Value) -> Value:
    """A JSON value in which every key and every text is cut as `shown_name` does: what was one name stays one."""
    cut: object = value
    if isinstance(value, str):
        cut = shown_name(value)
    elif isinstance(value, dict):
        cut = {with_shown_names(key): with_shown_names(inner) for key, inner in value.items()}
    elif isinstance(value, list):
        cut = [with_shown_names(inner) for inner in value]
    return cut  # type: ignore[return-value]
