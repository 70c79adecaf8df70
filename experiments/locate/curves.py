"""Means over items with cluster-bootstrap intervals: every line that the page can draw."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from strata.experiments.items.alignment import EncodedItem
from strata.experiments.items.entity import entity_of
from strata.experiments.locate.lens_tables import above_elsewhere, lens_values
from strata.experiments.locate.probing import Probed, Scored
from strata.experiments.questions import Questions
from strata.experiments.results.locate_tables import BehaviourRow, CurveRow
from strata.probes.files.activation_store import ActivationStore
from strata.probes.progress import Progress, silent
from strata.probes.statistics.bootstrap import cluster_bootstrap

Values = Float[np.ndarray, "item layer"]


@dataclass(frozen=True)
class Intervals:
    """How the intervals of means are made."""

    draws: int
    """Of clusters."""
    seed: int


@dataclass(frozen=True)
class _Curve:
    """Which curve it is: columns of the curves table."""

    instrument: str
    measure: str
    kind: str
    family: str | None
    position: str
    target: str | None = None
    scheme: str | None = None


def used_items(behaviour: Sequence[BehaviourRow]) -> set[str]:
    """Items that the model answers, in families that it answers: those that lens means and onsets are about."""
    return {row.item for row in behaviour if row.used}


def lens_curves(
    store: ActivationStore,
    questions: Questions,
    used: set[str],
    lenses: Sequence[str],
    positions: Sequence[str],
    intervals: Intervals,
    *,
    progress: Progress = silent,
) -> Iterator[CurveRow]:
    """Curves of every lens by kind (used items, and all items) and by family (all its items). `positions`: of the stored axis."""
    done, total = 0, len(lenses) * len(positions)
    for lens in lenses:
        by_measure = lens_values(store, questions.encoded, lens)
        for place, position in enumerate(positions):
            measures = _lens_measures(
                {name: values[..., place].double().numpy() for name, values in by_measure.items()},
                above_elsewhere(by_measure)[..., place].double().numpy(),
            )
            for kind, family, scheme, members in _groups(questions.encoded, used):
                for measure, values in measures.items():
                    where = _Curve(f"lens.{lens}", measure, kind, family, position, scheme=scheme)
                    yield from _curve(where, values, members, questions.encoded, intervals)
            done += 1
            progress("curves", done, total, "maps")


def probe_curves(probed: Probed, questions: Questions, intervals: Intervals) -> Iterator[CurveRow]:
    """Curves of every probe target by family, and pooled over the families of a kind."""
    fresh = random_init_of(probed)
    by_kind: dict[tuple[str, ...], list[Scored]] = defaultdict(list)
    for scored in probed.scored:
        if scored.target.source == "model":
            by_kind[_pool(scored)].append(scored)
    for members in by_kind.values():
        if members[0].target.family is not None:
            for scored in members:
                yield from _probe_lines([scored], fresh, questions.encoded, intervals, family=scored.target.family)
        yield from _probe_lines(members, fresh, questions.encoded, intervals, family=None)


def random_init_of(probed: Probed) -> dict[tuple[str, ...], Scored]:
    """The targets of the random-initialised model, to be found by what they share with the model's."""
    return {_place(scored): scored for scored in probed.scored if scored.target.source == "random-init"}


def probe_measures(
    members: Sequence[Scored], fresh: Mapping[tuple[str, ...], Scored]
) -> tuple[list[int], dict[str, Values]]:
    """(items, measure → item × stream) of targets pooled item by item; a baseline that some lack is excluded."""
    items = [index for scored in members for index in scored.items]
    correct = np.concatenate([scored.correct for scored in members]).astype(float)
    n_streams = correct.shape[1]
    commonest = np.concatenate([scored.commonest for scored in members]).astype(float)
    measures: dict[str, Values] = {
        "accuracy": correct,
        "chance": np.repeat(commonest[:, None], n_streams, axis=1),
        "embedding_only": np.repeat(correct[:, :1], n_streams, axis=1),
        "log_loss": -np.concatenate([scored.log_likelihood for scored in members]),
    }
    shuffled = [scored.shuffled_correct for scored in members]
    if all(refitted is not None for refitted in shuffled):
        measures["shuffled"] = np.concatenate([refitted for refitted in shuffled if refitted is not None])
    controls = [scored.control_correct for scored in members]
    if all(control is not None for control in controls):
        control = np.concatenate([c for c in controls if c is not None]).astype(float)
        measures |= {"control_accuracy": control, "selectivity": correct - control}
    baseline = [fresh.get(_place(scored)) for scored in members]
    if all(untrained is not None for untrained in baseline):
        pairs = zip(members, baseline, strict=True)
        # The same labels, clusters and seed give the same folds and the same kept items.
        if all(untrained is not None and untrained.items == scored.items for scored, untrained in pairs):
            measures["random_init"] = np.concatenate(
                [untrained.correct for untrained in baseline if untrained is not None]
            ).astype(float)
    return items, measures


