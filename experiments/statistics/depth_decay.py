"""How does success fall with the number of steps? `success(d) = c (1 − p)^d` (2505.20296), by maximum likelihood, against flat.

`c` is what is lost once, `p` what each step loses. The log-likelihood is concave in `log c` and `log(1 − p)`, so a grid that closes in on
its best cell finds the maximum; many tables of counts are fitted at once, since every interval and null refits.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

_POINTS = 15
_ROUNDS = 11
_ROOM = 2.0
"""Of the old spacing, on either side of the best point."""
_TABLES = 256
"""Fitted together."""
_TAIL = 0.025


@dataclass(frozen=True)
class Decay:
    """Fits of several tables of counts."""

    start: Float[np.ndarray, " table"]
    """c; NaN where nothing succeeded."""
    lost: Float[np.ndarray, " table"]
    """p, of each step; NaN likewise."""
    log_likelihood: Float[np.ndarray, " table"]
    """In nats, without the binomial coefficients."""
    flat: Float[np.ndarray, " table"]
    """The same for one success rate at every depth."""

    @property
    def ratio(self) -> Float[np.ndarray, " table"]:
        """Twice the gain in log-likelihood over flat."""
        return np.maximum(0.0, 2 * (self.log_likelihood - self.flat))


def success(
    start: Float[np.ndarray, ...], lost: Float[np.ndarray, ...], depths: Float[np.ndarray, " depth"]
) -> Float[np.ndarray, "... depth"]:
    """c (1 − p)^d."""
    return np.asarray(start)[..., None] * (1 - np.asarray(lost)[..., None]) ** depths


def fit_decay(
    right: Float[np.ndarray, "table depth"],
    asked: Float[np.ndarray, "table depth"],
    depths: Float[np.ndarray, " depth"],
) -> Decay:
    """`right` of `asked` at each depth, table by table. 0 ≤ c, p ≤ 1."""
    parts = [
        _fit(right[begin : begin + _TABLES], asked[begin : begin + _TABLES], depths)
        for begin in range(0, len(right), _TABLES)
    ]
    return Decay(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


def _fit(
    right: Float[np.ndarray, "table depth"],
    asked: Float[np.ndarray, "table depth"],
    depths: Float[np.ndarray, " depth"],
) -> tuple[np.ndarray, ...]:
    low, high = np.zeros((len(right), 2)), np.ones((len(right), 2))
    rows = np.arange(len(right))
    best, log_likelihood = low, np.full(len(right), -np.inf)
    for _ in range(_ROUNDS):
        steps = np.linspace(0, 1, _POINTS)
        grid = low[:, None, :] + (high - low)[:, None, :] * steps[None, :, None]  # table, point, parameter
        start, lost = grid[:, :, None, 0], grid[:, None, :, 1]
        starts, losses = np.broadcast_arrays(start, lost)
        rates = success(starts, losses, depths)
        values = _log_likelihood(rates, right[:, None, None], asked[:, None, None]).reshape(len(right), -1)
        at = values.argmax(axis=1)
        log_likelihood = values[rows, at]
        best = np.stack([grid[rows, at // _POINTS, 0], grid[rows, at % _POINTS, 1]], axis=1)
        reach = _ROOM * (high - low) / (_POINTS - 1)
        low, high = np.clip(best - reach, 0, 1), np.clip(best + reach, 0, 1)
    none = right.sum(axis=1) == 0
    pooled = np.broadcast_to((right.sum(axis=1) / asked.sum(axis=1))[:, None], right.shape)
    flat = _log_likelihood(pooled, right, asked)
    return (
        np.where(none, np.nan, best[:, 0]), np.where(none, np.nan, best[:, 1]), np.maximum(log_likelihood, flat), flat,
    )  # fmt: skip


def _log_likelihood(
    rate: Float[np.ndarray, "... depth"], right: Float[np.ndarray, "... depth"], asked: Float[np.ndarray, "... depth"]
) -> Float[np.ndarray, ...]:
    """Of counts, in nats; −inf where what happened can't."""
    with np.errstate(divide="ignore", invalid="ignore"):
        hits = np.where(right > 0, right * np.log(rate), 0.0)
        misses = np.where(asked > right, (asked - right) * np.log1p(-rate), 0.0)
    return np.asarray((hits + misses).sum(axis=-1))


