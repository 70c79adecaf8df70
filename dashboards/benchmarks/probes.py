"""How much faster are all probes in one solve than scikit-learn in a loop, and do they say the same?"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, fields
from itertools import product
from statistics import median
from time import perf_counter, process_time

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from strata.dashboards.benchmarks.benchmark_row import BenchmarkRow
from strata.probes.backends.batched_reads import capture_batches
from strata.probes.backends.torch_hooks import TorchHooks
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.linear import PENALTIES, assign_folds, score_held_out
from strata.probes.linear.folds import splits_of
from strata.probes.prompts.prompt import Prompt

TARGET = 0.1
GPU_SECONDS = 60.0
GPU_ITEMS, GPU_LABELS = 4000, 20
N_FOLDS = 5
SKLEARN_ITERATIONS = 5000
DEFAULT, CONVERGED = 1e-4, 1e-6
"""Tolerances of scikit-learn: timed in float32, and compared with in float64."""
TIE = 1e-3
"""Difference of two probabilities below which neither label is meaningfully the better one."""
TEMPLATES = (
    "{a} + {b} =",
    "2 + 3 = 5\n4 + 1 = 5\n{a} + {b} =",
    "Q: What is {a} plus {b}?\nA:",
    "{a} plus {b} equals",
    "The sum of {a} and {b} is",
)


def captured_probe_benchmark(checkpoint: Checkpoint, *, repeats: int = 3, seed: int = 0) -> list[BenchmarkRow]:
    """On a CPU the streams of 600 sums, against scikit-learn; on a GPU 4,000 made-up items of the model's shape, in seconds."""
    if checkpoint.device.type == "cuda":
        return [_large_benchmark(checkpoint.n_layers + 1, checkpoint.d_model, checkpoint.device, repeats, seed)]
    streams, labels = _captured_sums(checkpoint)
    return [probe_benchmark(streams, labels, device=checkpoint.device, repeats=repeats, seed=seed)]


