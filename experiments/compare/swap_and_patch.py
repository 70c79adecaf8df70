"""The stage of a comparison in which parts of one model run in the other: layer swaps, cross-model patches, and their nulls."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

from strata.experiments.compare.cross_model_patching import cross_rows, store_crossed
from strata.experiments.compare.excluded_parts import Exclude, refused_by
from strata.experiments.compare.layer_swap_scores import LEAST, halves, scores_of_kind, swap_rows
from strata.experiments.compare.layer_swaps import store_layer_swaps
from strata.experiments.compare.models import Models
from strata.experiments.compare.patching_one_model_at_a_time import cross_one_by_one
from strata.experiments.compare.swap_and_patch_stores import ExchangeStores
from strata.experiments.items.schema import KNOWLEDGE_AND_REASONING, Kind
from strata.experiments.locate.causal.pair_sampling import as_pair
from strata.experiments.results.comparison import HalvedBy, Halves
from strata.experiments.results.comparison_columns import direction_into
from strata.experiments.results.comparison_reasons import ExcludedPart, Part, WhyNotCompared
from strata.experiments.results.comparison_tables import CROSSED, LAYER_SWAPS
from strata.experiments.results.roles import BASE, DISTILLED, Role
from strata.experiments.results.rows import Row
from strata.experiments.run.self_test_record import record_tests
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.errors import STOPPING, StrataError
from strata.probes.files.activation_store import ActivationStore
from strata.probes.model_diff.layer_swaps import LayerSwap
from strata.probes.model_diff.random_delta import RandomDelta
from strata.probes.progress import Progress, silent
from strata.probes.verification.layer_swap_self_tests import run_layer_swap_self_tests, run_own_swap_self_tests

RANDOM = "random"
"""Contrast of the nulls: blocks of the base with a random change of the distilled model's size, and contributions moved by
as much as the distilled model's differ, in a random direction."""


def exchange(
    stores: ExchangeStores,
    models: Models,
    comparable: Sequence[Role],
    exclude: Exclude,
    *,
    progress: Progress = silent,
) -> dict[Role, dict[Kind, dict[HalvedBy, Halves]]]:
    """Writes the layer swaps and crossed tables of every model against the base, both ways.

    Returns, by model of `comparable`, how the two halves of its blocks compare (`halves`); without `swap_pairs` the
    tables are empty. What can't be exchanged is handed to `exclude`, part by part, and all else
    is measured: layer swaps too, where one model at a time is held, but for those that an earlier start has measured. Raises
    SelfTestError when an identity of exchanging parts does not hold.
    """
    roles = [role for role in models.others if role in comparable] if stores.config.swap_pairs else []
    if not stores.items:
        nothing = WhyNotCompared(code="nothing-answered")
        refused = [ExcludedPart(part="exchange", model=role, why=nothing) for role in roles]
    elif models.one_at_a_time:
        reasons = cross_one_by_one(models, roles, stores, progress=progress)
        refused = [ExcludedPart(part="exchange", model=role, why=why) for role, why in reasons.items()]
    else:
        refused = _with_both(models, roles, stores, progress)
    for excluded in refused:
        exclude(excluded)
    without = {excluded.model for excluded in refused if excluded.part == "exchange"}
    there = [role for role in roles if role not in without]
    swapped: list[Row] = []
    crossed: list[Row] = []
    compared: dict[Role, dict[Kind, dict[HalvedBy, Halves]]] = {}
    for role in there:
        scored = _Scored(stores, role)
        crossed += scored.crossed()
        swapped += scored.layer_swaps()
        if models.one_at_a_time and not scored.has_layer_swaps:
            exclude(ExcludedPart(part="layer-swaps", model=role, why=WhyNotCompared(code="needs-both")))
        elif (halved := scored.halves()) is not None:
            compared[role] = halved
    stores.run.write_rows(LAYER_SWAPS, swapped)
    stores.run.write_rows(CROSSED, crossed)
    return compared


def _with_both(models: Models, roles: Sequence[Role], stores: ExchangeStores, progress: Progress) -> list[ExcludedPart]:
    """Fills the stores of all `roles`. Returns what had to be excluded."""
    refused: list[ExcludedPart] = []
    if roles:
        why = _refused_alone(models.get(BASE), stores)
        if why is not None:
            return [refused_by(why, "exchange", role) for role in roles]
    for role in roles:
        # In a call of its own: a name that still stands for a model would keep it beside the next two.
        refused += _of_two(*models.together(role), role, stores, progress)
    return refused


def _refused_alone(base: Checkpoint, stores: ExchangeStores) -> StrataError | None:
    """Why the base can receive nothing from any model; None where it can. Raises SelfTestError where an identity fails."""
    try:
        tests = run_own_swap_self_tests(base, [as_pair(item) for item in stores.items])
    except STOPPING:
        raise
    except StrataError as error:
        return error
    record_tests(stores.run, tests, of=BASE)
    return None