@dataclass(frozen=True)
class DecayTest:
    """What one set of items says."""

    start: float
    start_ends: tuple[float, float]
    lost: float
    lost_ends: tuple[float, float]
    """95 % percentile intervals, items resampled within depths."""
    control_lost: float
    """p of the control."""
    control_ends: tuple[float, float]
    beyond: float
    """p less that of the control."""
    beyond_ends: tuple[float, float]
    ratio: float
    """Likelihood ratio statistic against flat."""
    p_flat: float
    """Share of permutations of depths over items with at least this ratio."""
    deviance: float
    """Twice the log-likelihood that a rate of its own for every depth gains over the fit."""
    p_fit: float
    """Share of tables drawn from the fit with at least this deviance: small where success falls otherwise."""


def depth_decay(
    right: Bool[np.ndarray, " item"],
    control: Bool[np.ndarray, " item"],
    depth: Int[np.ndarray, " item"],
    *,
    draws: int,
    null_draws: int,
    seed: int,
) -> DecayTest | None:
    """`right` by depth beside a control of the same items; None where nothing of the one or the other succeeded.

    Items stand for themselves: none shares a cluster with another.
    """
    if not right.any() or not control.any():
        return None
    rng = np.random.default_rng(seed)
    levels, place = np.unique(depth, return_inverse=True)
    depths, asked = levels.astype(float), np.bincount(place).astype(float)
    of_depth = np.eye(len(levels))[place]
    point = fit_decay((right @ of_depth)[None], asked[None], depths)
    of_control = fit_decay((control @ of_depth)[None], asked[None], depths)
    weights = np.concatenate(
        [rng.multinomial(int(n), np.full(int(n), 1 / n), size=draws) for n in asked], axis=1
    )  # fmt: skip
    order = np.argsort(place, kind="stable")
    drawn = [
        fit_decay(weights @ (one[order, None] * of_depth[order]), _every(asked, draws), depths)
        for one in (right, control)
    ]
    permuted = np.stack([right[rng.permutation(len(right))] @ of_depth for _ in range(null_draws)])
    null = fit_decay(permuted, _every(asked, null_draws), depths)
    rates = success(point.start, point.lost, depths)[0]
    simulated = rng.binomial(asked.astype(int), rates, size=(null_draws, len(levels))).astype(float)
    deviance = _deviance((right @ of_depth)[None], asked[None], depths)[0]
    ratio = float(point.ratio[0])
    return DecayTest(
        start=float(point.start[0]),
        start_ends=_ends(drawn[0].start),
        lost=float(point.lost[0]),
        lost_ends=_ends(drawn[0].lost),
        control_lost=float(of_control.lost[0]),
        control_ends=_ends(drawn[1].lost),
        beyond=float(point.lost[0] - of_control.lost[0]),
        beyond_ends=_ends(drawn[0].lost - drawn[1].lost),
        ratio=ratio,
        p_flat=_p(null.ratio, ratio),
        deviance=float(deviance),
        p_fit=_p(_deviance(simulated, _every(asked, null_draws), depths), float(deviance)),
    )


def _deviance(
    right: Float[np.ndarray, "table depth"],
    asked: Float[np.ndarray, "table depth"],
    depths: Float[np.ndarray, " depth"],
) -> Float[np.ndarray, " table"]:
    whole = _log_likelihood(right / asked, right, asked)
    return np.maximum(0.0, 2 * (whole - fit_decay(right, asked, depths).log_likelihood))


def _every(asked: Float[np.ndarray, " depth"], tables: int) -> Float[np.ndarray, "table depth"]:
    return np.broadcast_to(asked, (tables, len(asked)))


def _ends(drawn: Float[np.ndarray, " draw"]) -> tuple[float, float]:
    """A draw in which nothing succeeds says nothing of how much each step loses."""
    low, high = np.nanquantile(drawn, (_TAIL, 1 - _TAIL))
    return float(low), float(high)


def _p(null: Float[np.ndarray, " draw"], value: float) -> float:
    """Rounding apart, equal values count."""
    return float((1 + (null >= value - 1e-9).sum()) / (1 + len(null)))
