"""Which text can name a directory? One without signs that file systems or shells trip over."""

from __future__ import annotations


def slug(text: str) -> str:
    """A name for a directory."""
    return "".join(sign if sign.isalnum() or sign in "-._" else "-" for sign in text).strip("-.") or "run"
