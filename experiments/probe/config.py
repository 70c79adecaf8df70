"""What `probe` is asked to do. Everything here decides numbers, so everything here is part of a run's identity."""

from __future__ import annotations

from dataclasses import dataclass

from strata.probes.errors import StrataError
from strata.probes.statistics.bootstrap import FEWEST_DRAWS


@dataclass(frozen=True)
class ProbeConfig:
    target: str
    """Field of the items whose values are the labels; dots and brackets lead into objects and lists: `meta.topic`."""
    positions: tuple[str, ...] = ("last",)
    """Named positions whose streams are probed; the first is the one that the answer is about."""
    text: str = "prompt"
    """Field that holds the text to run."""
    cluster: str | None = None
    """Field of what must not stand on both sides of a fold; None: `cluster` where items have it."""
    template: str | None = None
    """Field of the template an item is worded in; None: `template` where items have it."""
    folds: int = 5
    """Outer folds; clusters are never parted."""
    shuffles: int = 99
    """Refits on shuffled labels behind p."""
    random_init: bool = True
    """Whether the same architecture with random weights is probed too."""
    draws: int = 10_000
    """Cluster-bootstrap draws behind every interval."""
    per_family: int = 40
    """Items drawn from each built-in family, where families are probed."""
    limit: int | None = None
    """At most this many items, taken evenly from the whole set; the run is stamped as limited."""
    seed: int = 0
    """Of items, folds, control labels, shuffles, draws and random weights."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "positions", tuple(dict.fromkeys(self.positions)))
        if not self.target.strip():
            raise StrataError("--target is empty", "Name a field of the items, such as answer or meta.topic")
        if not self.positions:
            raise StrataError("--positions is empty", "Name at least one, such as last")
        if self.folds < 2:
            raise StrataError(f"--folds is {self.folds}", "Give at least 2: a probe is scored on items it has not seen")
        if self.draws < FEWEST_DRAWS:
            raise StrataError(f"--draws is {self.draws}", f"Give at least {FEWEST_DRAWS}: an interval needs its tails")
        if self.shuffles < 0:
            raise StrataError(
                f"--shuffles is {self.shuffles}", "Give 0 for none, or 19 or more for a p of 0.05 or below"
            )
