"""When may it be said that something is located, and that one thing comes before another?

The rule. A kind is *located* when all of this holds, and is null with the first reason otherwise:

1. it has usable pairs, in at least eight clusters, and the counterfactual prompts are answered too (the lower bound of that share is
   above one half): else a difference between clean and corrupted run may be luck;
2. patching: denoising the located component beats every control at some block (max-T over blocks and positions, p ≤ .05);
3. ablation: skip, mean and resample ablation of it each cost more at some block than at a typical block (max-T, p ≤ .05);
4. the half-mass blocks of activation patching and ablation lie within a tenth of the depth of each other (at least one block).

Its place is that of activation patching. The order of two kinds is said only when both are located, of profiles from which their
matched controls have been subtracted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from strata.experiments.locate.causal.effects import (
    SITES,
    WEAK,
    Effects,
    Table,
    ablation_tables,
    dealt_out,
    site_table,
    stable_seed,
)
from strata.experiments.locate.causal.lines import LOCATED
from strata.experiments.locate.config import LocateConfig
from strata.experiments.statistics.difference import depth_difference
from strata.experiments.statistics.location import Location, locate_profile
from strata.experiments.statistics.split_half import split_half
from strata.probes.causal.ablation import METHODS
from strata.probes.causal.activation_patching import CONTROLS
from strata.probes.statistics.bootstrap import MIN_CLUSTERS
from strata.probes.statistics.share import cluster_share

ALPHA = 0.05
MATCHED = {"knowledge": "K-C", "reasoning": "R-R0"}
"""Contrast of the control items that are matched to a kind."""
ORDERS = {"a-first": "retrieval-first", "b-first": "reasoning-first"}


@dataclass(frozen=True)
class Placed:
    """What the interventions say of one kind (or one family)."""

    patching: Location | None
    ablation: Location | None
    ablation_p: Mapping[str, float]
    """p of each ablation, by method."""
    usable: int
    weak: int
    foil_answered: float | None
    """Share of pairs whose counterfactual prompt is answered by the foil."""
    reason: str | None
    """Why it is not located; null when it is."""
    split_half: float | None
    """How well the activation patching profile agrees with itself."""

    @property
    def located(self) -> bool:
        return self.reason is None


def reach_of_agreement(n_layers: int) -> int:
    """Blocks by which activation patching and ablation may differ and still mean the same place."""
    return max(1, round(0.1 * n_layers))


def place(effects: Effects, matched: Effects | None, config: LocateConfig) -> Placed:
    """Applies the rule to the pairs of one kind; `matched`: those of its matched control."""
    usable = effects.usable()
    weak = len(effects.items) - len(usable.items)
    if not usable.items:
        why = "no pair was intervened on" if not effects.items else f"each of {weak} pairs is {WEAK}"
        return Placed(None, None, {}, 0, weak, None, why, None)
    table = site_table(usable, "denoise")
    n_clusters = int(np.isfinite(table).all(axis=1).sum())
    share = cluster_share((effects.raw["foil"] < 0).tolist(), effects.clusters)
    patching = _location(table, {name: site_table(usable, name) for name in CONTROLS}, usable, config, len(SITES))
    ablation, ablation_p = _ablated(usable, matched, config)
    reason = _why_not(patching, ablation, ablation_p, n_clusters, share.low, effects.n_layers)
    agrees = split_half(table, seed=config.seed).value if n_clusters >= 2 else None
    return Placed(patching, ablation, ablation_p, len(usable.items), weak, share.value, reason, agrees)


def order(
    knowledge: tuple[Effects, Placed],
    reasoning: tuple[Effects, Placed],
    matched: Mapping[str, Effects | None],
    config: LocateConfig,
) -> dict[str, Any]:
    """The `order` of summary.json: depth(reasoning) − depth(retrieval), matched controls subtracted where there are any."""
    empty = {"difference": None, "interval": None, "p": None, "verdict": "undetermined"}
    for name, (_, placed) in (("knowledge", knowledge), ("reasoning", reasoning)):
        if placed.patching is None:
            return {**empty, "reason": f"{name} can't be placed: {placed.reason}"}
    tables = {
        name: _with_controls(group.usable(), config)
        for name, (group, _) in (("knowledge", knowledge), ("reasoning", reasoning))
    }
    raw = _difference(tables, knowledge[0], reasoning[0], config)
    subtracted = {name: dict(controls) for name, (_, controls) in tables.items()}
    has = {name: control for name, control in matched.items() if control is not None and control.usable().items}
    for name, (effects, controls) in tables.items():
        size = len(effects)
        dealt = (
            dealt_out(site_table(has[name].usable(), "denoise"), size, stable_seed(config.seed, name, "matched"))
            if name in has
            else np.zeros_like(effects)
        )
        subtracted[name] = {**controls, "matched": dealt}
    adjusted = _difference(
        {name: (tables[name][0], subtracted[name]) for name in tables}, knowledge[0], reasoning[0], config
    )
    verdict = ORDERS.get(adjusted.verdict, adjusted.verdict)
    unplaced = [
        name for name, (_, placed) in (("knowledge", knowledge), ("reasoning", reasoning)) if not placed.located
    ]
    reason = None
    if unplaced:
        verdict, reason = (
            "undetermined",
            f"{' and '.join(unplaced)} {'is' if len(unplaced) == 1 else 'are'} not located",
        )
    elif verdict == "undetermined":
        reason = "the interval of the difference neither leaves out 0 nor lies within ±0.05 of it"
    explained = 1 - adjusted.difference / raw.difference if has and abs(raw.difference) > 1e-9 else None
    return {
        "difference": _number(adjusted.difference),
        "interval": _pair(adjusted.low, adjusted.high),
        "interval90": _pair(adjusted.low90, adjusted.high90),
        "p": adjusted.p,
        "verdict": verdict,
        "reason": reason,
        "raw": {"difference": _number(raw.difference), "interval": _pair(raw.low, raw.high), "p": raw.p},
        "explained_by_controls": _number(explained),
        "subtracted": sorted(has),
        "n_clusters": {"knowledge": adjusted.n_clusters_a, "reasoning": adjusted.n_clusters_b},
        "definition": f"depth of reasoning − depth of retrieval, {LOCATED} denoising; {adjusted.method}",
    }


def placed_text(placed: Placed) -> dict[str, Any]:
    """The causal fields of one kind of summary.json."""
    inter, ablated = placed.patching, placed.ablation
    located = None
    if placed.located and inter is not None and ablated is not None:
        located = {
            "layer": inter.layer,
            "depth": _number(inter.depth),
            "interval": _pair(inter.low_layer, inter.high_layer),
            "depth_interval": _pair(inter.low_depth, inter.high_depth),
            "p": max(inter.p, *placed.ablation_p.values()),
            "n": placed.usable,
            "clusters": inter.n_clusters,
            "component": LOCATED,
        }
    return {
        "located": located,
        "why_not_located": placed.reason,
        "pairs": {"usable": placed.usable, "weak": placed.weak, "foil_answered": _number(placed.foil_answered)},
        "patching": _instrument(inter, placed.reason) | {"split_half": _number(placed.split_half)},
        "ablation": _instrument(ablated, placed.reason) | {"p_by_method": dict(placed.ablation_p)},
    }


def _instrument(location: Location | None, reason: str | None) -> dict[str, Any]:
    if location is None:
        return {"layer": None, "reason": reason or "not measured"}
    return {
        "layer": location.layer,
        "depth": _number(location.depth),
        "interval": _pair(location.low_layer, location.high_layer),
        "peak": _number(location.peak),
        "p": location.p,
        "n": location.n_items,
        "clusters": location.n_clusters,
        "method": location.method,
    }


def _why_not(
    inter: Location | None,
    ablated: Location | None,
    ablation_p: Mapping[str, float],
    n_clusters: int,
    foil_low: float | None,
    n_layers: int,
) -> str | None:
    if inter is None:
        return "no cluster has all controls"
    if n_clusters < MIN_CLUSTERS:
        return f"its pairs fall into {n_clusters} clusters, {MIN_CLUSTERS} are needed"
    if foil_low is None or foil_low <= 0.5:
        return "the counterfactual prompts are not answered above chance, so what moves the answer may be luck"
    if inter.p > ALPHA:
        return f"no block's {LOCATED} restores the answer beyond every control (p = {inter.p:.3g})"
    missing = [name for name in METHODS if name not in ablation_p]
    if ablated is None or missing:
        return f"ablation could not be measured by {', '.join(missing) or 'any method'}"
    failed = [name for name, p in ablation_p.items() if p > ALPHA]
    if failed:
        return (
            f"no block's {LOCATED} costs more to ablate than a typical one's by {', '.join(failed)} ablation "
            f"(p = {max(ablation_p.values()):.3g})"
        )
    if inter.layer is None or ablated.layer is None:
        return "no block stands out"
    if abs(inter.layer - ablated.layer) > reach_of_agreement(n_layers):
        return f"activation patching singles out block {inter.layer}, ablation block {ablated.layer}"
    return None


def _ablated(
    usable: Effects, matched: Effects | None, config: LocateConfig
) -> tuple[Location | None, dict[str, float]]:
    tables = ablation_tables(usable)
    if not tables:
        return None, {}
    matched_tables = ablation_tables(matched.usable()) if matched is not None and matched.usable().items else {}
    p: dict[str, float] = {}
    controls_of: dict[str, dict[str, Table]] = {}
    for method, table in tables.items():
        if not np.isfinite(table).all(axis=1).any():
            continue
        controls_of[method] = {
            "typical block": np.repeat(np.median(table[:, 1:], axis=1, keepdims=True), table.shape[1], 1)
        }
        if method in matched_tables and np.isfinite(matched_tables[method]).all(axis=1).any():
            seed = stable_seed(config.seed, method, "matched")
            controls_of[method]["matched"] = dealt_out(matched_tables[method], len(table), seed)
        p[method] = _location(table, controls_of[method], usable, config, 1).p
    if not p:
        return None, {}
    names = set.intersection(*(set(by_name) for by_name in controls_of.values()))
    mean = np.mean([tables[method] for method in controls_of], axis=0)
    controls = {name: np.mean([by_name[name] for by_name in controls_of.values()], axis=0) for name in sorted(names)}
    return _location(mean, controls, usable, config, 1), p


def _location(
    table: Table, controls: Mapping[str, Table], usable: Effects, config: LocateConfig, sites: int
) -> Location:
    return locate_profile(
        table,
        controls,
        draws=config.draws,
        permutations=config.draws,
        seed=config.seed,
        n_items=len(usable.items),
        sites=sites,
    )


def _with_controls(usable: Effects, config: LocateConfig) -> tuple[Table, dict[str, Table]]:
    return site_table(usable, "denoise"), {name: site_table(usable, name) for name in CONTROLS}


def _difference(
    tables: Mapping[str, tuple[Table, Mapping[str, Table]]],
    knowledge: Effects,
    reasoning: Effects,
    config: LocateConfig,
) -> Any:
    knowledge_clusters = list(dict.fromkeys(knowledge.usable().clusters))
    reasoning_rows = {name: row for row, name in enumerate(dict.fromkeys(reasoning.usable().clusters))}
    shared = [(row, reasoning_rows[name]) for row, name in enumerate(knowledge_clusters) if name in reasoning_rows]
    (a, a_controls), (b, b_controls) = tables["knowledge"], tables["reasoning"]
    return depth_difference(
        a, a_controls, b, b_controls, shared,
        draws=config.draws, permutations=config.draws, seed=config.seed, sites=len(SITES),
    )  # fmt: skip


def _pair(low: float | None, high: float | None) -> list[float] | None:
    return None if low is None or high is None else [low, high]


def _number(value: float | None) -> float | None:
    return None if value is None or not np.isfinite(value) else float(value)
