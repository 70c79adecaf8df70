"""Lines and maps of the interventions: means over clusters with intervals, and the same item by item."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float

from strata.experiments.items.schema import KINDS
from strata.experiments.locate.causal.effects import SITES, Effects, Table, dealt_out, site_table, stable_seed
from strata.experiments.locate.causal.lines import LOCATED
from strata.experiments.locate.config import LocateConfig
from strata.experiments.schema_1 import seeding_name
from strata.probes.causal.ablation import Ablation
from strata.probes.causal.activation_patching import CONTROLS
from strata.probes.statistics.bootstrap import MIN_CLUSTERS, multinomial_weights

Row = dict[str, Any]
NEUTRAL = "neutral text"
_METHOD = "ratio of sums by cluster, mean over clusters; cluster bootstrap, percentile, {} draws, 95%"
_POINTS = f"ratio of sums by cluster, mean over clusters; points only: fewer than {MIN_CLUSTERS} clusters"


def causal_curves(
    effects: Effects,
    matched: Mapping[str, Effects | None],
    damage: Mapping[Ablation, Float[np.ndarray, "text layer"]],
    config: LocateConfig,
) -> Iterator[Row]:
    """Rows of the curves table by kind and by family; a map that nobody in the group has gives none."""
    for kind, family, rows in groups_of(effects):
        group = effects.of(rows).usable()
        if not group.items:
            continue
        tables: dict[tuple[str, ...], tuple[Table, list[int]]] = {}
        for name in group.raw:
            if "/" in name:
                table, there = group.pooled(name)
                if there:
                    tables[_place(name)] = table, there
        tables |= _excess(group)
        if family is None:
            tables |= _specific(group, matched.get(kind), config)
            tables |= _beyond_damage(tables, damage)
        for (instrument, measure, component, position), estimates in _estimated(tables, group, config).items():
            for layer, (mean, low, high, n_items, n_clusters) in enumerate(estimates):
                if np.isfinite(mean):
                    yield {
                        "instrument": instrument, "measure": measure, "component": component or None, "kind": kind,
                        "family": family, "target": None, "scheme": "used", "position": position, "axis": "block",
                        "layer": layer, "mean": mean, "low": low, "high": high, "n_items": n_items,
                        "n_clusters": n_clusters,
                        "method": _METHOD.format(config.draws) if n_clusters >= MIN_CLUSTERS else _POINTS,
                    }  # fmt: skip
    yield from _damage_rows(damage)


def groups_of(effects: Effects) -> Iterator[tuple[str, str | None, list[int]]]:
    """(kind, None or family, rows)."""
    for kind in KINDS:
        members = [row for row, encoded_item in enumerate(effects.items) if encoded_item.item.kind == kind]
        if members:
            yield kind, None, members
            for family in sorted({effects.items[row].item.family for row in members}):
                yield kind, family, [row for row in members if effects.items[row].item.family == family]


def causal_profiles(effects: Effects) -> Iterator[dict[str, Any]]:
    """Columns of the profiles table for every usable pair: normalised effects, one batch of rows a map."""
    usable = effects.usable()
    keys = np.array([encoded_item.key for encoded_item in usable.items], dtype=object)
    for name, values in usable.raw.items():
        if not name.startswith(("patching/", "ablation/drop/")):
            continue
        instrument, measure, component, position = _place(name)
        ratio = values / usable.scale(name)[:, None]
        item, layer = np.nonzero(np.isfinite(ratio))
        n = len(item)
        if n:
            yield {
                "item": keys[item].tolist(), "instrument": [instrument] * n, "measure": [measure] * n,
                "component": [component] * n, "position": [position] * n, "layer": layer.tolist(),
                "value": ratio[item, layer].tolist(),
            }  # fmt: skip


def attribution_correlations(effects: Effects) -> list[dict[str, Any]]:
    """Pearson correlation of the first-order preview with the exact effect, over pairs × blocks."""
    usable = effects.usable()
    correlations = []
    for name, values in usable.raw.items():
        if not name.startswith("attribution/"):
            continue
        _, component, position = name.split("/")
        exact = usable.raw.get(f"patching/denoise/{component}/{position}/1")
        if exact is None:
            continue
        both = np.isfinite(values) & np.isfinite(exact)
        scale = usable.difference[:, None]
        a, b = (values / scale)[both], (exact / scale)[both]
        if len(a) > 2 and a.std() > 0 and b.std() > 0:
            r = float(np.corrcoef(a, b)[0, 1])
            correlations.append(
                {"component": component, "position": position, "correlation": r, "n": int(both.any(1).sum())}
            )
    return correlations


def _place(name: str) -> tuple[str, str, str, str]:
    """(instrument, measure, component, position) of a stored map."""
    parts = name.split("/")
    match parts[0]:
        case "patching":
            _, measure, component, position, window = parts
            return "patching", measure + _windowed(window), component, position
        case "ablation":
            _, what, method, component, window = parts
            return "ablation", ("wrong." if what == "wrong" else "") + method + _windowed(window), component, "question"
        case "knockout":
            return "knockout", f"window{parts[2]}", "attn_out", parts[1]
        case _:
            return "attribution", "denoise", parts[1], parts[2]


def _windowed(window: str) -> str:
    return "" if window == "1" else f".window{window}"


def _excess(group: Effects) -> dict[tuple[str, ...], tuple[Table, list[int]]]:
    """Denoising and controls of the located component, spans pooled; `excess` is filled in draw by draw."""
    tables: dict[tuple[str, ...], tuple[Table, list[int]]] = {}
    everyone = list(range(len(group.items)))
    for measure in ("denoise", *CONTROLS):
        table = site_table(group, measure)
        for site, part in zip(SITES, np.split(table, len(SITES), axis=1), strict=True):
            if site == "spans" and not np.any(part):
                continue
            tables["patching", f"pooled.{measure}", LOCATED, site] = part, everyone
    return tables


def _specific(
    group: Effects, matched: Effects | None, config: LocateConfig
) -> dict[tuple[str, ...], tuple[Table, list[int]]]:
    """Drops minus those of the matched control, its clusters dealt out to the kind's."""
    if matched is None or not matched.usable().items:
        return {}
    tables: dict[tuple[str, ...], tuple[Table, list[int]]] = {}
    control = matched.usable()
    for name in group.raw:
        if name.startswith("ablation/drop/") and name in control.raw:
            (own, there), (other, others) = group.pooled(name), control.pooled(name)
            if there and others and np.isfinite(other).all(axis=1).any():
                instrument, measure, component, position = _place(name)
                dealt = dealt_out(other, len(own), stable_seed(config.seed, seeding_name(name)))
                tables[instrument, f"specific.{measure}", component, position] = own - dealt, there
    return tables


