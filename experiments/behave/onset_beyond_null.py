"""From which stream on does a reading exceed that of the same kind of text of another problem?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from strata.experiments.results.thinking_summary import ShownFrom, WhyNotShown
from strata.probes.statistics.bootstrap import MIN_CLUSTERS
from strata.probes.statistics.onset import onset


def shown_from(
    values: Float[np.ndarray, "problem stream"],
    other: Float[np.ndarray, "problem stream"],
    clusters: Sequence[str],
    definition: str,
    *,
    draws: int,
    seed: int,
) -> tuple[ShownFrom | None, WhyNotShown | None]:
    """The onset and its interval, or why none is told. `other`: the null, NaN where a problem has none; `definition`: the rule in words."""
    held = np.isfinite(other).all(axis=1) if len(clusters) else np.zeros(0, bool)
    kept = [cluster for cluster, here in zip(clusters, held, strict=True) if here]
    if not kept:
        return None, WhyNotShown(code="no-other-problem")
    if len(set(kept)) < MIN_CLUSTERS:
        return None, WhyNotShown(code="too-few-clusters")
    found = onset(values[held], [other[held]], kept, draws=draws, seed=seed)
    interval = None if found.low is None else (found.low, found.high)
    return ShownFrom(stream=found.stream, depth=found.depth, interval=interval, definition=definition), None
