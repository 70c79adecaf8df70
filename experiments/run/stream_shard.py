"""Rows of measurements on their way to a store: kept together until they are worth a file of their own."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager

import torch
from torch import Tensor

from strata.probes.files.activation_store import ActivationStore

_BYTES = 128_000_000
_ITEMS = 256


class Shard(AbstractContextManager["Shard"]):
    """Rows waiting to be written together; what still waits at the end is written too, also of work that was stopped half-way."""

    def __init__(self, store: ActivationStore, row_bytes: int) -> None:
        self._store = store
        self._full = max(1, min(_ITEMS, _BYTES // row_bytes))
        self._keys: list[str] = []
        self._parts: list[dict[str, Tensor]] = []

    def add(self, keys: Sequence[str], tensors: dict[str, Tensor]) -> None:
        """Writes them, and what was waiting, once they are enough."""
        self._keys += keys
        self._parts.append(tensors)
        if len(self._keys) >= self._full:
            self._flush()

    def __exit__(self, *_: object) -> None:
        self._flush()

    def _flush(self) -> None:
        if not self._keys:
            return
        whole = {name: torch.cat([part[name] for part in self._parts]) for name in self._parts[0]}
        self._store.write(self._keys, whole, finite=("streams",))
        self._keys, self._parts = [], []
