"""The causal stage of `locate`: choose pairs, test the instruments on them, intervene, place, and put it into tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import pyarrow as pa
import torch

from strata.experiments.items.schema import KINDS, Kind
from strata.experiments.locate.activation_stores import effects_store
from strata.experiments.locate.causal.block_ablations import AblationSettings, covariates
from strata.experiments.locate.causal.causal_tables import (
    curve_rows,
    head_rows,
    location_rows,
    pair_curves,
    place_rows,
    profile_tables,
    window_rows,
)
from strata.experiments.locate.causal.family_measurements import FamilyMeasurements
from strata.experiments.locate.causal.family_workers import FamilyWorkers
from strata.experiments.locate.causal.intermediates import EffectivePair, intermediates
from strata.experiments.locate.causal.localisation import (
    MATCHED,
    PLACE_DRAWS,
    Localised,
    OnFamily,
    effort_for,
    expected_cost,
    localise,
    why_not,
)
from strata.experiments.locate.causal.measure_family import Effort, measure_family
from strata.experiments.locate.causal.pair_selection import SelectedFamily
from strata.experiments.results.causal_map import CausalMap
from strata.experiments.results.caveats import Caveat
from strata.experiments.results.item_exclusions import WhyExcluded
from strata.experiments.results.kinds import KindLocalisation, Localisation, Order
from strata.experiments.results.locate_summary import CausalSettings, Intermediates, WhyNoIntermediates
from strata.experiments.results.locate_tables import CurveRow, HeadRow, LocationRow, PlaceRow, WindowRow
from strata.experiments.results.reasons import WhyNotLocated, WhyNotOrdered
from strata.experiments.run.directory import RunDirectory
from strata.probes.backends.contract import Backend
from strata.probes.backends.model_reader import ModelReader
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.errors import DoesNotFitError, is_out_of_memory
from strata.probes.files.activation_store import ActivationStore
from strata.probes.interventions.activation_patching import BATCH_TOKENS
from strata.probes.numerics.threads import side_by_side
from strata.probes.prompts.batching import tokens_a_batch
from strata.probes.rerun.shared_recordings import Runs
from strata.probes.rerun.why_whole import is_other, why_whole


@dataclass(frozen=True)
class CausalConfig:
    """What is asked of the interventions of a run."""

    extent: CausalMap
    pairs: int
    """Most of a family."""
    draws: int
    """Of clusters, at most."""
    seed: int
    damage_texts: int
    text: str | None
    """File of the neutral texts; None: the model's own."""


@dataclass(frozen=True)
class Causal:
    """What the interventions of a run amount to."""

    localisation: Localisation
    excluded: Mapping[Kind, Mapping[WhyExcluded, int]]
    """By kind: how many items are not intervened on, and why."""
    intermediates: Intermediates
    caveats: tuple[Caveat, ...]
    settings: CausalSettings
    heads: Sequence[HeadRow] = ()
    windows: Sequence[WindowRow] = ()
    places: Sequence[PlaceRow] = ()
    curves: Sequence[CurveRow] = ()
    locations: Sequence[LocationRow] = ()
    profiles: Sequence[pa.Table] = ()
    """Parts of the profiles table."""


