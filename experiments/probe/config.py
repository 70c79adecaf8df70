"""What `probe` is asked to do. Everything here decides numbers, so everything here is part of a run's identity."""

from __future__ import annotations

from dataclasses import dataclass, field

from strata.experiments.declared_setting import draws as drawn
from strata.experiments.declared_setting import positive, setting, whole
from strata.probes.errors import StrataError


@dataclass(frozen=True)
class ProbeConfig:
    target: str = field(
        metadata=setting(
            "field whose values are the labels; dots lead into objects: meta.topic", "labels", metavar="FIELD"
        )
    )
    """Field of the items whose values are the labels; dots and brackets lead into objects and lists: `meta.topic`."""
    positions: tuple[str, ...] = field(
        default=("last",), metadata=setting("named positions that are probed: last, or the items' spans", "labels")
    )
    """Named positions whose streams are probed; the first is the one that the answer is about."""
    text: str = field(default="prompt", metadata=setting("field that holds the text", "labels", metavar="FIELD"))
    """Field that holds the text to run."""
    cluster: str | None = field(
        default=None,
        metadata=setting(
            "field of what must not stand on both sides of a fold (default: cluster, where items have it)",
            "labels",
            metavar="FIELD",
        ),
    )
    """Field of what must not stand on both sides of a fold; None: `cluster` where items have it."""
    template: str | None = field(
        default=None,
        metadata=setting(
            "field of the template a text is worded in (default: template, where items have it)",
            "labels",
            metavar="FIELD",
        ),
    )
    """Field of the template an item is worded in; None: `template` where items have it."""
    folds: int = field(
        default=5, metadata=setting("outer folds; no cluster is parted", "measuring", positive, metavar="N")
    )
    """Outer folds; clusters are never parted."""
    shuffles: int = field(
        default=99, metadata=setting("refits on shuffled labels behind p; 0 for none", "measuring", drawn, metavar="N")
    )
    """Refits on shuffled labels behind p."""
    random_init: bool = field(
        default=True, metadata=setting("also probe the same architecture with random weights", "measuring")
    )
    """Whether the same architecture with random weights is probed too."""
    draws: int = field(
        default=10_000,
        metadata=setting("cluster-bootstrap draws behind every interval", "measuring", drawn, metavar="N"),
    )
    """Cluster-bootstrap draws behind every interval."""
    per_family: int = field(
        default=40, metadata=setting("items drawn from each built-in family", "labels", positive, metavar="N")
    )
    """Items drawn from each built-in family, where families are probed."""
    limit: int | None = field(
        default=None,
        metadata=setting(
            "only N items, spread over the set; the run is stamped LIMITED", "labels", positive, metavar="N"
        ),
    )
    """At most this many items, taken evenly from the whole set; the run is stamped as limited."""
    seed: int = field(
        default=0,
        metadata=setting("seed of items, folds, shuffles, draws and random weights", "measuring", whole, metavar="N"),
    )
    """Of items, folds, control labels, shuffles, draws and random weights."""

    def __post_init__(self) -> None:
        # Here, so that the terminal can name the settings without loading numpy.
        from strata.probes.statistics.bootstrap import FEWEST_DRAWS

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
