"""Does a probe of one model read the other? Answer probes carried across, directly and Procrustes-aligned, by family."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from strata.experiments.compare.config import CompareConfig
from strata.experiments.items.alignment import EncodedItem
from strata.experiments.items.schema import KNOWLEDGE_AND_REASONING
from strata.experiments.locate.activation_stores import kept_streams
from strata.experiments.locate.probe_targets import targets_of
from strata.experiments.locate.probing import PRECISION
from strata.experiments.locate.reading_positions import appended
from strata.experiments.results.comparison_reasons import WhyNoValue
from strata.experiments.results.roles import BASE, Role
from strata.experiments.results.rows import Row
from strata.experiments.results.table import Value
from strata.probes.errors import StrataError
from strata.probes.files.activation_store import ActivationStore
from strata.probes.model_diff.probe_transfer import OneWay, probe_transfer
from strata.probes.progress import Progress, silent
from strata.probes.statistics.bootstrap import Estimate, cluster_bootstrap


def transfer_rows(
    stores: Mapping[Role, ActivationStore],
    items: Sequence[EncodedItem],
    answered: frozenset[str],
    positions: Sequence[str],
    config: CompareConfig,
    *,
    progress: Progress = silent,
) -> Iterator[Row]:
    """Rows of the `transfer` table: accuracy of answer probes within and across models, directly and Procrustes-aligned.

    Read where `locate` probes an answer: behind what all items of the family are fed of it, in most families nothing.
    """
    targets = [
        target
        for target in targets_of(items, ("last",), random_init=False)
        if target.name == "answer"
        and target.scheme == "cluster"
        and target.probe == "linear"
        and target.kind in KNOWLEDGE_AND_REASONING
    ]
    known = {target: sum(items[row].key in answered for row in target.items) for target in targets}
    chosen = []
    for kind in KNOWLEDGE_AND_REASONING:
        ranked = sorted(
            (target for target in targets if target.kind == kind and known[target]), key=lambda target: -known[target]
        )
        chosen += ranked[: config.transferred]
    roles = [role for role in stores if role != BASE]
    done, total = 0, len(chosen) * len(roles)
    for role in roles:
        for target in chosen:
            progress("probe transfer", done, total, "probes")
            members = [items[row] for row in target.items]
            clusters = [member.item.cluster for member in members]
            names: dict[str, Value] = {
                "contrast": role,
                "kind": target.kind,
                "family": target.family,
                "n_appended": appended(members),
            }
            before, after = (
                kept_streams(stores[model], members, "last", positions, last="common start") for model in (BASE, role)
            )
            try:
                transfer = probe_transfer(
                    before, after, target.labels, clusters, seed=config.locate.seed, n_folds=config.locate.folds,
                    precision=PRECISION,
                )  # fmt: skip
            except StrataError as error:
                yield {**names, "reason": WhyNoValue(code="refused", said=error.what).as_column()}
                done += 1
                continue
            kept_clusters = [clusters[row] for row in transfer.kept]
            majority = float(transfer.majority_correct.mean())
            for direction, way, other in (
                ("forth", transfer.forth, transfer.back),
                ("back", transfer.back, transfer.forth),
            ):
                yield from _transferred(names | {"direction": direction}, way, other, kept_clusters, majority, config)
            done += 1
    progress("probe transfer", total, total, "probes")


def _transferred(
    names: Mapping[str, Value],
    way: OneWay,
    other: OneWay,
    clusters: Sequence[str],
    majority: float,
    config: CompareConfig,
) -> Iterator[Row]:
    """`own`: what the other model's own probe reaches there, which a carried-over one is held against."""
    for measure, right in (("own", other.within), ("direct", way.direct), ("procrustes", way.aligned)):
        estimates = cluster_bootstrap(right.astype(float), clusters, draws=config.locate.draws, seed=config.locate.seed)
        for stream, estimate in enumerate(estimates):
            yield {**names, "measure": measure, "stream": stream, "majority": majority, **numbers_of(estimate)}


def numbers_of(estimate: Estimate) -> dict[str, Value]:
    """The columns of an estimate in a table."""
    return {
        "value": estimate.value if np.isfinite(estimate.value) else None, "low": estimate.low, "high": estimate.high,
        "n_items": estimate.n_items, "n_clusters": estimate.n_clusters, "method": estimate.method,
    }  # fmt: skip
