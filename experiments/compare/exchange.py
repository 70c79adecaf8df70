"""The stage of a comparison in which parts of one model run in the other: grafts, cross-model patches, and their nulls."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from experiments.compare.config import CompareConfig
from experiments.compare.exchange_stores import ExchangeStores
from experiments.compare.graft_scores import LEAST, graft_rows, halves, scores_of_kind
from experiments.compare.grafting import KINDS, cross_rows, graft_items, store_crossed, store_grafts
from experiments.compare.models import NEEDS_BOTH, Models
from experiments.compare.one_at_a_time import cross_one_by_one
from experiments.compare.paired import BASE, DISTILLED, Role
from experiments.comparison_measures import EXCHANGE
from experiments.comparison_measures import GRAFTS as GRAFTS_LEFT_OUT
from experiments.locate.causal.choose import as_pair
from experiments.locate.questions import Questions
from experiments.run import RunDirectory, rows_to_table
from experiments.self_test_record import record_tests
from experiments.tables import CROSSED, GRAFTS
from probes.causal.graft_self_tests import run_graft_self_tests
from probes.causal.grafts import Graft
from probes.causal.random_delta import RandomDelta
from probes.checkpoints.checkpoint import Checkpoint
from probes.errors import DoesNotFitError, StrataError
from probes.progress import Progress, silent
from probes.store import ActivationStore

NOTHING_ASKED = "no aligned item is answered by any of the models"
RANDOM = "random"
"""Contrast of grafts whose blocks are the base's with a random change of the distilled model's size."""


def exchange(
    run: RunDirectory,
    models: Models,
    comparable: Sequence[Role],
    questions: Questions,
    answered: frozenset[str],
    config: CompareConfig,
    leave_out: Callable[[str, Role, str], None],
    *,
    progress: Progress = silent,
) -> dict[Role, dict[str, Any]]:
    """Writes the grafts and crossed tables of every model against the base, both ways.

    Returns, by model of `comparable`, how the two halves of its blocks compare (`halves`); without `graft_pairs` the
    tables are empty. What can't be exchanged is handed to `leave_out` (measure, model, reason): grafts too, where one
    model at a time is held, but for those that an earlier start has measured. Raises SelfTestError when an identity of
    exchanging parts does not hold.
    """
    items = graft_items(questions.encoded, answered, config.graft_pairs, config.locate.seed)
    roles = [role for role in models.others if role in comparable] if config.graft_pairs else []
    stores = ExchangeStores(run, items, config, models.about(BASE).n_layers)
    if not items:
        refused = dict.fromkeys(roles, NOTHING_ASKED)
    elif models.one_at_a_time:
        refused = cross_one_by_one(models, roles, stores, progress=progress)
    else:
        refused = _with_both(models, roles, stores, progress)
    for role, reason in refused.items():
        leave_out(EXCHANGE, role, reason)
    there = [role for role in roles if role not in refused]
    grafted: list[dict[str, Any]] = []
    crossed: list[dict[str, Any]] = []
    compared: dict[Role, dict[str, Any]] = {}
    for role in there:
        scored = _Scored(stores, role)
        crossed += scored.crossed()
        if not scored.has_grafts:
            leave_out(GRAFTS_LEFT_OUT, role, NEEDS_BOTH)
            continue
        compared[role] = scored.halves()
        grafted += scored.grafts()
    run.write_table("grafts", rows_to_table(grafted, GRAFTS))
    run.write_table("crossed", rows_to_table(crossed, CROSSED))
    return compared


def _with_both(models: Models, roles: Sequence[Role], stores: ExchangeStores, progress: Progress) -> dict[Role, str]:
    """Fills the stores of all `roles`. Returns why a model had to be left out."""
    refused: dict[Role, str] = {}
    for role in roles:
        # In a call of its own: a name that still stands for a model would keep it beside the next two.
        reason = _of_two(*models.together(role), role, stores, progress)
        if reason is not None:
            refused[role] = reason
    return refused


def _of_two(base: Checkpoint, other: Checkpoint, role: Role, stores: ExchangeStores, progress: Progress) -> str | None:
    items, grafts = stores.items, stores.grafts
    try:
        tests = run_graft_self_tests(base, other, [as_pair(one) for one in items])
    except DoesNotFitError:
        raise
    except StrataError as error:
        return error.what
    record_tests(stores.run, tests, of=role)
    held = {BASE: base, role: other}
    for way in stores.ways(role):
        into, lender = held[way.into], held[way.lender]
        stage = f"grafts into the {way.into}"
        store_grafts(stores.grafted(way), into, lender, items, grafts, progress=progress, stage=stage)
        store_crossed(stores.crossed(way), into, lender, items, stores.config, progress=progress)
    if role == DISTILLED:
        noise = RandomDelta(base, other, stores.config.locate.seed)
        store, stage = stores.randomly_grafted(), "grafts of a random change"
        store_grafts(store, base, noise, items, stores.random_grafts, progress=progress, stage=stage)
    return None


class _Scored:
    """What the stores hold of one model against the base."""

    def __init__(self, stores: ExchangeStores, role: Role) -> None:
        self.stores, self.role, self.config = stores, role, stores.config

    @property
    def has_grafts(self) -> bool:
        kept = [self.stores.grafted(way) for way in self.stores.ways(self.role)]
        if self.role == DISTILLED:
            kept.append(self.stores.randomly_grafted())
        return all(self.stores.whole(store) for store in kept)

    def crossed(self) -> Iterator[dict[str, Any]]:
        for way in self.stores.ways(self.role):
            names = {"contrast": self.role, "direction": f"into {way.into}"}
            yield from cross_rows(self.stores.crossed(way), self.stores.items, names, self.config)

    def grafts(self) -> Iterator[dict[str, Any]]:
        for way in self.stores.ways(self.role):
            names = {"contrast": self.role, "direction": f"into {way.into}"}
            yield from self._rows(self.stores.grafted(way), self.stores.grafts, names)
        if self.role == DISTILLED:
            names = {"contrast": RANDOM, "direction": f"into {BASE}"}
            yield from self._rows(self.stores.randomly_grafted(), self.stores.random_grafts, names)

    def halves(self) -> dict[str, dict[str, Any]]:
        """Into the base, by kind and measure."""
        found: dict[str, dict[str, Any]] = {}
        store, grafts = self.stores.grafted(self.stores.ways(self.role)[0]), self.stores.grafts
        for kind in KINDS:
            scores, clusters = scores_of_kind(store, self.stores.items, kind)
            for measure, values in scores.items():
                one = halves(values, clusters, grafts, self.stores.n_layers, LEAST[measure], self.config)
                if one is not None:
                    found.setdefault(kind, {})[measure] = one
        return found

    def _rows(
        self, store: ActivationStore, grafts: Sequence[Graft], names: Mapping[str, str]
    ) -> Iterator[dict[str, Any]]:
        for kind in KINDS:
            scores, clusters = scores_of_kind(store, self.stores.items, kind)
            for measure, values in scores.items():
                called = {**names, "kind": kind, "measure": measure}
                yield from graft_rows(values, clusters, grafts, LEAST[measure], called, self.config)
