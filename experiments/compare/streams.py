"""How alike are the streams of two models on the same tokens, and does a probe of one read the other?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from experiments.compare.config import CompareConfig
from experiments.compare.paired import BASE, Role
from experiments.items.alignment import EncodedItem
from experiments.locate.probing import PRECISION
from experiments.locate.questions import entity_of
from experiments.locate.targets import targets_of
from experiments.statistics.bootstrap import Estimate, cluster_bootstrap
from probes.errors import StrataError
from probes.progress import Progress, silent
from probes.similarity.cka import FEWEST_ITEMS, debiased_cka
from probes.similarity.cosine import cosine_by_item
from probes.similarity.transfer import OneWay, probe_transfer
from probes.store import ActivationStore

KINDS = ("knowledge", "reasoning", "composite", "control")
_HALVES = 10


def similarity_rows(
    stores: Mapping[Role, ActivationStore],
    items: Sequence[EncodedItem],
    positions: Sequence[str],
    config: CompareConfig,
) -> Iterator[dict[str, Any]]:
    """Rows of the `similarity` table: debiased CKA and mean cosine of every stream with the base's, by kind and position.

    CKA has no interval from resampled items (a drawn twin of an item is a perfect match of its own); its spread over random
    halves of the entities is given instead, and so is the ceiling: how alike the base is to itself is 1 by construction,
    so what a change has to be larger than is the spread.
    """
    for role, store in stores.items():
        if role == BASE:
            continue
        for column, position in enumerate(positions):
            for kind in KINDS:
                mine = [one for one in items if one.item.kind == kind and one.prompt.positions.get(position, 0) > 0]
                if len(mine) < FEWEST_ITEMS * 2:
                    continue
                clusters = [entity_of(one.item) for one in mine]
                before, after = (_streams(one, mine, column) for one in (stores[BASE], store))
                names = {"contrast": role, "kind": kind, "position": position}
                cosines = cosine_by_item(before, after).double().numpy()
                estimates = cluster_bootstrap(cosines, clusters, draws=config.locate.draws, seed=config.locate.seed)
                for stream, one in enumerate(estimates):
                    yield {**names, "measure": "cosine", "stream": stream, **_numbers(one)}
                    yield {
                        **names, "measure": "cka", "stream": stream,
                        **_cka(before[:, stream], after[:, stream], clusters, config.locate.seed),
                    }  # fmt: skip


def _cka(
    x: Float[Tensor, "item d_model"], y: Float[Tensor, "item d_model"], clusters: Sequence[str], seed: int
) -> dict[str, Any]:
    value = debiased_cka(x, y)
    rng = np.random.default_rng(seed)
    names = np.array(clusters)
    entities = np.unique(names)
    halves = []
    for _ in range(_HALVES):
        half = np.flatnonzero(np.isin(names, rng.permutation(entities)[: len(entities) // 2]))
        if len(half) >= FEWEST_ITEMS:
            halves.append(debiased_cka(x[half], y[half]))
    found = [one for one in halves if np.isfinite(one)]
    return {
        "value": value if np.isfinite(value) else None,
        "low": min(found) if found else None,
        "high": max(found) if found else None,
        "n_items": len(x),
        "n_clusters": len(entities),
        "method": f"debiased linear CKA; range over {len(found)} random halves of the entities",
    }


def transfer_rows(
    stores: Mapping[Role, ActivationStore],
    items: Sequence[EncodedItem],
    answered: frozenset[str],
    positions: Sequence[str],
    config: CompareConfig,
    *,
    progress: Progress = silent,
) -> Iterator[dict[str, Any]]:
    """Rows of the `transfer` table: accuracy of answer probes within and across models, plain and after a rotation."""
    targets = [
        target
        for target in targets_of(items, ("last",), random_init=False)
        if target.name == "answer"
        and target.scheme == "cluster"
        and target.probe == "linear"
        and target.kind in KINDS[:2]
    ]
    known = {target: sum(items[row].key in answered for row in target.items) for target in targets}
    chosen = []
    for kind in KINDS[:2]:
        ranked = sorted((one for one in targets if one.kind == kind and known[one]), key=lambda one: -known[one])
        chosen += ranked[: config.transferred]
    roles = [role for role in stores if role != BASE]
    done, total = 0, len(chosen) * len(roles)
    column = list(positions).index("last")
    for role in roles:
        for target in chosen:
            progress("probe transfer", done, total, "probes")
            members = [items[row] for row in target.items]
            clusters = [one.item.cluster for one in members]
            names = {"contrast": role, "kind": target.kind, "family": target.family}
            before, after = (_streams(stores[one], members, column) for one in (BASE, role))
            try:
                found = probe_transfer(
                    before, after, target.labels, clusters, seed=config.locate.seed, n_folds=config.locate.folds,
                    precision=PRECISION,
                )  # fmt: skip
            except StrataError as error:
                yield {**names, "reason": error.what}
                done += 1
                continue
            kept = [clusters[row] for row in found.kept]
            majority = float(found.majority_correct.mean())
            for direction, way, other in (("forth", found.forth, found.back), ("back", found.back, found.forth)):
                yield from _transferred(names | {"direction": direction}, way, other, kept, majority, config)
            done += 1
    progress("probe transfer", total, total, "probes")


def _transferred(
    names: Mapping[str, Any],
    way: OneWay,
    other: OneWay,
    clusters: Sequence[str],
    majority: float,
    config: CompareConfig,
) -> Iterator[dict[str, Any]]:
    """`own`: what the other model's own probe reaches there, which a carried-over one is held against."""
    for measure, right in (("own", other.within), ("plain", way.plain), ("rotated", way.rotated)):
        estimates = cluster_bootstrap(right.astype(float), clusters, draws=config.locate.draws, seed=config.locate.seed)
        for stream, one in enumerate(estimates):
            yield {**names, "measure": measure, "stream": stream, "majority": majority, **_numbers(one)}


def _streams(store: ActivationStore, items: Sequence[EncodedItem], column: int) -> Float[Tensor, "item stream d_model"]:
    values: Tensor = store.read("streams", [one.key for one in items])
    return values[:, :, column].to(torch.float32)


def _numbers(one: Estimate) -> dict[str, Any]:
    return {
        "value": one.value if np.isfinite(one.value) else None, "low": one.low, "high": one.high,
        "n_items": one.n_items, "n_clusters": one.n_clusters, "method": one.method,
    }  # fmt: skip