def probe_benchmark(
    streams: Float[Tensor, "item stream d_model"],
    labels: Sequence[object],
    *,
    device: torch.device | str = "cpu",
    repeats: int = 3,
    seed: int = 0,
    penalties: Sequence[float] = PENALTIES,
    reference_streams: int = 4,
    groups: Sequence[object] | None = None,
) -> BenchmarkRow:
    """Every stream x 5 folds x penalty by `score_held_out` and by `LogisticRegression(solver="lbfgs")`, alternately.

    scikit-learn runs on `reference_streams` streams and one fold a repeat (the next one each time), so that a repeat is
    affordable. Stream 0 stands for itself, because token embeddings have few distinct rows; evenly spaced others stand
    for their neighbours, in time and agreement. On a GPU `ours` runs there, the reference on the CPU.

    The reference gets the number of BLAS threads that is faster for it, all or one: NumPy and SciPy bring a library each, whose
    threads can stand in each other's way.

    Timed is the reference at its default tolerance in float32, with its iteration limit raised. Its answers then still
    depend on where it stopped, so agreement is measured on the held-out items at every penalty against the same solver
    run on in float64, untimed; agreement with the timed one, and of the two with each other, is reported beside it.
    Near-ties are reported and not excused.
    """
    from threadpoolctl import threadpool_limits

    _, codes = np.unique([str(v) for v in labels], return_inverse=True)
    keys = np.arange(len(codes)) if groups is None else np.unique([str(g) for g in groups], return_inverse=True)[1]
    splits = splits_of(assign_folds(codes, keys, N_FOLDS, seed))
    x = streams.to(device=device, dtype=torch.float32)
    y = torch.from_numpy(codes).to(x.device).unsqueeze(0)
    n_labels = int(codes.max()) + 1
    on_gpu = x.device.type == "cuda"
    if on_gpu:  # The first call loads the libraries; a run of many probes pays that once.
        score_held_out(x[:, :1], y, n_labels, splits, penalties[:1])

    n_streams = x.shape[1]
    sample, weights = _sampled_streams(n_streams, reference_streams)
    index = torch.from_numpy(sample).to(x.device)
    host = streams[:, torch.from_numpy(sample)].float().cpu().numpy()
    fits = n_streams * N_FOLDS * len(penalties)
    threads = _threads_for_sklearn(host, codes, splits[0][0], penalties)
    ours, reference, ours_cpu, reference_cpu = [], [], [], []
    compared: list[Parity] = []
    for repeat in range(repeats):
        started, cpu = perf_counter(), process_time()
        scored = score_held_out(x, y, n_labels, splits, penalties)
        if on_gpu:
            torch.cuda.synchronize()
        ours.append(perf_counter() - started)
        ours_cpu.append(process_time() - cpu)

        fold = repeat % N_FOLDS
        with threadpool_limits(threads, user_api="blas"):
            default, seconds, cpu_seconds = _sklearn_loop(host, codes, splits[fold], penalties)
            converged, _, _ = _sklearn_loop(host.astype(np.float64), codes, splits[fold], penalties, CONVERGED)
        reference.append(float(seconds @ weights) * N_FOLDS)
        reference_cpu.append(float(cpu_seconds @ weights) * N_FOLDS)

        train, test = splits[fold]
        predicted = scored.predicted[:, index, fold, 0, : len(test)].cpu().numpy()
        log_likelihood = scored.log_likelihood[:, index, fold, 0, : len(test)].cpu().numpy()
        truth = _of_truth(converged, codes[test], -np.log(len(train) + 1))
        compared.append(_agreement(predicted, truth - log_likelihood, default, converged))
    ratio = median(o / r for r, o in zip(reference, ours, strict=True))
    by_stream = {name: np.mean([getattr(c, name) for c in compared], axis=0) for name in PARITY_FIELDS}
    overall = {name: float(np.average(values, weights=weights)) for name, values in by_stream.items()}
    agreement, loss_difference = overall["agreement"], overall["log_loss_difference"]
    note = (
        f"{len(codes)} items x {n_streams} streams x {x.shape[2]} dimensions, {n_labels} labels, {N_FOLDS} folds x "
        f"{len(penalties)} penalties = {fits} fits, {torch.get_num_threads()} threads; scikit-learn with {threads} BLAS thread(s), its faster choice, on streams "
        f"{', '.join(str(s) for s in sample)} and one fold a repeat, weighted by the streams each stands for. Held-out "
        f"predictions agree for {100 * agreement:.2f} % and mean log-loss differs by {loss_difference:+.1e} nats from "
        f"scikit-learn in float64 at tolerance {CONVERGED:g}. The timed default (float32, tolerance {DEFAULT:g}) agrees "
        f"with that for {100 * overall['default_parity']:.2f} % and with ours for "
        f"{100 * overall['parity_with_default']:.2f} %. In {100 * overall['ties']:.1f} % of predictions the "
        f"two best labels lie within {TIE:g} in probability, in {100 * overall['disagreement_beyond_ties']:.2f} % ours differs by more"
    )
    return BenchmarkRow(
        "linear probes vs scikit-learn",
        median(ours),
        median(reference),
        ratio,
        TARGET,
        ratio <= TARGET and agreement >= 0.995 and abs(loss_difference) <= 1e-3,
        note,
        {
            "fits": fits,
            **overall,
            "reference_streams": sample.tolist(),
            "parity_by_stream": by_stream["agreement"].tolist(),
            "largest_log_loss_difference": max(c.largest_log_loss_difference for c in compared),
            "cpu_seconds_ratio": median(o / r for r, o in zip(reference_cpu, ours_cpu, strict=True)),
            "gradient_norm": scored.gradient_norm,
            "refined_streams": scored.n_refined,
        },
    )


