"""How are thousands of ridge-penalised softmax regressions solved at once, exactly, when they share their features?

The minimiser lies in the span of the training rows, `W = A Z`, so a fit is its label x item coefficients `A` and needs
the features only through the kernel `G = Z Zᵀ`. In the metric that `G` induces the gradient is
`R = (P − Y)/n + λA`, read off without touching the features. Each iteration is one multiplication by `G`: L-BFGS in that
metric, preconditioned by the inverse of `λ + cG/n` on the leading eigenspace of `G` (c is the mean curvature of the
current softmax), an exact Newton step length along the direction, warm starts from the strongest penalty down.
The unpenalised intercept is the mean of `A`: the kernel carries a constant one, the penalty leaves the mean alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from jaxtyping import Float, Int
from torch import Tensor

TOLERANCE = 2e-7
"""Gap in nats that no held-out number notices at a penalty of `LOOSE_PENALTY` or more."""
LOOSE_PENALTY = 0.03
MEMORY = 6
RANK = 96
LINE_SEARCH_TRIES = 6
PATIENCE = 40
FIRST_PENALTY = 30.0
LONGEST_STEP = 3.2
"""Half a decade: of 720 random problems, separable ones among them, decades left 9 unsolved in float64 and half decades none."""
PROGRESS = 0.7
"""A fit whose gap has not fallen to this share of its best in `PATIENCE` iterations has met the limit of its precision."""


@dataclass(frozen=True)
class Kernel:
    """Inner products of the training rows of many problems, held as a Gram matrix or as thin features."""

    gram: Float[Tensor, "problem item item"] | None
    """`Z Zᵀ`; preferred when there are fewer items than twice the dimensions."""
    features: Float[Tensor, "problem item d_model"] | None
    """`Z` itself when it is thin; two thin products are then cheaper than one square one."""
    mask: Float[Tensor, "problem item"]
    """1 for a training row, 0 for padding (whose features are zero)."""

    @staticmethod
    def of(features: Float[Tensor, "problem item d_model"], mask: Float[Tensor, "problem item"]) -> Kernel:
        """The cheaper of both forms for centred, zero-padded features."""
        if features.shape[1] > 2 * features.shape[2]:
            return Kernel(None, features, mask)
        # Rounded once, from float64: sums rounded in float32 would give the kernel's null space a curvature of its own.
        wide = features.double()
        return Kernel(torch.bmm(wide, wide.mT).to(features.dtype), None, mask)

    def to(self, device: torch.device) -> Kernel:
        """The same on another device."""
        gram = None if self.gram is None else self.gram.to(device)
        features = None if self.features is None else self.features.to(device)
        return Kernel(gram, features, self.mask.to(device))

    def times(self, rows: Float[Tensor, "problem row item"]) -> Float[Tensor, "problem row item"]:
        """`rows · G`."""
        if self.gram is not None:
            return torch.bmm(rows, self.gram)
        assert self.features is not None
        return torch.bmm(torch.bmm(rows, self.features), self.features.mT)

    def trace(self) -> Float[Tensor, " problem"]:
        if self.gram is not None:
            return self.gram.diagonal(dim1=1, dim2=2).sum(1)
        assert self.features is not None
        return self.features.square().sum((1, 2))


@dataclass(frozen=True)
class Fit:
    """The optimum at one penalty for every problem and target."""

    penalty: float
    """λ of the objective."""
    coefficients: Float[Tensor, "problem target label item"]
    """`A`: the weights are `A Z`."""
    intercepts: Float[Tensor, "problem target label"]
    """`b`; −inf for labels that the training rows lack."""
    gap: Float[Tensor, "problem target"]
    """Estimated distance of the objective from its minimum, in nats (half the preconditioned squared gradient)."""
    gradient_norm: Float[Tensor, "problem target"]
    """Frobenius norm of the objective's gradient with respect to W."""
    iterations: int
    """Iterations until the slowest problem of the batch had converged."""

    def logits(self, cross: Float[Tensor, "problem test item"]) -> Float[Tensor, "problem target label test"]:
        """Logits of new rows from their inner products with the training rows."""
        problems, targets, labels, items = self.coefficients.shape
        flat = torch.bmm(self.coefficients.reshape(problems, targets * labels, items), cross.mT)
        return flat.view(problems, targets, labels, -1) + self.intercepts.unsqueeze(-1)


