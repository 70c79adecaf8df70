"""How much faster are all probes in one solve than scikit-learn in a loop, and do they say the same?"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from itertools import product
from statistics import median
from time import perf_counter, process_time

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from dashboards.benchmarks.row import BenchmarkRow
from probes.backends.torch_hooks import TorchHooks
from probes.capture import capture
from probes.checkpoints.checkpoint import Checkpoint
from probes.errors import StrataError
from probes.linear import PENALTIES, assign_folds, score_held_out
from probes.linear.folds import splits_of
from probes.prompts import Prompt

TARGET = 0.1
GPU_SECONDS = 60.0
GPU_ITEMS, GPU_LABELS = 4000, 20
N_FOLDS = 5
SKLEARN_ITERATIONS = 5000
WORDINGS = (
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

    scikit-learn runs on `reference_streams` evenly spaced streams and one fold a repeat (the next one each time), so
    that a repeat is affordable; its time is scaled by the number of fits. Its default tolerance is kept and its iteration limit raised,
    because at the default limit weak penalties stop far from the optimum. On a GPU `ours` runs there, the reference on the CPU.
    Agreement is measured on the held-out items that both predicted, at every penalty.
    """
    try:
        import sklearn  # noqa: F401
    except ImportError as error:
        raise StrataError(
            "The probe benchmark compares with scikit-learn, which is not installed",
            "pip install scikit-learn",
        ) from error
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
    spaced = np.unique(np.linspace(0, n_streams - 1, min(reference_streams, n_streams)).round().astype(int))
    fits = n_streams * N_FOLDS * len(penalties)
    ours, reference, ours_cpu, reference_cpu = [], [], [], []
    same: list[float] = []
    differences: list[np.ndarray] = []
    for repeat in range(repeats):
        started, cpu = perf_counter(), process_time()
        scored = score_held_out(x, y, n_labels, splits, penalties)
        if on_gpu:
            torch.cuda.synchronize()
        ours.append(perf_counter() - started)
        ours_cpu.append(process_time() - cpu)

        fold = repeat % N_FOLDS
        host = streams[:, torch.from_numpy(spaced)].float().cpu().numpy()
        started, cpu = perf_counter(), process_time()
        predicted, log_likelihood = _sklearn_loop(host, codes, splits[fold], penalties)
        scale = fits / (len(spaced) * len(penalties))
        reference.append((perf_counter() - started) * scale)
        reference_cpu.append((process_time() - cpu) * scale)

        index = torch.from_numpy(spaced).to(x.device)
        tested = len(splits[fold][1])
        mine = scored.predicted[:, index, fold, 0, :tested].cpu().numpy()
        difference = log_likelihood - scored.log_likelihood[:, index, fold, 0, :tested].cpu().numpy()
        same.append((mine == predicted).mean())
        differences.append(difference.mean(-1))
    ratio = median(o / r for r, o in zip(reference, ours, strict=True))
    agreement, loss_difference = float(np.mean(same)), float(np.mean(differences))
    note = (
        f"{len(codes)} items x {n_streams} streams x {x.shape[2]} dimensions, {n_labels} labels, {N_FOLDS} folds x "
        f"{len(penalties)} penalties = {fits} fits, {torch.get_num_threads()} threads; scikit-learn timed on streams "
        f"{', '.join(str(s) for s in spaced)} and one fold a repeat, scaled by the number of fits. Held-out predictions agree for "
        f"{100 * agreement:.2f} %, mean log-loss differs by {loss_difference:+.1e} nats"
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
            "agreement": agreement,
            "log_loss_difference": loss_difference,
            "largest_log_loss_difference": float(np.abs(differences).max()),
            "cpu_seconds_ratio": median(o / r for r, o in zip(reference_cpu, ours_cpu, strict=True)),
            "gradient_norm": scored.gradient_norm,
            "refined_streams": scored.n_refined,
        },
    )


def _captured_sums(checkpoint: Checkpoint) -> tuple[Float[Tensor, "item stream d_model"], list[int]]:
    """All sums of 0..10 and 0..10 but 0 + 0, in five wordings: 600 items and 20 labels at the last position."""
    prompts, labels = [], []
    for wording, text in enumerate(WORDINGS):
        for a, b in product(range(11), range(11)):
            if a + b == 0:
                continue
            ids = checkpoint.encode(text.format(a=a, b=b))
            prompts.append(Prompt(f"{wording}:{a}+{b}", ids, {"last": len(ids) - 1}))
            labels.append(a + b)
    streams = torch.empty(len(prompts), checkpoint.n_layers + 1, checkpoint.d_model)
    for part in capture(TorchHooks(checkpoint), prompts, pad_id=checkpoint.pad_id, device=checkpoint.device):
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


def _sklearn_loop(
    x: Float[np.ndarray, "item stream d_model"],
    labels: Int[np.ndarray, " item"],
    split: tuple[np.ndarray, np.ndarray],
    penalties: Sequence[float],
) -> tuple[Int[np.ndarray, "penalty stream test"], Float[np.ndarray, "penalty stream test"]]:
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    train, test = split
    shape = (len(penalties), x.shape[1], len(test))
    predicted, log_likelihood = np.zeros(shape, dtype=np.int64), np.zeros(shape)
    for stream in range(x.shape[1]):
        scaler = StandardScaler().fit(x[train, stream])
        fit_on, score_on = scaler.transform(x[train, stream]), scaler.transform(x[test, stream])
        for index, penalty in enumerate(penalties):
            model = LogisticRegression(C=1 / (len(train) * penalty), max_iter=SKLEARN_ITERATIONS)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                model.fit(fit_on, labels[train])
                scores = model.predict_log_proba(score_on)
            predicted[index, stream] = model.classes_[scores.argmax(1)]
            column = np.searchsorted(model.classes_, labels[test]).clip(max=len(model.classes_) - 1)
            seen = model.classes_[column] == labels[test]
            log_likelihood[index, stream] = np.where(
                seen, scores[np.arange(len(test)), column], -np.log(len(train) + 1)
            )
    return predicted, log_likelihood