@dataclass(frozen=True)
class Parity:
    """How far three sets of held-out predictions agree on one fold, as means over penalties and items."""

    agreement: Float[np.ndarray, " stream"]
    """Share of ours equal to the converged reference's; a near-tie is not excused."""
    parity_with_default: Float[np.ndarray, " stream"]
    """Share of ours equal to the timed reference's."""
    default_parity: Float[np.ndarray, " stream"]
    """Share of the timed reference's equal to the converged one's."""
    log_loss_difference: Float[np.ndarray, " stream"]
    """Ours minus the converged reference's, nats."""
    ties: Float[np.ndarray, " stream"]
    """Share with the two best labels within `TIE` in probability under the converged reference."""
    disagreement_beyond_ties: Float[np.ndarray, " stream"]
    """Share in which our label is less probable than the best by `TIE` or more under the converged reference."""
    largest_log_loss_difference: float
    """Largest over streams and penalties, nats."""


PARITY_FIELDS = tuple(f.name for f in fields(Parity) if f.name != "largest_log_loss_difference")


def _agreement(
    predicted: Int[np.ndarray, "penalty stream test"],
    difference: Float[np.ndarray, "penalty stream test"],
    default: Float[np.ndarray, "penalty stream test label"],
    converged: Float[np.ndarray, "penalty stream test label"],
) -> Parity:
    """Compare labels and the loss `difference` with log-probabilities of the two reference runs."""
    best, default_best = converged.argmax(-1), default.argmax(-1)
    probability = np.exp(converged)
    two_best = np.partition(probability, -2, axis=-1)[..., -2:]
    chosen = np.take_along_axis(probability, predicted[..., None], axis=-1)[..., 0]

    def share(where: np.ndarray) -> np.ndarray:
        return np.asarray(where.mean((0, 2)))

    return Parity(
        share(predicted == best),
        share(predicted == default_best),
        share(default_best == best),
        share(difference),
        share(two_best[..., 1] - two_best[..., 0] < TIE),
        share(two_best[..., 1] - chosen >= TIE),
        float(np.abs(difference.mean(-1)).max()),
    )