def solve_path(
    kernel: Kernel,
    labels: Int[Tensor, "problem target item"],
    n_labels: int,
    penalties: Sequence[float],
    *,
    tolerance: float = TOLERANCE,
    max_iterations: int = 400,
) -> list[Fit]:
    """Minimise `−(1/n) Σ log softmax(W z + b)[y] + (λ/2)‖W‖²` for all problems, targets and penalties.

    Fits come back in the order of `penalties`; they are solved from the strongest to the weakest, with others in between where
    two lie more than half a decade apart or the first is weak: a fit that starts far off may run away. `tolerance` is the
    estimated gap in nats at which a fit stops; below `LOOSE_PENALTY` it shrinks with the penalty, because
    `‖W − W*‖² ≤ 2 gap/λ`. A fit stops on its own, so its numbers don't depend on its batch.
    Rows must be centred per problem. Labels that a problem lacks are held at probability zero.
    """
    path = _Path(kernel, labels, n_labels)
    fits = {
        value: path.solve(value, 2 * allowed_gap(value, tolerance), max_iterations) for value in _way_down(penalties)
    }
    return [fits[value] for value in penalties]


def _way_down(penalties: Sequence[float]) -> list[float]:
    """The penalties from the strongest to the weakest, and what has to be solved between and before them."""
    wanted = sorted(set(penalties), reverse=True)
    way: list[float] = []
    for above, value in pairwise([max(FIRST_PENALTY, wanted[0]), *wanted]):
        n_steps = math.ceil(math.log(above / value) / math.log(LONGEST_STEP))
        way += [above * (value / above) ** (step / n_steps) for step in range(1, n_steps)]
        way.append(value)
    return way


def allowed_gap(penalty: float, tolerance: float = TOLERANCE) -> float:
    """The estimated gap at which a fit counts as finished."""
    return tolerance * min(1.0, penalty / LOOSE_PENALTY)


