"""Effects of the windows of one cell: ratios of cluster means of the shift of the logit difference, redone in any draw."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float, Int

Window = tuple[int, int]
"""First and last block, edited together."""


@dataclass(frozen=True)
class WindowEffects:
    """What editing windows of one cell did to some pairs."""

    n_layers: int
    windows: tuple[Window, ...]
    denoise: Float[np.ndarray, "pair window"]
    """Logits by which the counterfactual run moved towards the clean one."""
    noise: Float[np.ndarray, "pair window"]
    """Logits by which the clean run moved towards the counterfactual one."""
    difference: Float[np.ndarray, " pair"]
    """Logit difference of the clean run minus that of the counterfactual one: what an effect of 1 is."""
    clusters: Int[np.ndarray, " pair"]
    """Entity of each pair, as codes from 0."""

    @cached_property
    def whole(self) -> int:
        """Index of the widest window."""
        widths = [last - first for first, last in self.windows]
        return int(np.argmax(widths))

    @cached_property
    def start(self) -> int:
        """First block of the whole cell."""
        return self.windows[self.whole][0]

    def effects(self, weights: Float[np.ndarray, "draw cluster"] | None = None) -> Float[np.ndarray, "draw window"]:
        """Mean of denoise and noise; `weights`: how often each cluster was drawn, None: each once."""
        return (self.ratio(self.denoise, weights) + self.ratio(self.noise, weights)) / 2

    def ratio(
        self, shift: Float[np.ndarray, "pair window"], weights: Float[np.ndarray, "draw cluster"] | None = None
    ) -> Float[np.ndarray, "draw window"]:
        """Ratio of cluster means of a shift and of the whole difference."""
        n_clusters = int(self.clusters.max()) + 1
        if weights is None:
            weights = np.ones((1, n_clusters))
        top, bottom = cluster_means(shift, self.clusters), cluster_means(self.difference[:, None], self.clusters)
        with np.errstate(invalid="ignore", divide="ignore"):
            return (weights @ top) / (weights @ bottom)

    def of_clusters(self) -> Float[np.ndarray, "cluster window"]:
        """The effect as a mean over clusters: of each what it pulls (its influence on the ratio), added to the effect of all.

        Their mean is the effect, their standard error that of the ratio to first order: what a test with a sign a cluster takes.
        """
        whole = self.effects()
        size = cluster_means(self.difference[:, None], self.clusters)
        shift = cluster_means((self.denoise + self.noise) / 2, self.clusters)
        pulled: np.ndarray = whole + (shift - whole * size) / size.mean()
        return pulled

    def index(self, window: Window) -> int | None:
        """Where a window stands, if it was measured."""
        return self.windows.index(window) if window in self.windows else None


def cluster_means(
    values: Float[np.ndarray, "pair column"], clusters: Int[np.ndarray, " pair"]
) -> Float[np.ndarray, "cluster column"]:
    """Mean over the pairs of each cluster."""
    n_clusters = int(clusters.max()) + 1
    sums = np.zeros((n_clusters, values.shape[1]))
    np.add.at(sums, clusters, values)
    return sums / np.bincount(clusters, minlength=n_clusters)[:, None]


@dataclass(frozen=True)
class Curves:
    """Cumulative effects of a cell over blocks, by linear interpolation between the windows that were measured."""

    up: Float[np.ndarray, "draw block"]
    """Of the window from the cell's first block up to this one."""
    down: Float[np.ndarray, "draw block"]
    """Of the window from this block to the last one."""

    @cached_property
    def gained(self) -> Float[np.ndarray, "draw block"]:
        """How much of the whole effect is gained at each block: mean of both curves' steps. Sums to the whole effect."""
        from_below = np.diff(self.up, axis=1, prepend=0.0)
        from_above = -np.diff(self.down, axis=1, append=0.0)
        return (from_below + from_above) / 2


def curves_of(effects: WindowEffects, values: Float[np.ndarray, "draw window"]) -> Curves:
    """The cumulative curves of a cell from the effects of its windows; 0 before its first block."""
    first, last = effects.start, effects.n_layers - 1
    nothing = np.zeros(len(values))
    up_at = {end: values[:, k] for k, (start, end) in enumerate(effects.windows) if start == first}
    down_at = {start: values[:, k] for k, (start, end) in enumerate(effects.windows) if end == last}
    # No block adds nothing: without these ends what isn't measured would all be gained at the outermost blocks.
    up = _interpolated({first - 1: nothing, **up_at}, first, last)
    down = _interpolated({**down_at, last + 1: nothing}, first, last)
    pad = np.zeros((len(values), first))
    return Curves(np.concatenate([pad, up], axis=1), np.concatenate([pad + down[:, :1], down], axis=1))


def _interpolated(
    known: dict[int, Float[np.ndarray, " draw"]], first: int, last: int
) -> Float[np.ndarray, "draw block"]:
    places = sorted(known)
    columns = np.stack([known[place] for place in places])
    return np.stack([_between(places, columns, block) for block in range(first, last + 1)], axis=1)


def _between(places: Sequence[int], columns: Float[np.ndarray, "place draw"], block: int) -> Float[np.ndarray, " draw"]:
    right = int(np.searchsorted(places, block))
    if places[right] == block:
        return columns[right]
    share = (block - places[right - 1]) / (places[right] - places[right - 1])
    mixed: np.ndarray = columns[right - 1] * (1 - share) + columns[right] * share
    return mixed


def inside(windows: Sequence[Window]) -> Bool[np.ndarray, "inner outer"]:
    """Whether a window lies inside another one that is wider."""
    first = np.array([window[0] for window in windows])
    last = np.array([window[1] for window in windows])
    within = (first[:, None] >= first[None]) & (last[:, None] <= last[None])
    return within & ((last - first)[:, None] < (last - first)[None])
