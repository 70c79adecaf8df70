"""The causal stage of `locate`: choose pairs, test the instruments on them, intervene, place, and put it into tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from strata.experiments.items.schema import KINDS
from strata.experiments.locate.causal.choose import Chosen
from strata.experiments.locate.causal.curves import attribution_correlations, causal_curves, causal_profiles, groups_of
from strata.experiments.locate.causal.effects import WEAK, Effects
from strata.experiments.locate.causal.intermediates import intermediates
from strata.experiments.locate.causal.intervene import intervene, neutral_damage, read_back
from strata.experiments.locate.causal.verdict import MATCHED, Placed, order, place, placed_text
from strata.experiments.locate.config import LocateConfig
from strata.experiments.locate.kept import effects_store
from strata.experiments.run import RunDirectory
from strata.experiments.statistics.false_discovery import benjamini_hochberg
from strata.experiments.statistics.location import Location
from strata.probes.backends.self_tests import SelfTest
from strata.probes.backends.shared_prefix import NoRestartError
from strata.probes.causal.self_tests import run_causal_self_tests
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.progress import Progress, silent


@dataclass(frozen=True)
class Causal:
    """What the interventions of a run amount to."""

    kinds: Mapping[str, dict[str, Any]]
    """By kind: the causal fields of summary.json."""
    order: Mapping[str, Any]
    curves: Sequence[dict[str, Any]]
    locations: Sequence[dict[str, Any]]
    profiles: Sequence[dict[str, Any]]
    """Batches of columns of the profiles table."""
    attribution: Sequence[dict[str, Any]]
    intermediates: Mapping[str, Any]
    warnings: Sequence[str]
    settings: Mapping[str, Any]


def causal_self_tests(checkpoint: Checkpoint, chosen: Chosen, config: LocateConfig) -> tuple[SelfTest, ...]:
    """The identities of the interventions, on the very pairs they will be made on; none without pairs."""
    if config.causal_map == "none" or not chosen.pairs:
        return ()
    try:
        return run_causal_self_tests(checkpoint, chosen.pairs)
    except NoRestartError:
        return ()


def causal_stage(
    run: RunDirectory,
    checkpoint: Checkpoint,
    chosen: Chosen,
    config: LocateConfig,
    *,
    progress: Progress = silent,
) -> Causal:
    """Everything that intervenes on the model. Without usable pairs it says so; it never stops the run for that."""
    if config.causal_map == "none":
        return _nothing("No intervention was made (--causal-map none): what is decodable or readable need not be used")
    if not chosen.pairs:
        return _nothing("No pair could be intervened on: no item with an aligned minimal pair is answered", chosen)
    store = effects_store(run.path, run.run_id)
    try:
        intervene(
            checkpoint, chosen.pairs, chosen.reference, store, config,
            shrunk=partial(_memory_ran_out, run), progress=progress,
        )  # fmt: skip
        damage = neutral_damage(checkpoint, config, progress=progress)
    except NoRestartError as error:
        return _nothing(f"No intervention was made: {error.what}", chosen)
    effects = Effects(chosen.items, read_back(store, chosen.pairs, checkpoint.n_layers), checkpoint.n_layers)
    matched = {kind: _matched(effects, contrast) for kind, contrast in MATCHED.items()}
    by_kind = {kind: effects.of(rows) for kind, family, rows in groups_of(effects) if family is None}
    placed = {kind: place(group, matched.get(kind), config) for kind, group in by_kind.items()}
    empty = effects.of([])
    sides = {kind: (by_kind.get(kind, empty), placed.get(kind) or _unplaced()) for kind in MATCHED}
    return Causal(
        kinds={kind: _in_words(kind, placed.get(kind), chosen) for kind in KINDS},
        order=order(sides["knowledge"], sides["reasoning"], matched, config),
        curves=list(causal_curves(effects, matched, damage, config)),
        locations=_locations(effects, placed, config),
        profiles=list(causal_profiles(effects)),
        attribution=attribution_correlations(effects),
        intermediates=intermediates(checkpoint, effects, config),
        warnings=_warnings(by_kind, matched),
        settings={
            "map": config.causal_map,
            "pairs_per_kind": config.pairs,
            "windows": list(config.windows),
            "pairs": len(chosen.pairs),
            "neutral_text": "the model's own" if config.text is None else "a file",
        },
    )


def _memory_ran_out(run: RunDirectory, group: str, tokens: int) -> None:
    run.warn(
        f"Memory ran out in the interventions on {group}: they were begun again in batches of {tokens} recomputed tokens, which "
        "changes who is whose random donor (a pair alone in its batch has none)"
    )


def _nothing(reason: str, chosen: Chosen | None = None) -> Causal:
    excluded = chosen.excluded if chosen else {}
    none = {"layer": None, "reason": reason}
    kinds: dict[str, dict[str, Any]] = {
        kind: {
            "located": None,
            "sought": False,
            "why_not_located": reason,
            "pairs": {"usable": 0, "weak": 0, "foil_answered": None, "excluded": dict(excluded.get(kind, {}))},
            "patching": none,
            "ablation": none,
        }
        for kind in KINDS
    }
    verdict = {"difference": None, "interval": None, "p": None, "verdict": "undetermined", "reason": reason}
    return Causal(kinds, verdict, (), (), (), (), {"reason": reason}, (reason,), {"map": "none"})


def _unplaced() -> Placed:
    return Placed(None, None, {}, 0, 0, None, "no pair of this kind was intervened on", None)


def _in_words(kind: str, placed: Placed | None, chosen: Chosen) -> dict[str, Any]:
    summary = placed_text(placed or _unplaced()) | {"sought": placed is not None}
    excluded = Counter(chosen.excluded.get(kind, {}))
    if placed is not None and placed.weak:
        excluded[WEAK] += placed.weak
    summary["pairs"]["excluded"] = dict(excluded)
    return summary


def _matched(effects: Effects, contrast: str) -> Effects | None:
    rows = [
        row
        for row, encoded_item in enumerate(effects.items)
        if encoded_item.item.kind == "control" and encoded_item.item.extra.get("contrast") == contrast
    ]
    return effects.of(rows) if rows else None


def _locations(effects: Effects, placed: Mapping[str, Placed], config: LocateConfig) -> list[dict[str, Any]]:
    """Kinds, then families with their q-values over all families of both instruments' own list."""
    rows = []
    families: dict[str, list[dict[str, Any]]] = {"patching": [], "ablation": []}
    quiet = replace(config, draws=min(config.draws, 2_000))
    for kind, family, members in groups_of(effects):
        placement = placed[kind] if family is None else place(effects.of(members), None, quiet)
        for instrument, location in (("patching", placement.patching), ("ablation", placement.ablation)):
            if location is None:
                continue
            row = _row(kind, family, instrument, location)
            rows.append(row)
            if family is not None:
                families[instrument].append(row)
    for group in families.values():
        for row, q in zip(group, benjamini_hochberg([row["p"] for row in group]), strict=True):
            row["q"] = float(q) if np.isfinite(q) else None
    return rows


def _row(kind: str, family: str | None, instrument: str, location: Location) -> dict[str, Any]:
    return {
        "kind": kind, "family": family, "instrument": instrument, "measure": "effect", "layer": location.layer,
        "axis": "block", "depth": location.depth if np.isfinite(location.depth) else None, "low": location.low_layer,
        "high": location.high_layer, "p": location.p, "q": None, "n": location.n_items, "method": location.method,
    }  # fmt: skip


def _warnings(by_kind: Mapping[str, Effects], matched: Mapping[str, Effects | None]) -> list[str]:
    return [
        f"{kind.capitalize()} has no matched control among the answered items: what it shares with a copy is not taken out"
        for kind in MATCHED
        if kind in by_kind and not ((control := matched[kind]) and control.usable().items)
    ]
