"""Which cells of a family count: how large the whole effect is, whether it beats a third answer's pieces, what its curves say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from strata.experiments.locate.causal.family_measurements import FamilyMeasurements, WindowShifts
from strata.experiments.results.families import CellResult, Reading
from strata.experiments.results.reasons import NotCounted
from strata.experiments.results.record import Measured
from strata.experiments.statistics.few_cluster_correction import stretch
from strata.experiments.statistics.holm import holm
from strata.experiments.statistics.max_t import max_t_sign_flip
from strata.experiments.statistics.significance import ALPHA
from strata.experiments.statistics.window_effects import WindowEffects, cluster_means, curves_of
from strata.probes.interventions.cells import Cell
from strata.probes.statistics.bootstrap import MIN_CLUSTERS

LEAST_EFFECT = 0.25
"""Lower bound of the whole cell's effect from which on it counts."""
CUT = 0.25
"""Size of a cut from which on a cell's parts don't simply add up."""


@dataclass(frozen=True)
class Draws:
    """How often each cluster is drawn; row 0 is every cluster once."""

    clusters: Int[np.ndarray, " pair"]
    weights: Float[np.ndarray, "draw cluster"]

    @property
    def of_pairs(self) -> Float[np.ndarray, "draw pair"]:
        return self.weights[:, self.clusters]

    def measured(self, values: Float[np.ndarray, " draw"]) -> Measured:
        """A value and its 95 % interval over draws, widened for few clusters."""
        value, drawn = float(values[0]), values[1:][np.isfinite(values[1:])]
        n_clusters = self.weights.shape[1]
        if n_clusters < MIN_CLUSTERS or len(drawn) == 0:
            return Measured(value=value)
        low, high = np.quantile(drawn, (0.025, 0.975))
        wider = stretch(n_clusters)
        return Measured(
            value=value, interval=(value + wider * (float(low) - value), value + wider * (float(high) - value))
        )


def drawn_clusters(clusters: Int[np.ndarray, " pair"], *, draws: int, seed: int) -> Draws:
    """The clusters as they are, and `draws` resamples of them."""
    n_clusters = int(clusters.max()) + 1
    rng = np.random.default_rng(seed)
    picks = rng.multinomial(n_clusters, np.full(n_clusters, 1 / n_clusters), size=draws).astype(float)
    return Draws(clusters, np.concatenate([np.ones((1, n_clusters)), picks]))


def window_effects(measured: FamilyMeasurements, cell: Cell, clusters: Int[np.ndarray, " pair"]) -> WindowEffects:
    table = measured.effects[cell]
    return WindowEffects(
        measured.n_layers, tuple(table.windows), table.values["denoise"], table.values["noise"],
        measured.clean - measured.foil, clusters,
    )  # fmt: skip


def cell_results(
    measured: FamilyMeasurements, effects: Mapping[Cell, WindowEffects], draws: Draws, *, same_last: bool, seed: int
) -> dict[Cell, CellResult]:
    """Every cell that was measured. `same_last`: the last token is the same in both prompts of every pair, so that all attention
    there together restores the clean run in any model: `move` counts, and only where in it says something."""
    values = {cell: of_cell.effects(draws.weights) for cell, of_cell in effects.items()}
    wholes = {cell: draws.measured(values[cell][:, of_cell.whole]) for cell, of_cell in effects.items()}
    p = _install_p(measured, effects, seed)
    results: dict[Cell, CellResult] = {}
    for cell, of_cell in effects.items():
        installed = measured.installs.get(cell)
        why_not = _why_not(wholes[cell], p.get(cell), always=cell == "move" and same_last)
        curves = curves_of(of_cell, values[cell])
        cut, reading = _reading(of_cell, values[cell], draws)
        results[cell] = CellResult(
            effect=wholes[cell],
            denoise=draws.measured(of_cell.ratio(of_cell.denoise, draws.weights)[:, of_cell.whole]),
            noise=draws.measured(of_cell.ratio(of_cell.noise, draws.weights)[:, of_cell.whole]),
            necessity=_lost(measured, cell, of_cell, draws),
            install=None if installed is None else _whole_install(installed, of_cell, draws),
            install_p=p.get(cell),
            counts=why_not is None,
            why_not=why_not,
            reading=reading if why_not is None else None,
            cut=cut if why_not is None else None,
            profile=tuple(float(gain) for gain in curves.gained[0]),
        )
    return results


def is_undecided(cell: CellResult) -> bool:
    """A large effect that isn't shown to be the answer's own, nor shown not to be."""
    if cell.why_not != "not-installed" or cell.install is None:
        return False
    return cell.install.interval is None or cell.install.interval[1] >= LEAST_EFFECT


