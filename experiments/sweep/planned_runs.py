"""Which runs does a sweep consist of? One of every checkpoint, seed, framing and item file, each in a directory named after them."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from strata.experiments.items.framing import Framing
from strata.experiments.results.sweep import SweepAxis
from strata.experiments.run.directory_name import slug
from strata.experiments.sweep.axis import placed
from strata.experiments.sweep.sweep_file import SweepFile

RUNS, SHARDS = "runs", "shards"
"""Folders of the runs, and of parts of runs that aren't put together yet, below the sweep's directory."""
_LONGEST = 60
"""Letters of a checkpoint in the name of a directory."""


@dataclass(frozen=True)
class PlannedRun:
    key: str
    """Its directory below the sweep's. The same for the same question, whatever else the file asks."""
    checkpoint: str
    at: float | None
    """Where it stands on the axis."""
    seed: int
    framing: Framing
    items: Path | None
    """Item file; None: the built-in families."""
    shards: int
    """Parts that can be made side by side before; one: none."""

    @property
    def shard_keys(self) -> tuple[str, ...]:
        """Directories of the parts, below the sweep's."""
        name = self.key.removeprefix(f"{RUNS}/")
        return tuple(f"{SHARDS}/{name}-{n + 1}-of-{self.shards}" for n in range(self.shards)) if self.shards > 1 else ()


@dataclass(frozen=True)
class PlannedSweep:
    axis: SweepAxis
    runs: tuple[PlannedRun, ...]
    """By checkpoint, then seed, framing and item file, in the order of the sweep file."""


def planned(file: SweepFile) -> PlannedSweep:
    """All runs that the file asks for."""
    on_axis = placed(file.checkpoints, file.axis)
    runs = [
        PlannedRun(_key(checkpoint.spec, seed, framing, items), checkpoint.spec, at, seed, framing, items, file.shards)
        for (checkpoint, at), seed, framing, items in product(
            zip(file.checkpoints, on_axis.at, strict=True), file.seeds, file.framings, file.items
        )
    ]
    return PlannedSweep(on_axis.axis, tuple(runs))


def _key(checkpoint: str, seed: int, framing: Framing, items: Path | None) -> str:
    asked = [checkpoint, seed, framing, None if items is None else str(items)]
    digest = hashlib.sha256(json.dumps(asked).encode()).hexdigest()[:8]
    parts = [slug(checkpoint)[-_LONGEST:], framing, *([] if items is None else [slug(items.stem)]), str(seed), digest]
    return f"{RUNS}/{'-'.join(parts)}"
