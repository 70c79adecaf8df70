"""What does a stream already say, once it may be moved into the last stream's basis? The tuned lens and its bias floor.

The tuned lens (2303.08112) reads `W_U LN_f(A_s h + b_s)`, fitted to minimise KL(model ‖ lens) on text. Training from
A = I alone takes far more steps than a laptop has patience for, so each stream gets a closed-form start first: ridge
regression of stream L on stream s whose penalty pulls A towards I (with an infinite penalty it *is* the identity
start), rows weighted by 1/‖h_L‖² because the final norm divides by that norm. Adam on the KL then refines it. On
sequences used for neither, identity, start and refined are compared, and the best is kept: identity stays possible.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.checkpoints.readout import Readout
from strata.probes.errors import StrataError
from strata.probes.lens.divergence import divergence_from_model
from strata.probes.lens.fitting_streams import TextStreams, in_groups, rows_of, streams_over
from strata.probes.lens.lenses import BiasLens, TunedLens
from strata.probes.lens.ridge import Affine, ridge_start, weighted_mean
from strata.probes.lens.vocabulary import Sampled, mean_distribution
from strata.probes.progress import Progress, silent


@dataclass(frozen=True)
class Tuning:
    """How a tuned lens is trained. Everything here is part of its cache key."""

    n_tokens: int = 8192
    """Of text; three quarters train, the rest is split between choosing and reporting."""
    steps: int = 25
    """Of Adam, after the closed-form start."""
    batch: int = 512
    """Tokens a step."""
    learning_rate: float = 3e-3
    """In units of the spread of stream L, for whitened inputs; falls linearly to 0."""
    judged: int = 256
    """Held-out tokens on which the reported losses are measured, over the full vocabulary."""
    seed: int = 0
    """Of text, split, batches and vocabulary samples."""

    def config(self) -> dict[str, float]:
        return asdict(self)


@dataclass(frozen=True)
class TunedFit:
    tuned: TunedLens
    """The trained translators."""
    bias: BiasLens
    """The bias-only floor, trained on the same text."""
    held_out: dict[str, Float[Tensor, " stream"]]
    """KL(model ‖ lens) in nats on held-out tokens for s = 0..L−1, under `logit`, `ridge`, `tuned` and `bias`."""
    chosen: tuple[str, ...]
    """For each stream which of `identity`, `ridge`, `refined` was best on the sequences kept for choosing."""


@dataclass(frozen=True)
class _Split:
    train: slice
    choose: slice
    judge: slice

    @classmethod
    def of(cls, n_sequences: int) -> _Split:
        if n_sequences < 4:
            raise StrataError(
                f"{n_sequences} sequences of text are too few to train, choose and judge a tuned lens on",
                "Give at least a few thousand tokens of text",
            )
        part = max(1, n_sequences // 8)
        cut = n_sequences - 2 * part
        return cls(slice(0, cut), slice(cut, cut + part), slice(cut + part, n_sequences))


def fit_tuned(
    checkpoint: Checkpoint,
    ids: Int[Tensor, "sequence token"],
    tuning: Tuning,
    *,
    progress: Progress = silent,
) -> TunedFit:
    """Fits translators for streams 0..L−1 on `ids`. Memory: the captured streams (at most about 1 GiB at a time, in
    as many passes over the text as that takes) and the translators.

    Raises StrataError when there is too little text.
    """
    readout, n_layers = checkpoint.readout, checkpoint.n_layers
    split = _Split.of(len(ids))
    ids = ids[torch.randperm(len(ids), generator=torch.Generator().manual_seed(tuning.seed))]
    lens = TunedLens(
        torch.empty(n_layers, checkpoint.d_model, checkpoint.d_model), torch.empty(n_layers, checkpoint.d_model)
    )
    losses: dict[str, list[float]] = {"logit": [], "ridge": [], "tuned": []}
    chosen: list[str] = []
    bias: BiasLens | None = None
    bias_loss = 0.0
    for group in in_groups(checkpoint, ids):
        text = streams_over(checkpoint, ids, group, progress=progress)
        last = rows_of(text.last[split.train])
        judged = _some(rows_of(text.last[split.judge]), tuning.judged)
        if bias is None:
            overall = mean_distribution(readout, last)
            bias = BiasLens(_fit_bias(readout, overall, weighted_mean(last, last)), n_layers)
            (bias_loss,) = divergence_from_model(readout, [bias.translate(0, judged)], judged)
        inputs = {stream: rows_of(text.streams[stream][split.train]) for stream in group}
        starts = {stream: ridge_start(inputs[stream], last) for stream in group}
        refined = _refine(readout, inputs, last, starts, overall, tuning, progress)
        for stream in group:
            identity = Affine.identity(checkpoint.d_model)
            options = {"identity": identity, "ridge": starts[stream], "refined": refined[stream]}

            on_choice = _judge(readout, text, stream, options, split.choose, tuning.judged // 2)
            name = min(zip(on_choice, options, strict=True))[1]
            lens.matrices[stream], lens.biases[stream] = options[name].matrix, options[name].bias
            chosen.append(name)
            at_last = dict(
                zip(options, _judge(readout, text, stream, options, split.judge, tuning.judged), strict=True)
            )
            losses["logit"].append(at_last["identity"])
            losses["ridge"].append(at_last["ridge"])
            losses["tuned"].append(at_last[name])
            progress("tuned lens: held-out loss", stream + 1, n_layers, "streams")
    assert bias is not None
    losses["bias"] = [bias_loss] * n_layers
    return TunedFit(lens, bias, {name: torch.tensor(values) for name, values in losses.items()}, tuple(chosen))


def _judge(
    readout: Readout, text: TextStreams, stream: int, options: dict[str, Affine], part: slice, limit: int
) -> list[float]:
    """Loss of each option at one stream on one part of the text."""
    h, last = (_some(rows_of(values[part]), limit) for values in (text.streams[stream], text.last))
    return divergence_from_model(readout, [option(h) for option in options.values()], last)


class _Refinement:
    """One stream's translator under training: the start plus a whitened correction."""

    def __init__(self, start: Affine, h: Float[Tensor, "row d_model"], unit: float, device: torch.device) -> None:
        d_model = h.shape[1]
        self.start = start.to(device)
        self.centre = h.mean(0).to(device)
        # Coordinates that never vary must not be blown up.
        spread = h.std(0).to(device)
        self.whiten = 1 / spread.clamp(min=1e-3 * float(spread.mean()) + 1e-30)
        self.unit = unit
        self.matrix = torch.zeros(d_model, d_model, device=device, requires_grad=True)
        self.bias = torch.zeros(d_model, device=device, requires_grad=True)
        self.optimiser = torch.optim.Adam([self.matrix, self.bias], betas=(0.9, 0.98))

    def __call__(self, h: Float[Tensor, "row d_model"]) -> Float[Tensor, "row d_model"]:
        white = (h - self.centre) * self.whiten
        moved: Tensor = self.start(h) + self.unit * (white @ self.matrix.T / h.shape[1] ** 0.5 + self.bias)
        return moved

    def affine(self) -> Affine:
        step = self.unit * self.matrix.detach() * self.whiten / len(self.centre) ** 0.5
        bias = self.start.bias + self.unit * self.bias.detach() - step @ self.centre
        return Affine((self.start.matrix + step).cpu(), bias.cpu())