def _sampled_streams(n_streams: int, n_sampled: int) -> tuple[Int[np.ndarray, " sample"], Float[np.ndarray, " sample"]]:
    """Stream 0 and the middles of equal stretches of the others, with the number of streams each stands for."""
    if n_sampled >= n_streams:
        return np.arange(n_streams), np.ones(n_streams)
    stretches = np.array_split(np.arange(1, n_streams), max(1, n_sampled - 1))
    sample = [0, *(int(s[len(s) // 2]) for s in stretches)]
    return np.array(sample), np.array([1.0, *(float(len(s)) for s in stretches)])


def _captured_sums(checkpoint: Checkpoint) -> tuple[Float[Tensor, "item stream d_model"], list[int]]:
    """All sums of 0..10 and 0..10 but 0 + 0, in five templates: 600 items and 20 labels at the last position."""
    prompts, labels = [], []
    for template, text in enumerate(TEMPLATES):
        for a, b in product(range(11), range(11)):
            if a + b == 0:
                continue
            ids = checkpoint.encode(text.format(a=a, b=b))
            prompts.append(Prompt(f"{template}:{a}+{b}", ids, {"last": len(ids) - 1}))
            labels.append(a + b)
    streams = torch.empty(len(prompts), checkpoint.n_layers + 1, checkpoint.d_model)
    for part in capture_batches(TorchHooks(checkpoint), prompts, pad_id=checkpoint.pad_id, device=checkpoint.device):
        streams[list(part.rows)] = part.values[:, :, 0].float().cpu()
    return streams, labels


def _large_benchmark(n_streams: int, d_model: int, device: torch.device, repeats: int, seed: int) -> BenchmarkRow:
    """Separable classes under correlated noise with outlier dimensions, as activations have them."""
    generator = torch.Generator(device).manual_seed(seed)
    y = torch.randint(0, GPU_LABELS, (GPU_ITEMS,), generator=generator, device=device)
    mix = torch.randn(d_model, d_model, generator=generator, device=device) / d_model**0.5
    size = 1 + 300 * (torch.rand(d_model, generator=generator, device=device) > 0.995)
    x = torch.empty(GPU_ITEMS, n_streams, d_model, device=device)
    for stream in range(n_streams):
        centres = torch.randn(GPU_LABELS, d_model, generator=generator, device=device) * 0.2 * stream / n_streams
        noise = torch.randn(GPU_ITEMS, d_model, generator=generator, device=device)
        x[:, stream] = (centres[y] + noise @ mix) * size
    splits = splits_of(assign_folds(y.cpu().numpy(), np.arange(GPU_ITEMS), N_FOLDS, seed))
    score_held_out(x[:, :1], y.unsqueeze(0), GPU_LABELS, splits, PENALTIES[:1])
    seconds = []
    for _ in range(repeats):
        torch.cuda.synchronize(device)
        started = perf_counter()
        scored = score_held_out(x, y.unsqueeze(0), GPU_LABELS, splits, PENALTIES)
        torch.cuda.synchronize(device)
        seconds.append(perf_counter() - started)
    took = median(seconds)
    note = (
        f"{GPU_ITEMS} made-up items x {n_streams} streams x {d_model} dimensions, {GPU_LABELS} labels, {N_FOLDS} folds x "
        f"{len(PENALTIES)} penalties; the reference is the time allowed, {GPU_SECONDS:.0f} s"
    )
    return BenchmarkRow(
        "linear probes at full size", took, GPU_SECONDS, took / GPU_SECONDS, 1.0, took <= GPU_SECONDS, note,
        {"gradient_norm": scored.gradient_norm, "refined_streams": scored.n_refined},
    )  # fmt: skip


def _threads_for_sklearn(
    x: Float[np.ndarray, "item stream d_model"],
    labels: Int[np.ndarray, " item"],
    train: Int[np.ndarray, " row"],
    penalties: Sequence[float],
) -> int:
    """All BLAS threads or one, whichever fits the last stream faster at the middle penalty; best of two turns each."""
    from threadpoolctl import threadpool_limits

    choices = sorted({1, torch.get_num_threads()})
    middle = [sorted(penalties)[len(penalties) // 2]]
    taken: dict[int, list[float]] = {threads: [] for threads in choices}
    for threads in 2 * choices:
        with threadpool_limits(threads, user_api="blas"):
            taken[threads].append(float(_sklearn_loop(x[:, -1:], labels, (train, train[:1]), middle)[1][0]))
    return min(choices, key=lambda threads: min(taken[threads]))


def _sklearn_loop(
    x: Float[np.ndarray, "item stream d_model"],
    labels: Int[np.ndarray, " item"],
    split: tuple[np.ndarray, np.ndarray],
    penalties: Sequence[float],
    tolerance: float = DEFAULT,
) -> tuple[Float[np.ndarray, "penalty stream test label"], Float[np.ndarray, " stream"], Float[np.ndarray, " stream"]]:
    """Log-probabilities (−inf for labels that the training rows lack), and the seconds and CPU seconds of each stream."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    train, test = split
    n_streams = x.shape[1]
    scores = np.full((len(penalties), n_streams, len(test), int(labels.max()) + 1), -np.inf)
    seconds, cpu_seconds = np.zeros(n_streams), np.zeros(n_streams)
    for stream in range(n_streams):
        started, cpu = perf_counter(), process_time()
        scaler = StandardScaler().fit(x[train, stream])
        fit_on, score_on = scaler.transform(x[train, stream]), scaler.transform(x[test, stream])
        for index, penalty in enumerate(penalties):
            model = LogisticRegression(C=1 / (len(train) * penalty), tol=tolerance, max_iter=SKLEARN_ITERATIONS)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                model.fit(fit_on, labels[train])
                scores[index, stream][:, model.classes_] = model.predict_log_proba(score_on)
        seconds[stream], cpu_seconds[stream] = perf_counter() - started, process_time() - cpu
    return scores, seconds, cpu_seconds


def _of_truth(
    scores: Float[np.ndarray, "penalty stream test label"], truth: Int[np.ndarray, " test"], unseen: float
) -> Float[np.ndarray, "penalty stream test"]:
    """Log-probability of the true label; `unseen` where training lacked it."""
    chosen = scores[:, :, np.arange(len(truth)), truth]
    return np.where(np.isneginf(chosen), unseen, chosen)