def causal_stage(
    run: RunDirectory,
    reader: ModelReader,
    selected: Sequence[SelectedFamily],
    config: CausalConfig,
    on_family: OnFamily = lambda name, result: None,
) -> Causal:
    """Everything that intervenes on the model. Without usable pairs it says so; it never stops the run for that. `on_family`: see `localise`."""
    checkpoint, backend = reader.checkpoint, reader.backend
    if config.extent == "none":
        return _nothing(checkpoint.n_layers)
    store = effects_store(run.path, run.run_id)
    place_draws, draws = min(config.draws, PLACE_DRAWS), min(config.draws, 2_000)
    workers = FamilyWorkers(checkpoint, backend=backend)
    localised = localise(
        selected, checkpoint.n_layers, partial(_measured, run, workers, store, config),
        most_pairs=config.pairs, draws=place_draws, seed=config.seed, workers=workers, progress=reader.progress, on_family=on_family,
    )  # fmt: skip
    beside: list[CurveRow] = []
    if config.extent in ("default", "full"):
        settings = AblationSettings(config.extent, config.draws, config.seed, config.damage_texts, config.text)
        beside = list(covariates(Runs(checkpoint, backend), localised.selected, settings, progress=reader.progress))
    return Causal(
        localisation=localised.results(checkpoint.n_layers),
        excluded=_excluded(localised),
        intermediates=intermediates(checkpoint, list(_composite(localised)), backend),
        caveats=tuple(_caveats(checkpoint, localised, backend)),
        settings=CausalSettings(
            map=config.extent,
            pairs_per_family=config.pairs,
            pairs=sum(len(measured.keys) for measured in localised.measurements.values()),
            draws=place_draws,
            neutral_text="the model's own" if config.text is None else "a file",
        ),
        heads=list(head_rows(localised)),
        windows=list(window_rows(localised, draws=draws, seed=config.seed)),
        places=list(place_rows(localised)),
        curves=[*curve_rows(localised, draws=draws, seed=config.seed), *beside],
        locations=location_rows(localised, checkpoint.n_layers),
        profiles=list(profile_tables(localised)),
    )


@dataclass(frozen=True)
class Shard:
    """Some of a run's families: every `of`-th, from `number` on."""

    number: int
    """From 0."""
    of: int


def measure_shard(
    run: RunDirectory, reader: ModelReader, selected: Sequence[SelectedFamily], config: CausalConfig, shard: Shard
) -> None:
    """The interventions on the shard's families, kept in the run's store: what `causal_stage` measures of them, number by number."""
    if config.extent == "none":
        return
    store, progress = effects_store(run.path, run.run_id), reader.progress
    own = [family for family in selected if why_not(family, config.pairs) is None][shard.number :: shard.of]
    workers = FamilyWorkers(reader.checkpoint, backend=reader.backend)
    progress("interventions", 0, len(own), "families")
    side_by_side(
        partial(_measured, run, workers, store, config), own, workers.at_once,
        lambda done: progress("interventions", done, len(own), "families"),
        threads=workers.threads, stopping=workers.stopping, cost=lambda family: expected_cost(family, config.pairs),
    )  # fmt: skip


def _measured(
    run: RunDirectory, workers: FamilyWorkers, store: ActivationStore, config: CausalConfig, family: SelectedFamily
) -> FamilyMeasurements:
    effort = effort_for(family, config.pairs, beside=config.extent != "quick")
    return measured_or_kept(run, workers, store, config.seed, family, effort)


def measured_or_kept(
    run: RunDirectory,
    workers: FamilyWorkers,
    store: ActivationStore,
    seed: int,
    family: SelectedFamily,
    effort: Effort,
) -> FamilyMeasurements:
    """One shard a family: what an earlier start has measured is not measured again.

    Where memory runs out the family is begun again in smaller batches. Raises DoesNotFitError when a single pair doesn't fit.
    """
    with workers.taken() as checkpoint:
        with workers.alone:
            kept = kept_family(store, family, checkpoint.n_layers)
        if kept is not None:
            return kept
        measured = _as_it_fits(run, workers, checkpoint, seed, family, effort)
        with workers.alone:
            store.write(measured.keys, measured.as_tensors())
        return measured


