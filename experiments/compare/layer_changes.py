"""The same item, layer by layer, in two models: where do the lens and the interventions read something else?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from jaxtyping import Float

from strata.experiments.items.entity import entity_of
from strata.experiments.items.schema import Item
from strata.experiments.results.roles import CHANGES, Role
from strata.experiments.results.rows import Row
from strata.probes.statistics.bootstrap import cluster_bootstrap

KEPT = (("lens.logit", "answer_logprob"), ("lens.logit", "logit_difference"))
"""Readings of the lens that are compared; of the interventions all are."""
_CAUSAL = "patching"
READING = ("instrument", "measure", "component", "position")
"""What tells one reading of a model's layers from another."""


def layer_changes(profiles: Mapping[Role, pa.Table], items: Sequence[Item], *, draws: int, seed: int) -> Iterator[Row]:
    """Rows of the `changes` table: for every reading, kind and contrast the means of both models and their difference.

    Paired by item; an item that one of the two models has no value for is in neither mean.
    """
    by_role = {role: readings_by_item(table) for role, table in profiles.items()}
    known = {item.id: item for item in items}
    for contrast, (upper, lower) in CHANGES.items():
        if upper not in by_role or lower not in by_role:
            continue
        for key, after in by_role[upper].items():
            before = by_role[lower].get(key)
            if before is None:
                continue
            shared = [name for name in after if name in before and name in known]
            for kind in dict.fromkeys(known[name].kind for name in shared):
                members = [name for name in shared if known[name].kind == kind]
                values = [np.stack([side[name] for name in members]) for side in (before, after)]
                clusters = [entity_of(known[name]) for name in members]
                yield from _rows(key, contrast, kind, values, clusters, draws=draws, seed=seed)


def _rows(
    key: tuple[str, ...],
    contrast: str,
    kind: str,
    values: list[np.ndarray],
    clusters: list[str],
    *,
    draws: int,
    seed: int,
) -> Iterator[Row]:
    before, after = values
    both = np.isfinite(before) & np.isfinite(after)
    difference = np.where(both, after - before, np.nan)
    estimates = cluster_bootstrap(difference, clusters, draws=draws, seed=seed)
    with np.errstate(invalid="ignore"):
        means = [np.where(both, side, 0).sum(0) / both.sum(0) for side in values]
    for layer, estimate in enumerate(estimates):
        if estimate.n_items:
            yield {
                **dict(zip(READING, key, strict=True)), "contrast": contrast, "kind": kind, "layer": layer,
                "axis": axis_of(key),
                "before": means[0][layer], "after": means[1][layer], "difference": estimate.value,
                "low": estimate.low, "high": estimate.high, "n_items": estimate.n_items,
                "n_clusters": estimate.n_clusters, "method": estimate.method,
            }  # fmt: skip


def axis_of(reading: tuple[str, ...]) -> str:
    """What the layers of a reading count: streams or blocks."""
    return "stream" if reading[0].startswith("lens.") else "block"


def readings_by_item(table: pa.Table) -> dict[tuple[str, ...], dict[str, Float[np.ndarray, " layer"]]]:
    """Reading → item → values by layer, of the readings that are compared."""
    wanted = pc.equal(table["instrument"], _CAUSAL)
    for instrument, measure in KEPT:
        wanted = pc.or_(wanted, pc.and_(pc.equal(table["instrument"], instrument), pc.equal(table["measure"], measure)))
    frame = table.filter(wanted).select([*READING, "item", "layer", "value"])
    columns = [frame[name].to_pylist() for name in frame.schema.names]
    rows = list(zip(*columns, strict=True))
    # Streams are one more than blocks, and windows of blocks fewer: every reading has layers of its own.
    n_layers: dict[tuple[str, ...], int] = {}
    for *key, _, layer, _ in rows:
        n_layers[tuple(key)] = max(n_layers.get(tuple(key), 0), layer + 1)
    by_reading: dict[tuple[str, ...], dict[str, np.ndarray]] = {}
    for *key, item, layer, value in rows:
        by_item = by_reading.setdefault(tuple(key), {})
        if item not in by_item:
            by_item[item] = np.full(n_layers[tuple(key)], np.nan)
        by_item[item][layer] = value
    return by_reading