def counted_draws(result: CellResult, whole: Float[np.ndarray, " draw"], *, always: bool) -> Bool[np.ndarray, " draw"]:
    """In which draws a cell counts: its lower end lies as far below the draw's effect as below that of the pairs as they are."""
    if always or result.effect is None or result.effect.interval is None:
        return np.full(len(whole), result.counts)
    if result.install_p is not None and result.install_p > ALPHA:
        return np.zeros(len(whole), dtype=bool)
    counts: np.ndarray = whole - (result.effect.value - result.effect.interval[0]) >= LEAST_EFFECT
    counts[0] = result.counts
    return counts


def beyond_third_answer(installed: WindowShifts, effects: WindowEffects) -> tuple[list[int], np.ndarray, np.ndarray]:
    """(windows by index into the effects', pairs that have a donor, denoising effect beyond the donor's in logits)."""
    donated = installed.values["donated"]
    rows = np.isfinite(donated).all(axis=1)
    columns = [effects.windows.index(window) for window in installed.windows]
    return columns, rows, effects.denoise[rows][:, columns] - donated[rows]


def _install_p(measured: FamilyMeasurements, effects: Mapping[Cell, WindowEffects], seed: int) -> dict[Cell, float]:
    p: dict[Cell, float] = {}
    for cell, of_cell in effects.items():
        installed = measured.installs.get(cell)
        if installed is None:
            continue
        _, rows, beyond = beyond_third_answer(installed, of_cell)
        codes = _recoded(of_cell.clusters[rows])
        if len(codes) and codes.max() >= 1:
            size = float(of_cell.difference.mean())
            p[cell] = max_t_sign_flip(
                cluster_means(beyond, codes) / size, draws=2_000, seed=seed, alternative="greater"
            ).p
    return dict(zip(p, holm(list(p.values())), strict=True))


def _whole_install(installed: WindowShifts, effects: WindowEffects, draws: Draws) -> Measured | None:
    columns, rows, beyond = beyond_third_answer(installed, effects)
    if effects.whole not in columns or not rows.any():
        return None
    shift = np.zeros(len(rows))
    shift[rows] = beyond[:, columns.index(effects.whole)]
    return draws.measured(_ratio(shift, np.where(rows, effects.difference, 0.0), draws))


def _lost(measured: FamilyMeasurements, cell: Cell, effects: WindowEffects, draws: Draws) -> Measured | None:
    table = measured.necessity.get(cell)
    whole = effects.windows[effects.whole]
    return None if table is None or whole not in table.windows else lost_share(measured, table, whole, draws)


def lost_share(
    measured: FamilyMeasurements, table: WindowShifts, window: tuple[int, int], draws: Draws
) -> Measured | None:
    """Share of the margin over unrelated answers that is lost without a window's own pieces."""
    lost = table.values["lost"][:, table.windows.index(window)]
    rows = np.isfinite(lost) & np.isfinite(measured.margin)
    if not rows.any():
        return None
    return draws.measured(_ratio(np.where(rows, lost, 0.0), np.where(rows, measured.margin, 0.0), draws))


def _ratio(top: np.ndarray, bottom: np.ndarray, draws: Draws) -> Float[np.ndarray, " draw"]:
    both = cluster_means(np.stack([top, bottom], axis=1), draws.clusters)
    sums = draws.weights @ both
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio: np.ndarray = sums[:, 0] / sums[:, 1]
    return ratio


def _why_not(whole: Measured, install_p: float | None, *, always: bool) -> NotCounted | None:
    if always:
        return None
    low = whole.value if whole.interval is None else whole.interval[0]
    if low < LEAST_EFFECT:
        return "weak-effect"
    return "not-installed" if install_p is not None and install_p > ALPHA else None


def _reading(
    effects: WindowEffects, values: Float[np.ndarray, "draw window"], draws: Draws
) -> tuple[Measured | None, Reading | None]:
    """The largest cut of the cell in two: do the parts do more together than one by one, or each alone as much as both?"""
    curves = curves_of(effects, values)
    first, last = effects.start, effects.n_layers - 1
    if last == first:
        return None, "additive"
    with np.errstate(invalid="ignore", divide="ignore"):
        cuts = (curves.up[:, first:last] + curves.down[:, first + 1 :]) / values[:, effects.whole, None] - 1
    largest = int(np.argmax(np.abs(np.nan_to_num(cuts[0]))))
    cut = draws.measured(cuts[:, largest])
    low, high = cut.interval or (cut.value, cut.value)
    return cut, "in-series" if low > CUT else "together" if high < -CUT else "additive"


def _recoded(codes: Int[np.ndarray, " pair"]) -> Int[np.ndarray, " pair"]:
    return np.unique(codes, return_inverse=True)[1] if len(codes) else codes
