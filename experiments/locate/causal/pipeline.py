"""The causal stage of `locate`: choose pairs, test the instruments on them, intervene, place, and put it into tables."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch

from strata.experiments.items.alignment import EncodedItem
from strata.experiments.items.schema import KINDS
from strata.experiments.locate.activation_stores import effects_store
from strata.experiments.locate.causal.block_ablations import covariates
from strata.experiments.locate.causal.causal_tables import (
    curve_rows,
    location_rows,
    pair_curves,
    place_rows,
    profile_columns,
    window_rows,
)
from strata.experiments.locate.causal.family_measurements import FamilyMeasurements
from strata.experiments.locate.causal.family_programme import Effort, measure_family
from strata.experiments.locate.causal.intermediates import EffectivePair, intermediates
from strata.experiments.locate.causal.localisation import MATCHED, PLACE_DRAWS, Localised, localise
from strata.experiments.locate.causal.pair_selection import LastStreams, SelectedFamily
from strata.experiments.locate.config import LocateConfig
from strata.experiments.locate.interventions_only import causal_fields
from strata.experiments.results.kinds import KindLocalisation, Order
from strata.experiments.results.reasons import WhyNotLocated, WhyNotOrdered
from strata.experiments.run.directory import RunDirectory
from strata.probes.backends.contract import Backend
from strata.probes.capture_batches import BatchBudget
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.errors import DoesNotFitError, is_out_of_memory
from strata.probes.interventions.activation_patching import BATCH_TOKENS
from strata.probes.progress import Progress, silent
from strata.probes.prompts.batching import tokens_a_batch
from strata.probes.rerun.shared_prefix import NoRestartError
from strata.probes.store import ActivationStore

Row = dict[str, Any]


@dataclass(frozen=True)
class Causal:
    """What the interventions of a run amount to."""

    fields: Mapping[str, Any]
    """`families`, `kinds`, `order`, `hypothesis` of summary.json, as far as interventions decide them."""
    excluded: Mapping[str, Mapping[str, int]]
    """By kind: how many items are not intervened on, by reason."""
    windows: Sequence[Row]
    places: Sequence[Row]
    curves: Sequence[Row]
    locations: Sequence[Row]
    profiles: Sequence[dict[str, Any]]
    """Batches of columns of the profiles table."""
    intermediates: Mapping[str, Any]
    warnings: Sequence[str]
    settings: Mapping[str, Any]


def causal_stage(
    run: RunDirectory,
    checkpoint: Checkpoint,
    backend: Backend,
    encoded: Sequence[EncodedItem],
    behaviour: Sequence[Mapping[str, Any]],
    config: LocateConfig,
    *,
    among: Collection[str] | None = None,
    known: LastStreams | None = None,
    budget: BatchBudget | None = None,
    progress: Progress = silent,
) -> Causal:
    """Everything that intervenes on the model. Without usable pairs it says so; it never stops the run for that."""
    if config.causal_map == "none":
        return _nothing("No intervention was made (--causal-map none): what is decodable or readable need not be used")
    store = effects_store(run.path, run.run_id)
    try:
        localised = localise(
            checkpoint, backend, encoded, behaviour, partial(_measured, run, checkpoint, config, store),
            most_pairs=config.pairs, draws=min(config.draws, PLACE_DRAWS), seed=config.seed,
            beside=config.causal_map != "quick", among=among, known=known, budget=budget, progress=progress,
        )  # fmt: skip
        beside = list(covariates(checkpoint, localised.selected, config, progress=progress))
    except NoRestartError as error:
        return _nothing(f"No intervention was made: {error.what}")
    draws = min(config.draws, 2_000)
    return Causal(
        fields=causal_fields(localised),
        excluded=_excluded(localised),
        windows=list(window_rows(localised, draws=draws, seed=config.seed)),
        places=list(place_rows(localised)),
        curves=[*curve_rows(localised, draws=draws, seed=config.seed), *beside],
        locations=location_rows(localised, checkpoint.n_layers),
        profiles=list(profile_columns(localised)),
        intermediates=intermediates(checkpoint, list(_composite(localised)), config),
        warnings=_warnings(localised),
        settings={
            "map": config.causal_map,
            "pairs_per_family": config.pairs,
            "pairs": sum(len(measured.keys) for measured in localised.measurements.values()),
            "draws": min(config.draws, PLACE_DRAWS),
            "neutral_text": "the model's own" if config.text is None else "a file",
        },
    )


def _measured(
    run: RunDirectory,
    checkpoint: Checkpoint,
    config: LocateConfig,
    store: ActivationStore,
    family: SelectedFamily,
    effort: Effort,
) -> FamilyMeasurements:
    """One shard a family: what an earlier start has measured is not measured again.

    Where memory runs out the family is begun again in smaller batches. Raises DoesNotFitError when a single pair doesn't fit.
    """
    kept = kept_family(store, family, checkpoint.n_layers)
    if kept is not None:
        return kept
    tokens = tokens_a_batch(None, checkpoint.device, BATCH_TOKENS)
    shortest = min(pair.reach for pair in family.pairs.pairs)
    while True:
        try:
            measured = measure_family(checkpoint, family.pairs, effort=effort, seed=config.seed, tokens=tokens)
            break
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
        run.warn(
            f"Memory ran out in the interventions on {family.pairs.name}: they were begun again in smaller batches"
        )
    store.write(measured.keys, measured.as_tensors())
    return measured


def kept_family(store: ActivationStore, family: SelectedFamily, n_layers: int) -> FamilyMeasurements | None:
    """What a store holds of a family; None when it wasn't measured, or on other pairs."""
    first = family.pairs.pairs[0].key
    if first not in store:
        return None
    keys = next(keys for keys in store.shards().values() if first in keys)
    # Rounding in batches of another size can take a pair in or out.
    if keys != [pair.key for pair in family.pairs.pairs[: len(keys)]]:
        return None
    tensors = {name: store.read(name, keys) for name in store.names(first)}
    return FamilyMeasurements.from_tensors(n_layers, keys, tensors)


def _excluded(localised: Localised) -> dict[str, dict[str, int]]:
    by_kind: dict[str, dict[str, int]] = {kind: {} for kind in KINDS}
    for family in localised.selected:
        counts = by_kind[family.pairs.kind]
        for reason, n in family.excluded.items():
            counts[reason] = counts.get(reason, 0) + n
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


def _nothing(reason: str) -> Causal:
    why = WhyNotLocated(code="no-interventions")
    kinds = {kind: KindLocalisation(families=0, testable=0, placed=0, why_not_located=why) for kind in KINDS}
    order = Order(verdict="undetermined", why=WhyNotOrdered(code="no-interventions"))
    fields = {
        "families": {}, "kinds": {kind: result.model_dump(mode="json") for kind, result in kinds.items()},
        "order": order.model_dump(mode="json"), "hypothesis": [],
    }  # fmt: skip
    return Causal(fields, {}, (), (), (), (), (), {"reason": reason}, (reason,), {"map": "none"})


def _warnings(localised: Localised) -> list[str]:
    warnings = []
    for kind, contrast in MATCHED.items():
        answered = [family for family in localised.selected if family.answered]
        if any(family.pairs.kind == kind for family in answered) and not any(
            family.pairs.contrast == contrast for family in answered
        ):
            warnings.append(
                f"{kind.capitalize()} has no matched control among the answered families: what it shares with copying can't be told"
            )
    no_span = [family.pairs.name for family in localised.selected if family.pairs.pairs and family.pairs.span is None]
    if no_span:
        warnings.append(
            f"No replaced span is named in {', '.join(no_span)}: interventions were made at the last position only"
        )
    return warnings
