"""How long work reports itself: a callback, so that the measuring code never prints."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    def __call__(self, stage: str, done: int, total: int | None, unit: str) -> None:
        """`done` of `total` (None: unknown) `unit`s of `stage` are finished. Called often; must be cheap."""
        ...


def silent(stage: str, done: int, total: int | None, unit: str) -> None:
    """Reports nothing."""