def _as_it_fits(
    run: RunDirectory,
    workers: FamilyWorkers,
    checkpoint: Checkpoint,
    seed: int,
    family: SelectedFamily,
    effort: Effort,
) -> FamilyMeasurements:
    tokens = tokens_a_batch(None, checkpoint.device, BATCH_TOKENS)
    shortest = min(pair.reach for pair in family.pairs.pairs)
    while True:
        try:
            return measure_family(
                checkpoint, family.pairs, effort=effort, seed=seed, tokens=tokens, stopping=workers.stopping,
                backend=workers.backend,
            )  # fmt: skip
        except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            if tokens < 2 * shortest:  # every batch was a single pair
                raise DoesNotFitError(
                    f"Interventions on a single pair of {family.pairs.name} do not fit into memory",
                    "Use --dtype bfloat16, --causal-map none, or a smaller model",
                ) from error
        # Outside the handler: an exception in hand keeps every tensor of its frames.
        if checkpoint.device.type == "cuda":
            torch.cuda.empty_cache()
        tokens //= 2
        with workers.alone:
            run.warn(Caveat(code="memory-ran-out", family=family.pairs.name))


def kept_family(store: ActivationStore, family: SelectedFamily, n_layers: int) -> FamilyMeasurements | None:
    """What a store holds of a family; None when it wasn't measured, or on other pairs."""
    first = family.pairs.pairs[0].key
    if first not in store:
        return None
    keys = next(keys for keys in store.shards().values() if first in keys)
    # Rounding in batches of another size can take a pair in or out.
    if keys != [pair.key for pair in family.pairs.pairs[: len(keys)]]:
        return None
    return read_family(store, keys, n_layers)


def read_family(store: ActivationStore, keys: Sequence[str], n_layers: int) -> FamilyMeasurements:
    """What a store holds in the shard of these pairs."""
    tensors = {name: store.read(name, keys) for name in store.names(keys[0])}
    return FamilyMeasurements.from_tensors(n_layers, keys, tensors)


def _excluded(localised: Localised) -> dict[Kind, dict[WhyExcluded, int]]:
    by_kind: dict[Kind, dict[WhyExcluded, int]] = {kind: {} for kind in KINDS}
    for family in localised.selected:
        counts = by_kind[family.pairs.kind]
        for why, n in family.excluded.items():
            counts[why] = counts.get(why, 0) + n
    return by_kind


def _composite(localised: Localised) -> Iterator[EffectivePair]:
    """Composite pairs with what each gains at the blocks of `enrich` and of `work_out`."""
    for family in localised.selected:
        measured = localised.measurements.get((family.pairs.kind, family.pairs.name))
        if measured is None or not {"enrich", "work_out"} <= set(measured.effects):
            continue
        curves = pair_curves(measured)
        items = {item.key: item for item in family.items}
        for row, key in enumerate(measured.keys):
            yield EffectivePair(items[key], curves["enrich"].gained[row], curves["work_out"].gained[row])


def _nothing(n_layers: int) -> Causal:
    why = WhyNotLocated(code="no-interventions")
    kinds: dict[str, KindLocalisation] = {
        kind: KindLocalisation(families=0, testable=0, placed=0, why_not_located=why) for kind in KINDS
    }
    order = Order(verdict="undetermined", why=WhyNotOrdered(code="no-interventions"))
    return Causal(
        localisation=Localisation(n_layers=n_layers, families={}, kinds=kinds, order=order),
        excluded={},
        intermediates=Intermediates(reason=WhyNoIntermediates(code="no-interventions-asked")),
        caveats=(Caveat(code="no-interventions-asked"),),
        settings=CausalSettings(map="none"),
    )


def _caveats(checkpoint: Checkpoint, localised: Localised, backend: Backend) -> Iterator[Caveat]:
    reason = why_whole(checkpoint)
    # Of another library the run has a caveat anyway.
    if reason is not None and localised.measurements and not is_other(backend):
        yield Caveat(code="whole-forward", why=reason)
    for kind in KINDS:
        answered = [family for family in localised.selected if family.answered]
        if kind not in MATCHED or not any(family.pairs.kind == kind for family in answered):
            continue
        if not any(family.pairs.contrast == MATCHED[kind] for family in answered):
            yield Caveat(code="no-matched-control", kind=kind)
    no_span = [family.pairs.name for family in localised.selected if family.pairs.pairs and family.pairs.span is None]
    if no_span:
        yield Caveat(code="no-span", families=tuple(no_span))
