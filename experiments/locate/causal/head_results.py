"""What single attention heads of `move` and `gather` carry, and how few of them carry it together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from strata.experiments.locate.causal.cell_evidence import Draws
from strata.experiments.locate.causal.family_measurements import FamilyMeasurements
from strata.experiments.results.families import Codes, HeadResult, HeadSet
from strata.experiments.statistics.answer_coding import Couples, coding_verdict, permutation_p, slopes
from strata.experiments.statistics.max_t import max_t_sign_flip
from strata.experiments.statistics.window_effects import cluster_means
from strata.probes.interventions.cells import Cell

_PERMUTATIONS = 499
_MOST_SHOWN = 12
"""Heads of a cell that the summary has: those with the largest effects."""


def strongest(heads: Sequence[HeadResult]) -> tuple[HeadResult, ...]:
    """Of each cell those of the largest effects; `heads` begins with them."""
    seen: Counter[Cell] = Counter()
    chosen = []
    for head in heads:
        seen[head.cell] += 1
        if seen[head.cell] <= _MOST_SHOWN:
            chosen.append(head)
    return tuple(chosen)


def head_results(measured: FamilyMeasurements, couples: Couples, draws: Draws, seed: int) -> tuple[HeadResult, ...]:
    """Every head of each cell that was measured, the strongest first; p by max-T over all of them."""
    results: list[HeadResult] = []
    for cell, heads in measured.heads.items():
        shifts = measured.head_shifts[cell]
        both = (shifts["denoise"] + shifts["noise"]) / 2
        by_cluster = cluster_means(both, draws.clusters)
        size = cluster_means((measured.clean - measured.foil)[:, None], draws.clusters)
        effects = (draws.weights @ by_cluster) / (draws.weights @ size)
        p = _p(by_cluster / size.mean(), seed)
        codes = _codes(measured, cell, couples, seed)
        for index in np.argsort(-effects[0], kind="stable"):
            donated = shifts.get("donated")
            results.append(
                HeadResult(
                    cell=cell, layer=heads[index][0], head=heads[index][1],
                    effect=draws.measured(effects[:, index]),
                    p=float(p[index]),
                    install=None if donated is None else _install(shifts["denoise"], donated, size, draws, index),
                    codes=codes[index] if codes else None,
                    attention=_attention(measured, cell, int(index)),
                )
            )  # fmt: skip
    return tuple(results)


def head_sets(measured: FamilyMeasurements, draws: Draws) -> tuple[HeadSet, ...]:
    """The smallest greedy set that on the pairs it was chosen on reaches most of what the longest one does."""
    sets: list[HeadSet] = []
    for cell, heads in measured.head_sets.items():
        shifts = measured.head_set_shifts[cell]
        both = (shifts["denoise"] + shifts["noise"]) / 2
        chosen_on = chosen_rows(len(measured.keys))
        of_choice = both[chosen_on].mean(axis=0) / (measured.clean - measured.foil)[chosen_on].mean()
        size = int(np.argmax(of_choice >= 0.9 * of_choice.max())) + 1
        held_out = np.where(chosen_on, 0.0, both[:, size - 1])
        whole = np.where(chosen_on, 0.0, measured.clean - measured.foil)
        sums = draws.weights @ cluster_means(np.stack([held_out, whole], axis=1), draws.clusters)
        with np.errstate(invalid="ignore", divide="ignore"):
            effect = draws.measured(sums[:, 0] / sums[:, 1])
        sets.append(
            HeadSet(cell=cell, heads=tuple(heads[:size]), effect_of_choice=float(of_choice[size - 1]), effect=effect)
        )
    return tuple(sets)


def chosen_rows(n_pairs: int) -> Float[np.ndarray, " pair"]:
    """Which pairs sets of heads are chosen on: every other one."""
    return np.arange(n_pairs) % 2 == 0


def _p(by_cluster: Float[np.ndarray, "cluster head"], seed: int) -> Float[np.ndarray, " head"]:
    """1 with a single cluster: its sign says nothing."""
    if len(by_cluster) < 2:
        return np.ones(by_cluster.shape[1])
    return max_t_sign_flip(by_cluster, draws=2_000, seed=seed, alternative="greater").p_by_block


def _codes(measured: FamilyMeasurements, cell: Cell, couples: Couples, seed: int) -> list[Codes]:
    if cell not in measured.head_cosines or not couples.testable:
        return []
    similarity = measured.head_cosines[cell][:, couples.left, couples.right]
    slope = slopes(similarity, couples)[0]
    p = permutation_p(similarity, couples, permutations=_PERMUTATIONS, seed=seed)
    return [
        Codes(slope=float(b), p=float(q), couples=couples.telling, verdict=coding_verdict(float(b), float(q)))
        for b, q in zip(slope, p, strict=True)
    ]


def _install(
    denoise: np.ndarray, donated: np.ndarray, size: Float[np.ndarray, "cluster one"], draws: Draws, index: int
) -> float | None:
    rows = np.isfinite(donated[:, index])
    if not rows.any():
        return None
    return float((denoise[rows, index] - donated[rows, index]).mean() / size.mean())


def _attention(measured: FamilyMeasurements, cell: Cell, index: int) -> float | None:
    if cell != "move" or measured.head_attention is None:
        return None
    return float(measured.head_attention[:, index].mean())
