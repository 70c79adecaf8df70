"""The stage of a comparison in which parts of one model run in the other: grafts, cross-model patches, and their nulls."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from experiments.compare.config import CompareConfig
from experiments.compare.graft_scores import LEAST, graft_rows, halves, scores_of_kind
from experiments.compare.grafting import (
    KINDS,
    all_grafts,
    cross_rows,
    graft_items,
    graft_names,
    store_crossed,
    store_grafts,
)
from experiments.compare.models import Models
from experiments.compare.paired import BASE, DISTILLED, Role
from experiments.items.alignment import EncodedItem
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
    *,
    progress: Progress = silent,
) -> tuple[dict[Role, dict[str, Any]], dict[Role, str]]:
    """Writes the grafts and crossed tables of every model against the base, both ways.

    Returns, by model of `comparable`, how the two halves of its blocks compare (`halves`), or why it was left out;
    without `graft_pairs` the tables are empty. Raises SelfTestError when an identity of exchanging parts does not hold.
    """
    items = graft_items(questions.encoded, answered, config.graft_pairs, config.locate.seed)
    grafted: list[dict[str, Any]] = []
    crossed: list[dict[str, Any]] = []
    compared: dict[Role, dict[str, Any]] = {}
    refused: dict[Role, str] = {}
    base = models.get(BASE)
    for role in models.others if config.graft_pairs else ():
        if role not in comparable:
            continue
        if not items:
            refused[role] = NOTHING_ASKED
            continue
        other = models.get(role)
        try:
            tests = run_graft_self_tests(base, other, [as_pair(one) for one in items])
        except DoesNotFitError:
            raise
        except StrataError as error:
            refused[role] = error.what
            continue
        record_tests(run, tests, of=role)
        stage = _Stage(run, items, config, progress)
        compared[role] = stage.both_ways(base, other, role, grafted, crossed)
        if role == DISTILLED:
            stage.random(base, other, grafted)
    run.write_table("grafts", rows_to_table(grafted, GRAFTS))
    run.write_table("crossed", rows_to_table(crossed, CROSSED))
    return compared, refused


class _Stage:
    """One set of items, scored under many exchanges."""

    def __init__(
        self, run: RunDirectory, items: tuple[EncodedItem, ...], config: CompareConfig, progress: Progress
    ) -> None:
        self.run, self.items, self.config, self.progress = run, items, config, progress

    def both_ways(
        self,
        base: Checkpoint,
        other: Checkpoint,
        role: Role,
        grafted: list[dict[str, Any]],
        crossed: list[dict[str, Any]],
    ) -> dict[str, Any]:
        grafts = all_grafts(base.n_layers, self.config)
        compared: dict[str, Any] = {}
        ways = ((BASE, base, other), (role, other, base))
        for into, receiver, donor in ways if self.config.both_ways else ways[:1]:
            names = {"contrast": role, "direction": f"into {into}"}
            store = self._store(f"graft-{role}-into-{into}", grafts)
            stage = f"grafts into the {into}"
            store_grafts(store, receiver, donor, self.items, grafts, progress=self.progress, stage=stage)
            grafted += self._rows(store, grafts, names)
            if into == BASE:
                compared = self._halves(store, grafts, base.n_layers)
            store = self._store(f"crossed-{role}-into-{into}", ())
            store_crossed(store, receiver, donor, self.items, self.config, progress=self.progress)
            crossed += cross_rows(store, self.items, names, self.config)
        return compared

    def random(self, base: Checkpoint, other: Checkpoint, grafted: list[dict[str, Any]]) -> None:
        grafts = all_grafts(base.n_layers, self.config, whole_models=False)
        store = self._store("graft-random", grafts)
        noise = RandomDelta(base, other, self.config.locate.seed)
        store_grafts(store, base, noise, self.items, grafts, progress=self.progress, stage="grafts of a random change")
        names = {"contrast": RANDOM, "direction": f"into {BASE}"}
        grafted += self._rows(store, grafts, names)

    def _rows(
        self, store: ActivationStore, grafts: Sequence[Graft], names: Mapping[str, str | None]
    ) -> Iterator[dict[str, Any]]:
        for kind in KINDS:
            scores, clusters = scores_of_kind(store, self.items, kind)
            for measure, values in scores.items():
                called = {**names, "kind": kind, "measure": measure}
                yield from graft_rows(values, clusters, grafts, LEAST[measure], called, self.config)

    def _halves(self, store: ActivationStore, grafts: Sequence[Graft], n_layers: int) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {}
        for kind in KINDS:
            scores, clusters = scores_of_kind(store, self.items, kind)
            for measure, values in scores.items():
                one = halves(values, clusters, grafts, n_layers, LEAST[measure], self.config)
                if one is not None:
                    found.setdefault(kind, {})[measure] = one
        return found

    def _store(self, name: str, grafts: Sequence[Graft]) -> ActivationStore:
        signature = {"run": self.run.run_id, "grafts": graft_names(grafts)}
        return ActivationStore(self.run.path / "activations" / name, signature)
