"""How long do the intervals of effects and the whole rule of places take, against the time they are allowed?"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from strata.dashboards.benchmarks.benchmark_row import BenchmarkRow
from strata.experiments.locate.causal.cell_evidence import drawn_clusters
from strata.experiments.statistics.places import CellEvidence, place_draws
from strata.experiments.statistics.window_effects import WindowEffects
from strata.probes.interventions.cells import CELLS
from strata.probes.statistics.bootstrap import cluster_bootstrap

ITEMS, CLUSTERS, LAYERS = 1_000, 200, 81
DRAWS, PLACE_DRAWS, PAIRS, WIDEST = 10_000, 1_000, 48, 3
BOOTSTRAP_SECONDS, PLACE_SECONDS = 5.0, 10.0


def statistics_benchmark(*, seed: int = 0) -> list[BenchmarkRow]:
    """The bootstrap of one table of effects, and a family's place with its interval."""
    rng = np.random.default_rng(seed)
    clusters = rng.integers(0, CLUSTERS, ITEMS).tolist()
    values = rng.normal(size=(ITEMS, LAYERS))

    def bootstrap() -> object:
        return cluster_bootstrap(values, clusters, draws=DRAWS, seed=seed)

    evidence = _evidence(rng, seed)
    windows = len(evidence[0].effects.windows)
    return [
        _timed(
            "cluster bootstrap", bootstrap, BOOTSTRAP_SECONDS,
            f"{DRAWS} draws, {ITEMS} items in {CLUSTERS} clusters × {LAYERS} layers",
        ),
        _timed(
            "place of a family", lambda: place_draws(evidence, 0.1), PLACE_SECONDS,
            f"the whole rule in {PLACE_DRAWS} draws of {PAIRS} pairs, {windows} windows in each of {len(CELLS)} cells",
        ),
    ]  # fmt: skip


def _evidence(rng: np.random.Generator, seed: int) -> list[CellEvidence]:
    """Every block of every cell adds a little, so that every draw has loci to choose from."""
    last = LAYERS - 1
    curves = [window for block in range(LAYERS) for window in ((0, block), (block, last))]
    inner = [(block, block + size - 1) for size in range(1, WIDEST + 1) for block in range(LAYERS - size + 1)]
    windows = tuple(dict.fromkeys([*curves, *inner]))
    drawn = drawn_clusters(np.arange(PAIRS), draws=PLACE_DRAWS, seed=seed)
    evidence = []
    for cell in CELLS:
        by_block = rng.exponential(size=(PAIRS, LAYERS))
        shift = np.stack([by_block[:, first : end + 1].sum(axis=1) for first, end in windows], axis=1)
        effects = WindowEffects(LAYERS, windows, shift, shift, by_block.sum(axis=1), drawn.clusters)
        slopes = rng.normal(0.1, 0.1, size=(PLACE_DRAWS + 1, len(windows)))
        evidence.append(CellEvidence(cell, effects, effects.effects(drawn.weights), slopes, np.zeros(len(windows))))
    return evidence


def _timed(name: str, work: Callable[[], object], allowed: float, note: str) -> BenchmarkRow:
    began = time.perf_counter()
    work()
    took = time.perf_counter() - began
    note += f"; the reference is the time allowed, {allowed:.0f} s"
    return BenchmarkRow(name, took, allowed, took / allowed, 1.0, took <= allowed, note)
