"""How alike are the streams of two models on the same prompts as asked, and is it one dimension or one family that says so?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from strata.experiments.compare.config import CompareConfig
from strata.experiments.compare.probe_transfer import numbers_of
from strata.experiments.items.alignment import EncodedItem
from strata.experiments.items.entity import entity_of
from strata.experiments.items.schema import KINDS
from strata.experiments.locate.activation_stores import kept_streams
from strata.experiments.locate.reading_positions import appended, asked_at
from strata.experiments.results.comparison_columns import dominant_text
from strata.experiments.results.roles import BASE, Role
from strata.experiments.results.rows import integer
from strata.experiments.results.table import Value
from strata.probes.files.activation_store import ActivationStore
from strata.probes.model_diff.cka import FEWEST_ITEMS, debiased_cka_of_subsets
from strata.probes.model_diff.cosine import cosine_by_item
from strata.probes.model_diff.dominant_dimensions import Dominance, Of, dominance, without_dimensions
from strata.probes.statistics.bootstrap import cluster_bootstrap

DIMENSIONS = ("all", "trimmed")
"""Whether dominant dimensions count."""
_HALVES = 10
_SHARE_OF: Mapping[str, Of] = {"cka": "variance", "cosine": "length"}

Streams = Float[Tensor, "item stream d_model"]
Rows = Iterator[dict[str, Value]]


def similarity_rows(
    stores: Mapping[Role, ActivationStore],
    items: Sequence[EncodedItem],
    positions: Sequence[str],
    config: CompareConfig,
) -> Rows:
    """Rows of the `similarity` table: debiased CKA and mean cosine of every stream with the base's, by kind and position.

    `last` is the last token of the prompt as it is written: what is fed behind some prompts for scoring would set them
    apart from the others. CKA has no interval from resampled items (a drawn control of an item is a perfect match of its
    own); its spread over random halves of the entities is given instead, and so is the ceiling: how alike the base is to
    itself is 1 by construction, so what a change has to be larger than is the spread.
    """
    for role, store in stores.items():
        if role == BASE:
            continue
        for position in positions:
            for kind in KINDS:
                of_kind = [
                    encoded_item
                    for encoded_item in items
                    if encoded_item.item.kind == kind and _place(encoded_item, position) > 0
                ]
                if len(of_kind) < FEWEST_ITEMS * 2:
                    continue
                before, after = (
                    kept_streams(model_store, of_kind, position, positions, last="as asked")
                    for model_store in (stores[BASE], store)
                )
                asked = _Asked(
                    [entity_of(encoded_item.item) for encoded_item in of_kind],
                    [encoded_item.item.family for encoded_item in of_kind],
                )
                names: dict[str, Value] = {
                    "contrast": role,
                    "kind": kind,
                    "position": position,
                    "n_appended": appended(of_kind),
                }
                for row in rows_of_streams(before, after, asked.clusters, asked.families, config):
                    yield names | row


def rows_of_streams(
    before: Streams, after: Streams, clusters: Sequence[str], families: Sequence[str], config: CompareConfig
) -> Rows:
    """Both measures of two models' states at the same tokens, with all dimensions and, where there are any, without dominant ones.

    Of each, rows with an interval or spread, and rows without one for every family excluded in turn.
    """
    asked = _Asked(clusters, families)
    for measure, rows in (("cka", _cka_rows), ("cosine", _cosine_rows)):
        of = _SHARE_OF[measure]
        held = [dominance([before[:, stream], after[:, stream]], of) for stream in range(before.shape[1])]
        whole = list(rows(before, after, asked, config))
        carried = any(of_stream.dominant for of_stream in held)
        trimmed = rows(_kept(before, held), _kept(after, held), asked, config) if carried else ()
        for dimensions, measured in zip(DIMENSIONS, (whole, trimmed), strict=True):
            for row in measured:
                of_stream = held[integer(row, "stream")]
                if dimensions == "trimmed" and not of_stream.dominant:
                    continue
                yield {
                    "measure": measure, "dimensions": dimensions, "share_base": _number(of_stream.shares[0]),
                    "share_other": _number(of_stream.shares[1]), "dominant": dominant_text(of_stream.dominant), **row,
                }  # fmt: skip


def families_excluded(families: Sequence[str]) -> dict[str, Bool[np.ndarray, " item"]]:
    """By family the items that stay when it is excluded; without families whose absence leaves too few."""
    names = np.array(families)
    masks = {name: names != name for name in dict.fromkeys(families)}
    return {name: mask for name, mask in masks.items() if mask.sum() >= FEWEST_ITEMS}


@dataclass(frozen=True)
class _Asked:
    clusters: Sequence[str]
    families: Sequence[str]


def _cosine_rows(before: Streams, after: Streams, asked: _Asked, config: CompareConfig) -> Rows:
    cosines = cosine_by_item(before, after).double().numpy()
    estimates = cluster_bootstrap(cosines, asked.clusters, draws=config.locate.draws, seed=config.locate.seed)
    for stream, estimate in enumerate(estimates):
        yield {"stream": stream, **numbers_of(estimate)}
    for family, mask in families_excluded(asked.families).items():
        for stream, values in enumerate(cosines[mask].T):
            known = values[np.isfinite(values)]
            yield _without(asked, family, mask) | {
                "stream": stream, "value": float(known.mean()) if len(known) else None, "method": "mean over items",
            }  # fmt: skip


def _cka_rows(before: Streams, after: Streams, asked: _Asked, config: CompareConfig) -> Rows:
    halves = _halves(asked.clusters, config.locate.seed)
    excluded = families_excluded(asked.families)
    subsets = [np.ones(len(before), bool), *halves, *excluded.values()]
    masks = torch.from_numpy(np.stack(subsets))
    for stream in range(before.shape[1]):
        similarities = debiased_cka_of_subsets(before[:, stream], after[:, stream], masks).tolist()
        spread = [value for value in similarities[1 : len(halves) + 1] if np.isfinite(value)]
        yield {
            "stream": stream, "value": _number(similarities[0]),
            "low": min(spread, default=None), "high": max(spread, default=None),
            "n_items": len(before), "n_clusters": len(set(asked.clusters)),
            "method": f"debiased linear CKA; range over {len(spread)} random halves of the entities",
        }  # fmt: skip
        for (family, rows), value in zip(excluded.items(), similarities[len(halves) + 1 :], strict=True):
            yield _without(asked, family, rows) | {
                "stream": stream, "value": _number(value), "method": "debiased linear CKA",
            }  # fmt: skip


def _halves(clusters: Sequence[str], seed: int) -> list[Bool[np.ndarray, " item"]]:
    rng = np.random.default_rng(seed)
    names = np.array(clusters)
    entities = np.unique(names)
    halves = [np.isin(names, rng.permutation(entities)[: len(entities) // 2]) for _ in range(_HALVES)]
    return [half for half in halves if half.sum() >= FEWEST_ITEMS]


def _without(asked: _Asked, family: str, mask: Bool[np.ndarray, " item"]) -> dict[str, Value]:
    clusters = {name for name, there in zip(asked.clusters, mask, strict=True) if there}
    return {"excluded": family, "low": None, "high": None, "n_items": int(mask.sum()), "n_clusters": len(clusters)}


def _kept(states: Streams, held: Sequence[Dominance]) -> Streams:
    return torch.stack([without_dimensions(states[:, at], of_stream.dominant) for at, of_stream in enumerate(held)], 1)


def _place(encoded_item: EncodedItem, position: str) -> int:
    return asked_at(encoded_item) if position == "last" else encoded_item.prompt.positions.get(position, 0)


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
