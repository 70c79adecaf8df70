"""What are the facts called that say where numbers come from, and how are they written?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from strata.dashboards.number_formats import count

FactName = Literal[
    "run", "status", "started", "ended", "checkpoint", "source", "weights", "tokenizer", "shape", "device", "precision",
    "attention", "backend", "seed", "items", "items_sha256", "asked", "prompt_prefix", "chat_template", "code",
]  # fmt: skip
FACTS: Mapping[FactName, str] = {
    "run": "Run",
    "status": "Status",
    "started": "Started",
    "ended": "Ended",
    "checkpoint": "Checkpoint",
    "source": "Source",
    "weights": "Weights sha256",
    "tokenizer": "Tokenizer sha256",
    "shape": "Shape",
    "device": "Device",
    "precision": "Precision",
    "attention": "Attention",
    "backend": "Run by",
    "seed": "Seed",
    "items": "Items",
    "items_sha256": "Items sha256",
    "asked": "Asked",
    "prompt_prefix": "Prompt prefix",
    "chat_template": "Chat template sha256",
    "code": "Code",
}
_UNITS = ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"))


def shape_words(n_layers: int, d_model: int, vocabulary: int | None = None) -> str:
    """`12 blocks, width 64`, with the vocabulary where it is told."""
    of_vocabulary = "" if vocabulary is None else f", vocabulary {vocabulary}"
    return f"{n_layers} blocks, width {d_model}{of_vocabulary}"


def items_words(n: int, by_kind: Mapping[str, int]) -> str:
    """`24 items (12 knowledge, 12 reasoning)`."""
    kinds = ", ".join(f"{of_kind} {kind}" for kind, of_kind in by_kind.items())
    return f"{count(n, 'item')}{f' ({kinds})' if kinds else ''}"


def items_of_words(n: int, source: str | None) -> str:
    """`24 items of FILE`."""
    return f"{count(n, 'item')} of {source}"


def commit_words(commit: str, *, dirty: bool) -> str:
    """The code that measured."""
    return f"commit {commit}{' with local changes' if dirty else ''}"


def seconds_words(seconds: float) -> str:
    """How long a stage took."""
    return f"{seconds:.1f} s"


def bytes_words(n: int | None) -> str:
    """`1.5 GiB`; an en dash for None."""
    if n is None:
        return "–"
    for size, unit in _UNITS:
        if n >= size:
            return f"{n / size:.1f} {unit}"
    return f"{n:.0f} B"


def tested_words(value: float | None) -> str:
    """A self-test's number in two digits, with a true minus."""
    return str(value) if value is None else f"{value:.2g}".replace("-", "−")