def _beyond_damage(
    tables: Mapping[tuple[str, ...], tuple[Table, list[int]]],
    damage: Mapping[Ablation, Float[np.ndarray, "text layer"]],
) -> dict[tuple[str, ...], tuple[Table, list[int]]]:
    """What of each cluster's drop is left when the part that goes with general damage is taken out, across blocks."""
    remainders: dict[tuple[str, ...], tuple[Table, list[int]]] = {}
    for ablation, texts in damage.items():
        key = ("ablation", ablation.method, ablation.component, "question")
        if key not in tables:
            continue
        table, there = tables[key]
        harm = texts.mean(0) - texts.mean()
        if float(harm @ harm) > 0:
            slope = (table - table.mean(1, keepdims=True)) @ harm / float(harm @ harm)
            remainders["ablation", f"beyond_damage.{ablation.method}", ablation.component, "question"] = (
                table - slope[:, None] * harm,
                there,
            )
    return remainders


def _estimated(
    tables: Mapping[tuple[str, ...], tuple[Table, list[int]]], group: Effects, config: LocateConfig
) -> dict[tuple[str, ...], list[tuple[float, float | None, float | None, int, int]]]:
    """Mean and interval of every table; tables over the same clusters share one bootstrap."""
    together: dict[tuple[int, ...], list[tuple[str, ...]]] = defaultdict(list)
    for key, (_, there) in tables.items():
        together[tuple(there)].append(key)
    estimates: dict[tuple[str, ...], list[tuple[float, float | None, float | None, int, int]]] = {}
    for members, keys in together.items():
        wide = np.concatenate([tables[key][0] for key in keys], axis=1)
        whole = wide[np.isfinite(wide).any(axis=1)]
        width = group.n_layers
        means = whole.mean(0)
        bounds = _bounds(whole, config) if len(whole) >= MIN_CLUSTERS else None
        for number, key in enumerate(keys):
            at = slice(number * width, (number + 1) * width)
            low, high = (None, None) if bounds is None else (bounds[0][at], bounds[1][at])
            estimates[key] = _zipped(means[at], low, high, len(members), len(whole))
        for site in SITES:
            estimates |= _excess_of(keys, whole, site, width, len(members), config)
    return {key: value for key, value in estimates.items() if not key[1].startswith("pooled.")} | {
        (key[0], key[1].removeprefix("pooled."), key[2], key[3]): value
        for key, value in estimates.items()
        if key[1].startswith("pooled.") and key[3] == "spans"
    }


