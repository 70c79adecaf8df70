"""From shifts of logit differences to normalised effects, weak pairs set aside, pooled by cluster."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from strata.experiments.items.alignment import EncodedItem
from strata.experiments.locate.causal.intervene import ablation_name, line_name
from strata.experiments.locate.causal.lines import LOCATED
from strata.experiments.locate.questions import entity_of
from strata.experiments.statistics.cluster_profiles import cluster_profiles
from strata.probes.causal.ablation import METHODS, Ablation
from strata.probes.causal.activation_patching import CONTROLS, Line, Measure
from strata.probes.causal.scores import LEAST_DIFFERENCE

WEAK = f"a weak pair: clean and foil run differ by less than {LEAST_DIFFERENCE:g} logit"
SITES = ("spans", "last")
"""Columns of a site table: all named positions of the question together, then the last one."""

Table = Float[np.ndarray, "cluster site_block"]


@dataclass(frozen=True)
class Effects:
    """The measurements of some pairs, one row a pair."""

    items: tuple[EncodedItem, ...]
    raw: Mapping[str, Float[np.ndarray, "item ..."]]
    """As `intervene` stores them."""
    n_layers: int

    @property
    def difference(self) -> Float[np.ndarray, " item"]:
        """LD_clean − LD_foil, what an effect of 1 is."""
        return self.raw["clean"] - self.raw["foil"]

    @property
    def strong(self) -> Bool[np.ndarray, " item"]:
        return self.difference >= LEAST_DIFFERENCE

    @property
    def clusters(self) -> list[str]:
        return [entity_of(encoded_item.item) for encoded_item in self.items]

    def of(self, rows: Sequence[int]) -> Effects:
        """The same for some of the pairs."""
        index = np.asarray(rows, dtype=int)
        return Effects(
            tuple(self.items[row] for row in rows),
            {name: values[index] for name, values in self.raw.items()},
            self.n_layers,
        )

    def usable(self) -> Effects:
        return self.of(np.flatnonzero(self.strong).tolist())

    def shift(self, line: Line) -> Float[np.ndarray, "item layer"] | None:
        return self.raw.get(line_name(line))

    def drop(self, ablation: Ablation, what: str = "drop") -> Float[np.ndarray, "item layer"] | None:
        return self.raw.get(ablation_name(ablation, what))

    def scale(self, name: str) -> Float[np.ndarray, " item"]:
        """What 1 is for a stored map: the whole difference, or half of it, the answer's share, for what is removed."""
        return self.difference if name.partition("/")[0] in ("patching", "attribution") else self.difference / 2

    def pooled(self, name: str) -> tuple[Table, list[int]]:
        """(effects by cluster, pairs behind them) of a stored map."""
        values = self.raw[name]
        scale = np.ones(len(values)) if "/wrong/" in name else self.scale(name)
        there = np.flatnonzero(np.isfinite(values).any(axis=1)).tolist()
        if not there:
            return np.zeros((0, values.shape[1])), []
        names = [self.clusters[row] for row in there]
        # A window doesn't fit behind the last blocks: those columns are empty for everyone.
        filled = np.where(np.isfinite(values[there]), values[there], 0.0)
        table = cluster_profiles(filled, scale[there], names)
        table[:, ~np.isfinite(values[there]).any(axis=0)] = np.nan
        return table, there


def replaced_at(encoded_item: EncodedItem, position: str) -> bool:
    """Whether the pair's prompts have different tokens at this very position: block 0 there is token identity."""
    place = encoded_item.prompt.positions.get(position)
    return (
        place is not None
        and encoded_item.foil_prompt is not None
        and encoded_item.prompt.ids[place] != encoded_item.foil_prompt.ids[place]
    )


def site_table(effects: Effects, measure: Measure) -> Table:
    """Effects of the located component by cluster: the blocks at all named positions together, then those at `last`.

    Block 0 at a replaced token says which token it was, and counts nothing. A control that a pair can't have (no third
    answer in its batch) is filled with the largest of its other controls.
    """
    names = sorted(
        {name.split("/")[3] for name in effects.raw if name.startswith(f"patching/denoise/{LOCATED}/")} - {"all"}
    )
    numerators = np.zeros((len(effects.items), len(SITES), effects.n_layers))
    for position in names:
        values = _filled(effects, measure, position)
        if values is None:
            continue
        for row, encoded_item in enumerate(effects.items):
            if replaced_at(encoded_item, position):
                values[row, 0] = 0.0
        numerators[:, SITES.index("last" if position == "last" else "spans")] += values
    flat = numerators.reshape(len(effects.items), -1)
    return cluster_profiles(flat, effects.difference, effects.clusters)


def _filled(effects: Effects, measure: Measure, position: str) -> Float[np.ndarray, "item layer"] | None:
    own = effects.shift(Line(measure, LOCATED, position))
    if own is None and measure == "denoise":
        return None
    shape = (len(effects.items), effects.n_layers)
    own = np.full(shape, np.nan) if own is None else own.copy()
    if measure in CONTROLS:
        others = [effects.shift(Line(other, LOCATED, position)) for other in CONTROLS]
        stacked = np.stack([np.full(shape, np.nan) if control is None else control for control in others])
        largest = np.where(np.isfinite(stacked), stacked, -np.inf).max(axis=0)
        own = np.where(np.isfinite(own), own, np.where(np.isfinite(largest), largest, np.nan))
    # A pair without the position has no effect there.
    return np.where(np.isfinite(own), own, 0.0)


def ablation_tables(effects: Effects) -> dict[str, Table]:
    """By method: the normalised drop of the located component by cluster; block 0 counts nothing (see `site_table`)."""
    tables: dict[str, Table] = {}
    for method in METHODS:
        name = ablation_name(Ablation(method, LOCATED), "drop")
        if name in effects.raw and np.isfinite(effects.raw[name]).all(axis=1).any():
            table, _ = effects.pooled(name)
            table[:, 0] = 0.0
            tables[method] = table
    return tables


def dealt_out(table: Table, n_clusters: int, seed: int) -> Table:
    """A control kind's clusters dealt out to the clusters of another kind in a shuffled round.

    So its spread between clusters enters the test, as that of a paired control would.
    """
    whole = table[np.isfinite(table).all(axis=1)]
    order = np.random.default_rng(seed).permutation(len(whole))
    return whole[order[np.arange(n_clusters) % len(whole)]]


def stable_seed(*parts: object) -> int:
    """A seed that belongs to a name, whatever else is computed before it."""
    return int.from_bytes(hashlib.sha256(" ".join(map(str, parts)).encode()).digest()[:6], "big")
