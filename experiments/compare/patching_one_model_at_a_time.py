"""Cross-model patching with one model in memory: the source's contributions are read from disk while the target runs."""

from __future__ import annotations

from collections.abc import Sequence

from strata.experiments.compare.cross_model_patching import cross_lines, store_crossed
from strata.experiments.compare.models import Models
from strata.experiments.compare.swap_and_patch_stores import ExchangeStores, Way
from strata.experiments.items.alignment import EncodedItem
from strata.experiments.locate.causal.pair_sampling import as_pair
from strata.experiments.results.comparison_reasons import WhyNotCompared
from strata.experiments.results.roles import BASE, Role
from strata.experiments.run.self_test_record import record_tests
from strata.probes.errors import STOPPING, StrataError
from strata.probes.model_diff.stored_contributions import store_contributions, stored
from strata.probes.progress import Progress, silent
from strata.probes.verification.layer_swap_self_tests import run_patch_self_tests


def cross_one_by_one(
    models: Models, roles: Sequence[Role], stores: ExchangeStores, *, progress: Progress = silent
) -> dict[Role, WhyNotCompared]:
    """Fills the stores of cross-model patches of all `roles` against the base, resumable; each model is opened once or twice.

    Returns why a model had to be excluded. On disk, until the comparison is done: 2 × blocks × tokens × d_model values a
    pair and source, in the model's dtype. Raises SelfTestError where putting a contribution back changes the outcome.
    """
    one_by_one = _OneByOne(models, stores, progress)
    refused: dict[Role, WhyNotCompared] = {}
    ways = [way for role in roles for way in stores.ways(role)]
    # The base is the source first and the target last, so that every other model has to be opened once only.
    if any(way.source == BASE for way in ways):
        refused |= one_by_one.store_source(BASE, [way for way in ways if way.source == BASE])
    for role in roles:
        of_role = [way for way in ways if way.role == role and role not in refused]
        refused |= one_by_one.store_source(role, [way for way in of_role if way.source == role])
        refused |= one_by_one.receive(role, [way for way in of_role if way.into == role and role not in refused])
    refused |= one_by_one.receive(BASE, [way for way in ways if way.into == BASE and way.role not in refused])
    return refused


class _OneByOne:
    def __init__(self, models: Models, stores: ExchangeStores, progress: Progress) -> None:
        self.models, self.stores, self.progress = models, stores, progress
        self.items: tuple[EncodedItem, ...] = stores.items
        self.positions = tuple(dict.fromkeys(line.position for line in cross_lines(stores.config)))

    def store_source(self, source: Role, ways: Sequence[Way]) -> dict[Role, WhyNotCompared]:
        """Keeps what `source` adds on disk, for the ways that are not measured yet."""
        todo = [way for way in ways if not self.stores.whole(self.stores.crossed(way))]
        store = self.stores.contributions_of(source)
        if not todo or self.stores.whole(store):
            return {}
        try:
            store_contributions(
                self.models.get(source), [as_pair(item) for item in self.items], store, self.positions,
                progress=self.progress, stage=f"contributions of the {source}",
            )  # fmt: skip
        except STOPPING:
            raise
        except StrataError as error:
            return {way.role: _refused(error) for way in todo}
        return {}

    def receive(self, receiver: Role, ways: Sequence[Way]) -> dict[Role, WhyNotCompared]:
        """Patches what was kept into `receiver`."""
        todo = [way for way in ways if not self.stores.whole(self.stores.crossed(way))]
        if not todo:
            return {}
        model = self.models.get(receiver)
        refused: dict[Role, WhyNotCompared] = {}
        for way in todo:
            try:
                tests = run_patch_self_tests(model, [as_pair(item) for item in self.items])
                record_tests(self.stores.run, tests, of=receiver)
                store_crossed(
                    self.stores.crossed(way), model, stored(self.stores.contributions_of(way.source)), self.items,
                    self.stores.config, null=self.stores.has_null(way), progress=self.progress,
                )  # fmt: skip
            except STOPPING:
                raise
            except StrataError as error:
                refused[way.role] = _refused(error)
        return refused


def _refused(error: StrataError) -> WhyNotCompared:
    return WhyNotCompared(code="refused", said=error.what)
