"""How much faster are all probes in one solve than scikit-learn in a loop, and do they say the same?"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from statistics import median
from time import perf_counter, process_time

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from dashboards.benchmarks.row import BenchmarkRow
from probes.errors import StrataError
from probes.linear import PENALTIES, assign_folds, score_held_out
from probes.linear.folds import splits_of

TARGET = 0.1
GPU_SECONDS = 60.0
GPU_ITEMS = 4000
N_FOLDS = 5
SKLEARN_ITERATIONS = 5000


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

    scikit-learn runs on `reference_streams` evenly spaced streams (one more of them each repeat, so that a repeat is
    affordable); its time is scaled by the number of fits. Its default tolerance is kept and its iteration limit raised,
    because at the default limit weak penalties stop far from the optimum. On a GPU `ours` runs there, the reference on the CPU.
    Agreement is measured on the held-out items of the streams that both fitted, over all folds and penalties.
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
    shares = np.array_split(spaced, min(repeats, len(spaced)))
    fits = n_streams * N_FOLDS * len(penalties)
    ours, reference, ours_cpu, reference_cpu = [], [], [], []
    same, compared, loss_gap, loss_gaps = 0, 0, 0.0, []
    for repeat in range(repeats):
        started, cpu = perf_counter(), process_time()
        scored = score_held_out(x, y, n_labels, splits, penalties)
        if on_gpu:
            torch.cuda.synchronize()
        ours.append(perf_counter() - started)
        ours_cpu.append(process_time() - cpu)

        part = shares[repeat % len(shares)]
        host = streams[:, torch.from_numpy(part)].float().cpu().numpy()
        started, cpu = perf_counter(), process_time()
        predicted, log_likelihood = _sklearn_loop(host, codes, splits, penalties)
        scale = fits / (len(part) * N_FOLDS * len(penalties))
        reference.append((perf_counter() - started) * scale)
        reference_cpu.append((process_time() - cpu) * scale)

        for fold, (_, test) in enumerate(splits):
            index = torch.from_numpy(part).to(x.device)
            mine = scored.predicted[:, index, fold, 0, : len(test)].cpu().numpy()
            mine_log = scored.log_likelihood[:, index, fold, 0, : len(test)].cpu().numpy()
            theirs = predicted[:, :, test]
            same += int((mine == theirs).sum())
            compared += mine.size
            difference = -mine_log + log_likelihood[:, :, test]
            loss_gap += float(difference.sum())
            loss_gaps.append(np.abs(difference.mean(-1)).max())
    ratio = median(o / r for r, o in zip(reference, ours, strict=True))
    agreement = same / compared
    loss_difference = loss_gap / compared
    note = (
        f"{len(codes)} items x {n_streams} streams x {x.shape[2]} dimensions, {n_labels} labels, {N_FOLDS} folds x "
        f"{len(penalties)} penalties = {fits} fits, {torch.get_num_threads()} threads; scikit-learn timed on streams "
        f"{', '.join(str(s) for s in spaced)} and scaled by the number of fits. Held-out predictions agree for "
        f"{100 * agreement:.2f} %, mean log-loss differs by {loss_difference:+.1e} nats. "
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
            "largest_log_loss_difference": float(max(loss_gaps)),
            "cpu_seconds_ratio": median(o / r for r, o in zip(reference_cpu, ours_cpu, strict=True)),
            "gradient_norm": scored.gradient_norm,
            "refined_streams": scored.n_refined,
        },
    )


def _sklearn_loop(
    x: Float[np.ndarray, "item stream d_model"],
    labels: Int[np.ndarray, " item"],
    splits: Sequence[tuple[np.ndarray, np.ndarray]],
    penalties: Sequence[float],
) -> tuple[Int[np.ndarray, "penalty stream item"], Float[np.ndarray, "penalty stream item"]]:
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    shape = (len(penalties), x.shape[1], len(labels))
    predicted, log_likelihood = np.zeros(shape, dtype=np.int64), np.zeros(shape)
    for stream in range(x.shape[1]):
        for train, test in splits:
            scaler = StandardScaler().fit(x[train, stream])
            fit_on, score_on = scaler.transform(x[train, stream]), scaler.transform(x[test, stream])
            for index, penalty in enumerate(penalties):
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    model = LogisticRegression(C=1 / (len(train) * penalty), max_iter=SKLEARN_ITERATIONS)
                    model.fit(fit_on, labels[train])
                    scores = model.predict_log_proba(score_on)
                predicted[index, stream, test] = model.classes_[scores.argmax(1)]
                column = np.searchsorted(model.classes_, labels[test]).clip(max=len(model.classes_) - 1)
                seen = model.classes_[column] == labels[test]
                log_p = scores[np.arange(len(test)), column]
                log_likelihood[index, stream, test] = np.where(seen, log_p, -np.log(len(train) + 1))
    return predicted, log_likelihood