class _Path:
    """The state that one penalty hands to the next: coefficients, their logits and the curvature history."""

    def __init__(self, kernel: Kernel, labels: Int[Tensor, "problem target item"], n_labels: int) -> None:
        self.kernel = kernel
        problems, targets, items = labels.shape
        self.shape = (problems, targets, n_labels, items)
        dtype, device = kernel.mask.dtype, kernel.mask.device
        self.mask = kernel.mask.view(problems, 1, 1, items)
        self.count = kernel.mask.sum(1).view(problems, 1, 1, 1)
        self.weight = self.mask / self.count
        one_hot = torch.zeros(self.shape, dtype=dtype, device=device)
        one_hot.scatter_(2, labels.unsqueeze(2), 1.0)
        self.minus_target = one_hot * -self.weight
        self.vectors, self.values, self.tail = _leading_eigenspace(kernel)

        frequency = -self.minus_target.sum(-1, keepdim=True)
        present = frequency > 0
        self.absent: Float[Tensor, "problem target label 1"] | None = None
        if not bool(present.all()):
            self.absent = torch.zeros_like(frequency).masked_fill(~present, -torch.inf)
        self.n_present = present.sum(2, keepdim=True).to(dtype)
        prior = torch.where(present, frequency.clamp_min(1e-30).log(), torch.zeros_like(frequency))
        prior = torch.where(present, prior - prior.sum(2, keepdim=True) / self.n_present, prior)
        self.a = (prior * self.weight).contiguous()
        self.trend: tuple[Tensor, Tensor] | None = None
        history = (problems * targets, MEMORY, n_labels * items)
        self.steps, self.logit_steps, self.changes = (
            torch.zeros(history, dtype=dtype, device=device) for _ in range(3)
        )
        self.products = torch.zeros(problems * targets, MEMORY, MEMORY, dtype=dtype, device=device)
        self.order: list[int] = []

    def solve(self, penalty: float, tolerance: float, max_iterations: int) -> Fit:
        # The history starts afresh: kept across penalties it saves no iterations, and it would tie a fit to its batch.
        self.order = []
        start, start_logits = self.a, self._apply(self.a)
        a, f = start, start_logits
        p = self._softmax(f)
        r = self._gradient(p, a, penalty)
        spread = (1 - p.square().sum(2, keepdim=True)) * self.weight
        # A floor keeps the preconditioner finite when every training item is already certain.
        curvature = (spread.sum(-1, keepdim=True) / (self.n_present - 1).clamp_min(1)).clamp_min(1e-6)
        scale = (
            1 / (penalty + curvature * self.tail / self.count),
            1 / (penalty + curvature * self.values / self.count),
            curvature,
        )
        done = torch.zeros((*self.shape[:2], 1, 1), dtype=torch.bool, device=a.device)
        decrement = torch.full_like(done, torch.inf, dtype=a.dtype)
        # The optimum moves smoothly with the penalty: the last move is a good first direction, and costs no product.
        trend = self.trend
        best, best_at = decrement, torch.zeros_like(decrement)
        iteration = 0
        while True:
            d, gd = trend if trend is not None else self._direction(r, scale)
            slope = _inner(r, gd)
            if trend is None:
                decrement = torch.where(done, decrement, slope)
                improved = ~done & (decrement.abs() < PROGRESS * best)
                best = torch.where(improved, decrement.abs(), best)
                best_at = torch.where(improved, float(iteration), best_at)
                done = done | (decrement.abs() <= tolerance) | (best_at + PATIENCE < iteration)
                if bool(done.all()) or iteration == max_iterations:
                    break
                iteration += 1
                # Rounding can turn a direction uphill; without its history the fit goes straight down again.
                self._forget((slope <= 0) & ~done)
            step = (slope / self._curvature_along(p, d, gd, penalty)).clamp(0, 20)
            step = torch.where(done, 0.0, step)
            a, f, p, r_new, step = self._search(a, f, d, gd, step, slope, done, penalty)
            self._remember(d, gd, step, slope, r_new, r)
            r, trend = r_new, None
        self.trend = (start - a, start_logits - f)
        self.a = a
        return self._fit(penalty, a, r, decrement, iteration)

    def _fit(self, penalty: float, a: Tensor, r: Tensor, decrement: Tensor, iterations: int) -> Fit:
        intercepts = a.sum(-1, keepdim=True)
        if self.absent is not None:
            intercepts = intercepts + self.absent
        squared = _inner(r, self._apply(r) - r.sum(-1, keepdim=True) * self.mask)
        return Fit(
            penalty,
            self._centred(a),
            intercepts.squeeze(-1),
            decrement.abs()[..., 0, 0] / 2,
            squared.clamp_min(0).sqrt()[..., 0, 0],
            iterations,
        )

    def _centred(self, x: Tensor) -> Tensor:
        return (x - x.sum(-1, keepdim=True) / self.count) * self.mask

    def _apply(self, x: Float[Tensor, "problem target label item"]) -> Tensor:
        problems, targets, labels, items = self.shape
        flat = self.kernel.times(x.reshape(problems, targets * labels, items)).view(self.shape)
        return flat.add_(x.sum(-1, keepdim=True))

    def _softmax(self, f: Tensor) -> Tensor:
        return torch.softmax(f if self.absent is None else f + self.absent, dim=2)

    def _gradient(self, p: Tensor, a: Tensor, penalty: float) -> Tensor:
        mean = a.sum(-1, keepdim=True) / self.count
        r = torch.addcmul(self.minus_target, p, self.weight)
        return r.add_(a, alpha=penalty).addcmul_(mean, self.mask, value=-penalty)

    def _curvature_along(self, p: Tensor, d: Tensor, gd: Tensor, penalty: float) -> Tensor:
        pg = p * gd
        within = (pg * gd).sum(2, keepdim=True) - pg.sum(2, keepdim=True).square()
        ridge = _inner(d, gd) - d.sum(-1, keepdim=True).square().sum(2, keepdim=True)
        return ((within * self.weight).sum(-1, keepdim=True) + penalty * ridge).clamp_min(1e-30)

    def _precondition(self, q: Tensor, scale: tuple[Tensor, Tensor, Tensor]) -> Tensor:
        problems, targets, labels, items = self.shape
        flat_scale, leading_scale, curvature = scale
        mean = q.sum(-1, keepdim=True) / self.count
        z = torch.bmm(q.reshape(problems, targets * labels, items), self.vectors)
        z = z.view(problems, targets, labels, -1) * (leading_scale - flat_scale)
        lifted = torch.bmm(z.reshape(problems, targets * labels, -1), self.vectors.mT).view(self.shape)
        return lifted.addcmul_(q, flat_scale).addcmul_(mean * (1 / curvature - flat_scale), self.mask)

    def _direction(self, r: Tensor, scale: tuple[Tensor, Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        """The quasi-Newton direction and its logits, by the compact form of the L-BFGS recursion."""
        if not self.order:
            d = self._precondition(r, scale)
            return d, self._apply(d)
        order = torch.tensor(self.order, device=r.device)
        back = torch.argsort(order)
        used = slice(0, len(self.order))
        steps, logit_steps, changes = (h[:, used] for h in (self.steps, self.logit_steps, self.changes))
        upper = self.products[:, order][:, :, order].triu()
        diagonal = upper.diagonal(dim1=1, dim2=2)
        # A fit that has stopped, or a pair dropped for lack of curvature, leaves zero rows behind.
        diagonal += (diagonal == 0).to(diagonal.dtype)
        flat = r.reshape(steps.shape[0], 1, -1)
        alpha = torch.linalg.solve_triangular(upper, _dots(logit_steps, flat)[:, order], upper=True)
        q = torch.baddbmm(flat, alpha[:, back].mT, changes, alpha=-1).view(self.shape)
        d = self._precondition(q, scale)
        gd = self._apply(d)
        d, gd = d.view(flat.shape), gd.view(flat.shape)
        right = diagonal.unsqueeze(-1) * alpha - _dots(changes, gd)[:, order]
        delta = torch.linalg.solve_triangular(upper.mT, right, upper=False)[:, back].mT
        d = torch.baddbmm(d, delta, steps).view(self.shape)
        gd = torch.baddbmm(gd, delta, logit_steps).view(self.shape)
        return d, gd

    def _search(
        self, a: Tensor, f: Tensor, d: Tensor, gd: Tensor, step: Tensor, slope: Tensor, done: Tensor, penalty: float
    ) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """Take the step; the objective is convex along it, so a slope that has turned is cured by the secant."""
        for _ in range(LINE_SEARCH_TRIES):
            a_new, f_new = torch.addcmul(a, d, step, value=-1), torch.addcmul(f, gd, step, value=-1)
            p = self._softmax(f_new)
            r = self._gradient(p, a_new, penalty)
            turned = -_inner(r, gd)
            bad = (turned > 0.5 * slope) & ~done & (step > 0)
            if not bool(bad.any()):
                break
            step = torch.where(bad, step * slope / (slope + turned), step)
        return a_new, f_new, p, r, step

    def _remember(self, d: Tensor, gd: Tensor, step: Tensor, slope: Tensor, r_new: Tensor, r: Tensor) -> None:
        """Put the pair (step, change of gradient) in the place of the oldest; without curvature, an empty pair."""
        slot = len(self.order) if len(self.order) < MEMORY else self.order[0]
        self.order = [*(o for o in self.order if o != slot), slot]
        by_fit = self.steps.shape[0], -1
        scale = -step.view(by_fit)
        gs, y = self.logit_steps[:, slot], self.changes[:, slot]
        torch.mul(d.view(by_fit), scale, out=self.steps[:, slot])
        torch.mul(gd.view(by_fit), scale, out=gs)
        torch.sub(r_new.view(by_fit), r.view(by_fit), out=y)
        column = _dots(self.logit_steps, y.unsqueeze(1)).squeeze(-1)
        self.products[:, :, slot] = column
        flat = ~(column[:, slot] > 1e-4 * (step * slope).flatten())
        if bool(flat.any()):
            for stored in (self.steps, self.logit_steps, self.changes):
                stored[:, slot] = torch.where(flat.unsqueeze(-1), 0.0, stored[:, slot])
            self.products[:, :, slot] = torch.where(flat.unsqueeze(-1), 0.0, self.products[:, :, slot])
            self.products[:, slot] = torch.where(flat.unsqueeze(-1), 0.0, self.products[:, slot])

    def _forget(self, fits: Tensor) -> None:
        if bool(fits.any()):
            lost = fits.flatten()
            for stored in (self.steps, self.logit_steps, self.changes, self.products):
                stored[lost] = 0.0


def _dots(history: Float[Tensor, "fit pair entry"], row: Float[Tensor, "fit 1 entry"]) -> Float[Tensor, "fit pair 1"]:
    return torch.linalg.vecdot(history, row).unsqueeze(-1)


def _inner(x: Tensor, y: Tensor) -> Float[Tensor, "problem target 1 1"]:
    return (x * y).sum((-2, -1), keepdim=True)


def _leading_eigenspace(kernel: Kernel) -> tuple[Tensor, Tensor, Tensor]:
    """Leading eigenvectors by randomised subspace iteration, their eigenvalues, and the mean of the rest.

    Only the preconditioner uses them: their error costs iterations, never accuracy. The start is the same for
    every problem, so that a fit doesn't depend on its batch.
    """
    problems, items = kernel.mask.shape
    rank = min(RANK, items)
    generator = torch.Generator().manual_seed(0)
    start = torch.randn(rank, items, generator=generator).to(kernel.mask)
    basis = (start * kernel.mask.unsqueeze(1)).mT
    for _ in range(2):
        basis, _r = torch.linalg.qr(kernel.times(basis.mT).mT)
    small = torch.bmm(kernel.times(basis.mT), basis)
    values, rotation = torch.linalg.eigh((small + small.mT) / 2)
    values = values.clamp_min(0)
    # Beyond the rank of the kernel the basis is arbitrary: it must not mix with the mean or the padding.
    usable = values > 1e-5 * values[:, -1:]
    values = values * usable
    rest = (kernel.mask.sum(1) - rank).clamp_min(1)
    tail = ((kernel.trace() - values.sum(1)) / rest).clamp_min(0)
    vectors = torch.bmm(basis, rotation) * usable.unsqueeze(1)
    return vectors, values.view(problems, 1, 1, rank), tail.view(problems, 1, 1, 1)


__all__ = ["Fit", "Kernel", "solve_path"]
