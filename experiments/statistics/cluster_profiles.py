"""What does one entity's set of items say, block by block? Effects of clusters, before clusters are weighed equally."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from strata.probes.errors import StrataError
from strata.probes.statistics.bootstrap import cluster_codes, per_cluster


def cluster_profiles(
    numerators: Float[np.ndarray, "item block"],
    denominators: Float[np.ndarray, " item"],
    clusters: Sequence[object],
) -> Float[np.ndarray, "cluster block"]:
    """`Σ numerator / Σ denominator` over the items of each cluster, clusters in order of first appearance.

    The normalised effect of a patching is a ratio of sums: numerators are `LD_patched − LD_corrupt` at each
    block, denominators `LD_clean − LD_corrupt`. A ratio per item would explode where the denominator is near 0; a ratio per
    cluster is what the statistics downstream resample, each cluster with weight 1. An item whose denominator is NaN or 0, or
    that has a NaN at any block, is excluded everywhere. A cluster of which nothing is left, or whose denominators sum to 0,
    is a row of NaN, which `locate_profile` and `depth_difference` leave out.
    """
    numerators, denominators = np.asarray(numerators, dtype=float), np.asarray(denominators, dtype=float)
    if not len(numerators) == len(denominators) == len(clusters):
        raise StrataError(
            f"{len(numerators)} numerators, {len(denominators)} denominators, {len(clusters)} clusters",
            "Give every item one of each",
        )
    if len(numerators) == 0:
        raise StrataError("No items to take effects of", "Loosen the filters")
    code = cluster_codes(clusters)
    kept = np.isfinite(denominators) & (denominators != 0) & np.isfinite(numerators).all(axis=1)
    top = per_cluster(np.where(kept[:, None], numerators, 0.0), code)
    bottom = per_cluster(np.where(kept, denominators, 0.0)[:, None], code)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(bottom != 0, top / bottom, np.nan)
