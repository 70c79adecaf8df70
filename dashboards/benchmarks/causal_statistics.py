"""How long do the intervals and the nulls of causal profiles take, against the time they are allowed?"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from strata.dashboards.benchmarks.row import BenchmarkRow
from strata.experiments.statistics import cluster_bootstrap, cluster_profiles, depth_difference

ITEMS, CLUSTERS, LAYERS = 1_000, 200, 81
DRAWS, PERMUTATIONS = 10_000, 1_000
BOOTSTRAP_SECONDS, PERMUTATION_SECONDS = 5.0, 60.0
CONTROLS = ("random_donor", "norm_matched_noise", "wrong_position")


def statistics_benchmark(*, seed: int = 0) -> list[BenchmarkRow]:
    """The bootstrap of one table of effects, and the depths of two kinds with their difference, interval and null."""
    rng = np.random.default_rng(seed)
    clusters = rng.integers(0, CLUSTERS, ITEMS).tolist()
    values = rng.normal(size=(ITEMS, LAYERS))

    def bootstrap() -> object:
        return cluster_bootstrap(values, clusters, draws=DRAWS, seed=seed)

    tables = rng.normal(size=(2, 1 + len(CONTROLS), ITEMS, LAYERS)) * 0.3
    for side, block in enumerate((30, 50)):
        tables[side, 0, :, block] += 1.0

    def pipeline() -> object:
        sides = [[cluster_profiles(table, np.ones(ITEMS), clusters) for table in side] for side in tables]
        (a, *a_controls), (b, *b_controls) = sides
        return depth_difference(
            a, dict(zip(CONTROLS, a_controls, strict=True)), b, dict(zip(CONTROLS, b_controls, strict=True)),
            draws=DRAWS, permutations=PERMUTATIONS, seed=seed,
        )  # fmt: skip

    size = f"{ITEMS} items in {CLUSTERS} clusters × {LAYERS} layers"
    return [
        _timed("cluster bootstrap", bootstrap, BOOTSTRAP_SECONDS, f"{DRAWS} draws, {size}"),
        _timed(
            "difference of depths with its permutation null", pipeline, PERMUTATION_SECONDS,
            f"{PERMUTATIONS} permutations of the whole rule and {DRAWS} bootstrap draws, {size}, "
            f"{len(CONTROLS)} controls on each side",
        ),
    ]  # fmt: skip


def _timed(name: str, work: Callable[[], object], allowed: float, note: str) -> BenchmarkRow:
    began = time.perf_counter()
    work()
    took = time.perf_counter() - began
    note += f"; the reference is the time allowed, {allowed:.0f} s"
    return BenchmarkRow(name, took, allowed, took / allowed, 1.0, took <= allowed, note)