def _of_two(
    base: Checkpoint, other: Checkpoint, role: Role, stores: ExchangeStores, progress: Progress
) -> list[ExcludedPart]:
    """Parts that the two don't allow, each with its reason."""
    items = stores.items
    try:
        tests = run_layer_swap_self_tests(base, other, [as_pair(item) for item in items])
    except STOPPING:
        raise
    except StrataError as error:
        return [refused_by(error, "exchange", role)]
    record_tests(stores.run, tests, of=role)
    refused: list[ExcludedPart] = []
    for part, into, fill in _parts(base, other, role, stores, progress):
        try:
            fill()
        except STOPPING:
            raise
        except StrataError as error:
            refused.append(refused_by(error, part, role, into=into))
    return refused


def _parts(
    base: Checkpoint, other: Checkpoint, role: Role, stores: ExchangeStores, progress: Progress
) -> Iterator[tuple[Part, Role, Callable[[], None]]]:
    """What is measured of two models: its name, the model that receives, and the call that fills its store."""
    held, items = {BASE: base, role: other}, stores.items
    for way in stores.ways(role):
        into, source = held[way.into], held[way.source]
        yield "layer-swaps", way.into, partial(
            store_layer_swaps, stores.swapped(way), into, source, items, stores.layer_swaps,
            progress=progress, stage=f"layer swaps into the {way.into}",
        )  # fmt: skip
        yield "cross-model-patching", way.into, partial(
            store_crossed, stores.crossed(way), into, source, items, stores.config, null=stores.has_null(way), progress=progress
        )  # fmt: skip
    if role == DISTILLED:
        noise = RandomDelta(base, other, stores.config.locate.seed)
        yield "random-layer-swaps", BASE, partial(
            store_layer_swaps, stores.randomly_swapped(), base, noise, items, stores.random_layer_swaps,
            progress=progress, stage="layer swaps of a random change",
        )  # fmt: skip


class _Scored:
    """What the stores hold of one model against the base; a store that lacks a pair was excluded and holds nothing."""

    def __init__(self, stores: ExchangeStores, role: Role) -> None:
        self.stores, self.role, self.config = stores, role, stores.config

    @property
    def has_layer_swaps(self) -> bool:
        swapped_stores = [self.stores.swapped(way) for way in self.stores.ways(self.role)]
        if self.role == DISTILLED:
            swapped_stores.append(self.stores.randomly_swapped())
        return all(self.stores.whole(store) for store in swapped_stores)

    def crossed(self) -> Iterator[Row]:
        for way in self.stores.ways(self.role):
            if not self.stores.whole(self.stores.crossed(way)):
                continue
            store, direction = self.stores.crossed(way), direction_into(way.into)
            names = {"contrast": self.role, "direction": direction}
            yield from cross_rows(store, self.stores.items, names, self.config)
            if self.stores.has_null(way):
                names = {"contrast": RANDOM, "direction": direction}
                yield from cross_rows(store, self.stores.items, names, self.config, null=True)

    def layer_swaps(self) -> Iterator[Row]:
        for way in self.stores.ways(self.role):
            names = {"contrast": self.role, "direction": direction_into(way.into)}
            yield from self._rows(self.stores.swapped(way), self.stores.layer_swaps, names)
        if self.role == DISTILLED:
            names = {"contrast": RANDOM, "direction": direction_into(BASE)}
            yield from self._rows(self.stores.randomly_swapped(), self.stores.random_layer_swaps, names)

    def halves(self) -> dict[Kind, dict[HalvedBy, Halves]] | None:
        """Into the base, by kind and measure; None where the layer swaps into the base were excluded."""
        by_kind: dict[Kind, dict[HalvedBy, Halves]] = {}
        store, layer_swaps = self.stores.swapped(self.stores.ways(self.role)[0]), self.stores.layer_swaps
        if not self.stores.whole(store):
            return None
        for kind in KNOWLEDGE_AND_REASONING:
            scores, clusters = scores_of_kind(store, self.stores.items, kind)
            for measure, values in scores.items():
                halved = halves(values, clusters, layer_swaps, self.stores.n_layers, LEAST[measure], self.config)
                if halved is not None:
                    by_kind.setdefault(kind, {})[measure] = halved
        return by_kind

    def _rows(
        self, store: ActivationStore, layer_swaps: Sequence[LayerSwap], names: Mapping[str, str]
    ) -> Iterator[Row]:
        if not self.stores.whole(store):
            return
        for kind in KNOWLEDGE_AND_REASONING:
            scores, clusters = scores_of_kind(store, self.stores.items, kind)
            for measure, values in scores.items():
                called = {**names, "kind": kind, "measure": measure}
                yield from swap_rows(values, clusters, layer_swaps, LEAST[measure], called, self.config)
