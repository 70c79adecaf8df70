"""What `locate` is asked to do. Everything here decides numbers, so everything here is part of a run's identity."""

from __future__ import annotations

from dataclasses import dataclass

INSTRUMENT_LENSES = ("logit", "tuned", "jacobian")


@dataclass(frozen=True)
class LocateConfig:
    families: tuple[str, ...] = ()
    """Built-in families, kinds, domains, or `all`; empty: the default selection. Ignored when items come from a file."""
    per_family: int = 40
    """Items drawn from each built-in family."""
    difficulty: int | None = None
    """Setting of the reasoning families' dial; None: each family's easiest."""
    limit: int | None = None
    """At most this many items, spread over the families; the run is stamped as limited."""
    seed: int = 0
    """Of items, folds, control labels, draws and the random-initialised baseline."""
    positions: tuple[str, ...] = ("last", "subject", "operand")
    """Named positions that are read; an item that lacks one is skipped there."""
    lenses: tuple[str, ...] = ("logit",)
    """Lenses to read the streams through; `tuned` brings its bias-only baseline along."""
    random_init: bool = True
    """Whether the probes are also fitted on the same architecture with fresh weights."""
    folds: int = 5
    """Outer folds of every probe."""
    draws: int = 10_000
    """Cluster-bootstrap draws behind every interval."""
    lens_maps: int = 16
    """Items whose whole lens map (every stream × token) is kept for the page."""
    text: str | None = None
    """File that the tuned and Jacobian lenses are fitted on; None: text sampled from the model itself."""
