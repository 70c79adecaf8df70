"""A prompt as models see it: token ids decided once, and the named positions that are asked about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Prompt:
    """One row for a model. `ids` already carry the checkpoint's BOS policy; no backend adds or strips any.

    `positions` maps a name (`last`, `subject`, …) to an index into the *unpadded* ids.
    """

    key: str
    ids: tuple[int, ...]
    positions: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, index in self.positions.items():
            if not 0 <= index < len(self.ids):
                raise IndexError(f"position {name!r} = {index} lies outside the {len(self.ids)} tokens of {self.key!r}")