def _excess_of(
    keys: Sequence[tuple[str, ...]], whole: Table, site: str, width: int, n_items: int, config: LocateConfig
) -> dict[tuple[str, ...], list[tuple[float, float | None, float | None, int, int]]]:
    """Denoising minus the largest control, the maximum over the controls' means redone in every draw."""
    wanted = [("patching", f"pooled.{measure}", LOCATED, site) for measure in ("denoise", *CONTROLS)]
    if not all(key in keys for key in wanted):
        return {}
    parts = [whole[:, keys.index(key) * width : (keys.index(key) + 1) * width] for key in wanted]
    means = np.stack([part.mean(0) for part in parts])
    low = high = None
    if len(whole) >= MIN_CLUSTERS:
        drawn = np.stack([_drawn(part, config) for part in parts])
        excess = drawn[0] - drawn[1:].max(0)
        low, high = np.quantile(excess, (0.025, 0.975), axis=0)
    return {("patching", "excess", LOCATED, site): _zipped(means[0] - means[1:].max(0), low, high, n_items, len(whole))}


def _zipped(
    means: np.ndarray, low: np.ndarray | None, high: np.ndarray | None, n_items: int, n_clusters: int
) -> list[tuple[float, float | None, float | None, int, int]]:
    none = [None] * len(means)
    lows, highs = (none, none) if low is None or high is None else (low.tolist(), high.tolist())
    return [(float(m), a, b, n_items, n_clusters) for m, a, b in zip(means, lows, highs, strict=True)]


def _drawn(table: Table, config: LocateConfig) -> Float[np.ndarray, "draw layer"]:
    values = torch.from_numpy(np.ascontiguousarray(table))
    blocks = [
        (torch.from_numpy(w) @ values).numpy() for w in multinomial_weights(len(table), config.draws, config.seed)
    ]
    return np.concatenate(blocks) / len(table)


def _bounds(table: Table, config: LocateConfig) -> Float[np.ndarray, "two layer"]:
    return np.quantile(_drawn(table, config), (0.025, 0.975), axis=0)


def _damage_rows(damage: Mapping[Ablation, Float[np.ndarray, "text layer"]]) -> Iterator[Row]:
    for ablation, texts in damage.items():
        n = len(texts)
        for layer, values in enumerate(texts.T):
            yield {
                "instrument": "damage", "measure": ablation.method, "component": ablation.component, "kind": NEUTRAL, "family": None,
                "target": None, "scheme": "used", "position": "question", "axis": "block", "layer": layer,
                "mean": float(values.mean()), "low": None, "high": None, "n_items": n, "n_clusters": n,
                "method": "mean over neutral texts, nats a token",
            }  # fmt: skip
