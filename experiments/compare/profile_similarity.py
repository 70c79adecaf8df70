"""How alike are the layer profiles of two models, held against how alike each is to itself? The split-half ceiling."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pyarrow as pa
from jaxtyping import Float

from strata.experiments.compare.layer_changes import READING, axis_of, readings_by_item
from strata.experiments.items.entity import entity_of
from strata.experiments.items.schema import Item
from strata.experiments.results.comparison_reasons import WhyNoValue
from strata.experiments.results.roles import CHANGES, Role
from strata.experiments.results.rows import Row
from strata.experiments.results.table import Value
from strata.experiments.statistics.split_half import split_half_between
from strata.probes.errors import StrataError

_SPLITS = 200


def likeness_rows(profiles: Mapping[Role, pa.Table], items: Sequence[Item], *, seed: int) -> Iterator[Row]:
    """Rows of the `likeness` table: for every reading, kind and contrast how far two models' profiles over layers agree.

    A profile is the mean over entities. `between` and its `ceiling` are what `split_half_between` says; null with the
    `reason` where there are too few entities or a profile is flat.
    """
    by_role = {role: readings_by_item(table) for role, table in profiles.items()}
    known = {item.id: item for item in items}
    for contrast, (upper, lower) in CHANGES.items():
        if upper not in by_role or lower not in by_role:
            continue
        for key in (key for key in by_role[upper] if key in by_role[lower]):
            sides = by_role[lower][key], by_role[upper][key]
            shared = [name for name in sides[1] if name in sides[0] and name in known]
            for kind in dict.fromkeys(known[name].kind for name in shared):
                members = [name for name in shared if known[name].kind == kind]
                names: dict[str, Value] = dict[str, Value](zip(READING, key, strict=True)) | {
                    "contrast": contrast,
                    "kind": kind,
                }
                clusters = [entity_of(known[name]) for name in members]
                before, after = (_means(side, members, clusters) for side in sides)
                yield names | {"axis": axis_of(key)} | _alike(before, after, seed)


def _alike(
    before: Float[np.ndarray, "cluster layer"], after: Float[np.ndarray, "cluster layer"], seed: int
) -> dict[str, Value]:
    nothing: dict[str, Value] = {"between": None, "ceiling": None, "n_clusters": len(before)}
    try:
        likeness = split_half_between(before, after, splits=_SPLITS, seed=seed)
    except StrataError as error:
        return nothing | {"reason": WhyNoValue(code="refused", said=error.what).as_column()}
    if not np.isfinite([likeness.between, likeness.ceiling]).all():
        return nothing | {"reason": WhyNoValue(code="flat-profile").as_column()}
    return {"between": likeness.between, "ceiling": likeness.ceiling, "n_clusters": likeness.n_clusters, "reason": None}


def _means(
    values: Mapping[str, Float[np.ndarray, " layer"]], members: Sequence[str], clusters: Sequence[str]
) -> Float[np.ndarray, "cluster layer"]:
    by_cluster: dict[str, list[np.ndarray]] = {}
    for name, cluster in zip(members, clusters, strict=True):
        by_cluster.setdefault(cluster, []).append(values[name])
    return np.stack([np.mean(rows, axis=0) for rows in by_cluster.values()])