def _refine(
    readout: Readout,
    inputs: dict[int, Float[Tensor, "row d_model"]],
    last: Float[Tensor, "row d_model"],
    starts: dict[int, Affine],
    overall: Float[Tensor, " vocab"],
    tuning: Tuning,
    progress: Progress,
) -> dict[int, Affine]:
    """Adam on KL(model ‖ lens) for all streams on the same batches, so the model's side is computed once a step."""
    device = readout.weight.device
    generator = torch.Generator().manual_seed(tuning.seed)
    unit = float(last.std())
    fits = {stream: _Refinement(starts[stream], h, unit, device) for stream, h in inputs.items()}
    with torch.enable_grad():
        for step in range(tuning.steps):
            rows = torch.randint(len(last), (min(tuning.batch, len(last)),), generator=generator)
            sampled = Sampled.draw(readout, overall, generator)
            with torch.no_grad():
                target = sampled.log_probs(readout, last[rows].to(device))
            for stream, fit in fits.items():
                predicted = sampled.log_probs(readout, fit(inputs[stream][rows].to(device)))
                loss = (target.exp() * (target - predicted)).sum(-1).mean()
                fit.optimiser.zero_grad()
                torch.autograd.backward(loss)
                for settings in fit.optimiser.param_groups:
                    settings["lr"] = tuning.learning_rate * (1 - step / tuning.steps)
                fit.optimiser.step()
            progress("tuned lens", step + 1, tuning.steps, "steps")
    return {stream: fit.affine() for stream, fit in fits.items()}


def _fit_bias(
    readout: Readout, overall: Float[Tensor, " vocab"], start: Float[Tensor, " d_model"], steps: int = 100
) -> Float[Tensor, " d_model"]:
    """argmin_b KL(mean distribution ‖ lens(b)): for a constant guess this is the mean of KL(model ‖ lens) + a constant."""
    device = readout.weight.device
    unit = float(start.std()) + 1e-30
    change = torch.zeros(len(start), device=device, requires_grad=True)
    optimiser = torch.optim.Adam([change], betas=(0.9, 0.98))
    start, goal = start.to(device), overall.to(device)
    best, best_loss = start, float("inf")
    with torch.enable_grad():
        for step in range(steps):
            b = start + unit * change
            loss = -(goal * torch.log_softmax(readout.logits(b[None])[0].float(), -1)).sum()
            if float(loss.detach()) < best_loss:
                best, best_loss = b.detach().clone(), float(loss.detach())
            optimiser.zero_grad()
            torch.autograd.backward(loss)
            optimiser.param_groups[0]["lr"] = 0.1 * (1 - step / steps)
            optimiser.step()
    return best.cpu()


def _some(rows: Float[Tensor, "row d_model"], limit: int) -> Float[Tensor, "row d_model"]:
    """At most `limit` rows, spread evenly over the text."""
    if len(rows) <= limit:
        return rows
    return rows[torch.linspace(0, len(rows) - 1, limit).long()]