def _probe_lines(
    members: Sequence[Scored],
    fresh: Mapping[tuple[str, ...], Scored],
    encoded: Sequence[EncodedItem],
    intervals: Intervals,
    *,
    family: str | None,
) -> Iterator[CurveRow]:
    target = members[0].target
    items, measures = probe_measures(members, fresh)
    where = _Curve(
        f"probe.{target.probe}", "compression", target.kind, family, target.position, target.name, target.scheme
    )
    probed = [encoded[index] for index in items]
    for measure, values in measures.items():
        yield from _curve(replace(where, measure=measure), values, range(len(items)), probed, intervals)
    if family is not None and members[0].compression is not None:
        n_clusters = len({encoded_item.item.cluster for encoded_item in probed})
        for stream, value in enumerate(members[0].compression):
            yield CurveRow(
                **vars(where), axis="stream", layer=stream, mean=float(value), n_items=len(items), n_clusters=n_clusters,
                method="online code, no interval",
            )  # fmt: skip


def _lens_measures(values: Mapping[str, Values], above: Values) -> dict[str, Values]:
    rank = values["rank"]
    return dict(values) | {
        "rank": np.log1p(rank),
        "top1": np.where(np.isnan(rank), np.nan, rank == 0),
        "above_null": above,
    }


def _groups(encoded: Sequence[EncodedItem], used: set[str]) -> Iterator[tuple[str, str | None, str | None, list[int]]]:
    kinds: dict[str, list[int]] = defaultdict(list)
    families: dict[tuple[str, str], list[int]] = defaultdict(list)
    for index, encoded_item in enumerate(encoded):
        kinds[encoded_item.item.kind].append(index)
        families[encoded_item.item.kind, encoded_item.item.family].append(index)
    for kind, members in kinds.items():
        yield kind, None, None, [index for index in members if encoded[index].key in used]
        yield kind, None, "all items", members
    for (kind, family), members in families.items():
        yield kind, family, None, members


def _curve(
    where: _Curve, values: Values, members: Sequence[int], encoded: Sequence[EncodedItem], intervals: Intervals
) -> Iterator[CurveRow]:
    rows = np.asarray([index for index in members if not np.isnan(values[index]).any()], dtype=int)
    if len(rows) == 0:
        return
    clusters = [entity_of(encoded[index].item) for index in rows]
    estimates = cluster_bootstrap(values[rows], clusters, draws=intervals.draws, seed=intervals.seed)
    for layer, estimate in enumerate(estimates):
        mean, low, high, method = estimate.value, estimate.low, estimate.high, estimate.method
        if where.measure == "rank":
            mean, low, high = float(np.expm1(mean)), _rank(low), _rank(high)
            method = f"geometric mean of rank + 1, less 1; {method}"
        yield CurveRow(
            **vars(where), axis="stream", layer=layer, mean=mean, low=low, high=high, n_items=estimate.n_items,
            n_clusters=estimate.n_clusters, method=method,
        )  # fmt: skip


def _rank(logarithm: float | None) -> float | None:
    return None if logarithm is None else float(np.expm1(logarithm))


def _place(scored: Scored) -> tuple[str, ...]:
    target = scored.target
    return (target.name, target.kind, str(target.family), target.position, target.scheme, target.probe)


def _pool(scored: Scored) -> tuple[str, ...]:
    target = scored.target
    return (target.name, target.kind, target.position, target.scheme, target.probe)
