"""What scores under layer swaps say: means, the share of the models' difference that comes over, and upper half against lower."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from jaxtyping import Float

from strata.experiments.compare.config import CompareConfig
from strata.experiments.items.alignment import EncodedItem
from strata.experiments.items.entity import entity_of
from strata.experiments.results.comparison import HalvedBy, Halves
from strata.experiments.results.comparison_reasons import WhyNoHalf, WhyNoValue
from strata.experiments.results.estimates import Estimated
from strata.experiments.results.rows import Row
from strata.experiments.results.table import Value
from strata.experiments.statistics.families_and_clusters import (
    family_and_cluster_bootstrap,
    family_and_cluster_bootstrap_ratio,
)
from strata.probes.files.activation_store import ActivationStore
from strata.probes.model_diff.layer_swaps import LayerSwap
from strata.probes.statistics.bootstrap import Estimate, cluster_bootstrap, cluster_bootstrap_ratio

LEAST_ACCURACY = 0.05
"""Share of items by which two models must differ before a recovery of that difference is formed."""
LEAST_LOGITS = 0.1
"""The same for the mean logit difference."""
LEAST: Mapping[HalvedBy, float] = {"logit_difference": LEAST_LOGITS, "accuracy": LEAST_ACCURACY}
_OFF_THE_MIDDLE = 0.1
"""Share of the blocks by which two parts may differ in size and still be called halves."""
Scores = Float[np.ndarray, "item swap"]


def scores_of_kind(
    store: ActivationStore, items: Sequence[EncodedItem], kind: str
) -> tuple[dict[HalvedBy, Scores], list[str]]:
    """(scores by measure, clusters) of the items of one kind; of none, empty."""
    of_kind = [encoded_item for encoded_item in items if encoded_item.item.kind == kind]
    if not of_kind:
        return {}, []
    clean = store.read("clean", [encoded_item.key for encoded_item in of_kind]).double().numpy()
    scores: dict[HalvedBy, Scores] = {"logit_difference": clean, "accuracy": (clean > 0).astype(float)}
    return scores, [entity_of(encoded_item.item) for encoded_item in of_kind]


def swap_rows(
    values: Scores,
    clusters: Sequence[str],
    layer_swaps: Sequence[LayerSwap],
    least: float,
    names: Mapping[str, str | None],
    config: CompareConfig,
    families: Sequence[str] | None = None,
) -> Iterator[Row]:
    """Rows of the `layer_swaps` table for one measure. `names`: its columns `contrast`, `direction`, `kind` and `measure`.
    `families`: of each item its family, where families are resampled too.

    `recovery` is the share of the difference between the two models that a layer swap brings over, formed over the sums of a
    resampled set of clusters; null with the `reason` where the models hardly differ (by less than `least`) or may not differ
    at all: a share of what may be 0 can be anything. A random change has no model of its own to recover.
    """
    index = {swap.sweep: column for column, swap in enumerate(layer_swaps)}
    nothing = values[:, index["nothing"]]
    everything = values[:, index["everything"]] if "everything" in index else None
    means = bootstrap(values, np.ones_like(values), clusters, config, families)
    recovered: list[Estimate] | None = None
    why = WhyNoValue(code="no-model-of-its-own")
    if everything is not None:
        whole = everything - nothing
        change = whole_change(values, clusters, layer_swaps, config, families)
        why = WhyNoValue(code="hardly-differ", value=change.value, least=least)
        if change.low is None:
            why = WhyNoValue(code="too-few-clusters", clusters=change.n_clusters)
        elif not change.excludes_zero:
            why = WhyNoValue(code="may-not-differ", value=change.value, low=change.low, high=change.high)
        elif _size(change) >= least:
            recovered = bootstrap(
                values - nothing[:, None], np.repeat(whole[:, None], values.shape[1], 1), clusters, config, families
            )
    for column, swap in enumerate(layer_swaps):
        share = recovered[column] if recovered is not None else None
        yield {
            **names, "sweep": swap.sweep, "layer": swap.layer,
            **value_columns(means[column]), **value_columns(share, "recovery"),
            "reason": None if share is not None else why.as_column(),
        }  # fmt: skip


def whole_change(
    values: Scores,
    clusters: Sequence[str],
    layer_swaps: Sequence[LayerSwap],
    config: CompareConfig,
    families: Sequence[str] | None = None,
) -> Estimated:
    """What changes when everything is taken from the donor, with its interval. `families`: as for `swap_rows`."""
    index = {swap.sweep: column for column, swap in enumerate(layer_swaps)}
    change = (values[:, index["everything"]] - values[:, index["nothing"]])[:, None]
    draws, seed = config.locate.draws, config.locate.seed
    if families is not None:
        return Estimated.of(family_and_cluster_bootstrap(change, clusters, families, draws=draws, seed=seed)[0])
    return Estimated.of(cluster_bootstrap(change, clusters, draws=draws, seed=seed)[0])


def _size(change: Estimated) -> float:
    return abs(change.value) if change.value is not None else 0.0


def nothing_to_explain(change: Estimated, least: float) -> WhyNoHalf | None:
    """Why no part of a change can be named; None where one can."""
    if change.low is None:
        return WhyNoHalf(code="too-few-clusters", clusters=change.n_clusters)
    if _size(change) < least or not change.excludes_zero:
        return WhyNoHalf(code="no-difference")
    return None


def halves(
    values: Scores,
    clusters: Sequence[str],
    layer_swaps: Sequence[LayerSwap],
    n_layers: int,
    least: float,
    config: CompareConfig,
    families: Sequence[str] | None = None,
) -> Halves | None:
    """Recovery by the upper half of the donor's blocks minus recovery by its lower half; None without such layer_swaps.

    The layer-split hypothesis in one number: 1 where the upper half brings the whole change and the lower none of it, −1 the other
    way round. Nothing is called a half where no layer swap ends near the middle. `cut` is the first block of the upper half. `whole` is the change itself, of which an interval that covers 0
    leaves nothing to explain. `families`: as for `swap_rows`.
    """
    places = {(swap.sweep, swap.layer): column for column, swap in enumerate(layer_swaps)}
    cuts = [
        swap.layer
        for swap in layer_swaps
        if swap.sweep == "suffix" and swap.layer and ("prefix", swap.layer - 1) in places
    ]
    if not cuts:
        return None
    middle = min(cuts, key=lambda cut: abs(2 * cut - n_layers))
    change = whole_change(values, clusters, layer_swaps, config, families)
    why = nothing_to_explain(change, least)
    if why is None and abs(2 * middle - n_layers) > max(1.0, _OFF_THE_MIDDLE * n_layers):
        why = WhyNoHalf(code="off-the-middle", blocks=n_layers, nearest=middle)
    if why is not None:
        return Halves(cut=middle, whole=change, upper_minus_lower=None, why=why)
    nothing = values[:, places["nothing", None]]
    upper, lower = values[:, places["suffix", middle]], values[:, places["prefix", middle - 1]]
    whole = (values[:, places["everything", None]] - nothing)[:, None]
    apart, above, below = (
        Estimated.of(bootstrap(part[:, None], whole, clusters, config, families)[0])
        for part in (upper - lower, upper - nothing, lower - nothing)
    )
    return Halves(cut=middle, whole=change, upper_minus_lower=apart, upper=above, lower=below)


def bootstrap(
    top: Scores,
    bottom: Scores,
    clusters: Sequence[str],
    config: CompareConfig,
    families: Sequence[str] | None = None,
    *,
    counted: np.ndarray | None = None,
) -> list[Estimate]:
    """Ratio of sums, column by column, with cluster-bootstrap intervals; `counted`: which items have a value at all.

    Without it all have: one on which two models agree has a denominator of 0 and counts, since a layer swap may move it.
    `families`: as for `swap_rows`.
    """
    draws, seed = config.locate.draws, config.locate.seed
    if families is not None and counted is not None:
        raise ValueError("counted and families are not asked for together")
    if families is not None:
        return family_and_cluster_bootstrap_ratio(top, bottom, clusters, families, draws=draws, seed=seed)
    counted = np.ones(top.shape, dtype=bool) if counted is None else counted
    return cluster_bootstrap_ratio(top, bottom, clusters, counted=counted, draws=draws, seed=seed)


def value_columns(estimate: Estimate | None, name: str = "value") -> dict[str, Value]:
    """An estimate as columns of a table; what is undefined is null."""
    if name != "value":
        low, high = f"{name}_low", f"{name}_high"
        if estimate is None or not np.isfinite(estimate.value):
            return {name: None, low: None, high: None}
        return {name: estimate.value, low: estimate.low, high: estimate.high}
    assert estimate is not None
    value = estimate.value if np.isfinite(estimate.value) else None
    return {
        "value": value, "low": estimate.low, "high": estimate.high, "n_items": estimate.n_items,
        "n_clusters": estimate.n_clusters, "method": estimate.method,
    }  # fmt: skip
