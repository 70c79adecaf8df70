"""At which stream can a linear read-out name the label of an item it hasn't seen? The top entry of the probes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from strata.probes.errors import StrataError
from strata.probes.linear.control_task import control_labels
from strata.probes.linear.folds import Scheme, assign_folds, groups_of, splits_of
from strata.probes.linear.held_out import HeldOut, Precision, Split, score_held_out
from strata.probes.linear.mass_mean import score_mass_mean
from strata.probes.statistics.bootstrap import cluster_codes

PENALTIES: tuple[float, ...] = tuple(float(v) for v in np.logspace(2, -2.5, 10).round(6))
"""The default grid of λ, strongest first: half decades around the optimum for standardised activations."""


@dataclass(frozen=True)
class ProbeResult:
    """One target probed at every stream under one fold scheme; every kept item is tested exactly once."""

    probe: Literal["linear", "mass_mean"]
    """Which read-out."""
    scheme: Scheme
    """What the folds keep apart: entities, templates, or nothing."""
    seed: int
    """Seed of folds and control labels."""
    labels: tuple[str, ...]
    """Names of the label codes."""
    kept: Int[np.ndarray, " item"]
    """Indices into the items given, of those probed; every per-item field runs over these."""
    truth: Int[np.ndarray, " item"]
    """Label code of every item."""
    folds: Int[np.ndarray, " item"]
    """Fold in which an item was tested."""
    predicted: Int[np.ndarray, "item stream"]
    """Label code predicted while the item was held out."""
    correct: Bool[np.ndarray, "item stream"]
    """Whether that was right."""
    log_likelihood: Float[np.ndarray, "item stream"]
    """Natural log of the probability given to the true label while held out."""
    control_correct: Bool[np.ndarray, "item stream"] | None
    """The same for the control labels; null unless templates are held out and types shared."""
    majority_correct: Bool[np.ndarray, " item"]
    """Whether the most frequent label of the training items was right."""
    accuracy: Float[np.ndarray, "stream fold"]
    """Share of test items right."""
    log_loss: Float[np.ndarray, "stream fold"]
    """Mean negative log-likelihood of test items, nats."""
    control_accuracy: Float[np.ndarray, "stream fold"] | None
    """Accuracy on the control labels, same split."""
    selectivity: Float[np.ndarray, "stream fold"] | None
    """accuracy − control_accuracy."""
    majority: Float[np.ndarray, " fold"]
    """Accuracy of always answering the training majority."""
    penalty: Float[np.ndarray, "stream fold"] | None
    """λ chosen by inner folds of the training items; null for the mass-mean probe."""
    n_train: Int[np.ndarray, " fold"]
    """Training items."""
    n_test: Int[np.ndarray, " fold"]
    """Test items."""
    excluded: Mapping[str, int]
    """Items not probed, counted by reason."""
    gradient_norm: float
    """Largest gradient norm at the end of any fit: how well the optimum was met."""
    n_refined: int
    """Streams that needed float64."""


def probe_streams(  # fourteen parameters: items by four columns, and a setting for each choice of a probe, as in scikit-learn
    x: Float[Tensor, "item stream d_model"],
    labels: Sequence[object],
    clusters: Sequence[object],
    templates: Sequence[object],
    *,
    scheme: Scheme = "cluster",
    seed: int = 0,
    probe: Literal["linear", "mass_mean"] = "linear",
    penalties: Sequence[float] = PENALTIES,
    n_folds: int = 5,
    n_inner_folds: int = 3,
    device: torch.device | str | None = None,
    chunk: int | None = None,
    precision: Precision | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> ProbeResult:
    """Cross-validated linear probe of `labels` at every stream.

    For a baseline pass the embedding stream alone (`x[:, :1]`), a random-initialised model's activations, or permuted
    labels. Under `scheme="template"` there are as many folds as templates if those are fewer than `n_folds`, and the
    control task is scored too (1909.03368); under the other schemes it would be at chance, or leak, by construction.

    The penalty is chosen per stream and outer fold from one grid by the log-loss of inner group folds of its training
    items. Memory is bounded by `chunk` streams; results don't depend on it.

    Raises StrataError for non-finite activations, unequal lengths, fewer than two labels with two groups each, fewer
    groups than folds, a single template under `template`. Labels found in one group only are excluded and counted.

    >>> import torch
    >>> from strata.probes.linear.probe_streams import probe_streams
    >>> answers, entities, templates = ["yes", "no"] * 20, [n // 4 for n in range(40)], ["a", "a", "b", "b"] * 10
    >>> streams = torch.randn(40, 3, 8, generator=torch.Generator().manual_seed(0))
    >>> streams[::2, 2, 0] += 9                            # item, stream, d_model: "yes" is written into stream 2 only
    >>> result = probe_streams(streams, answers, entities, templates, scheme="template")
    >>> result.accuracy.mean(1).round(1)[2]
    np.float64(1.0)
    """
    _validate(x, labels, clusters, templates, penalties)
    names = cluster_codes([str(v) for v in labels])
    cluster, template = cluster_codes(clusters), cluster_codes(templates)
    kept = _with_two_groups(names, groups_of(scheme, cluster, template))
    label_names = sorted({str(labels[i]) for i in kept})
    if len(label_names) < 2:
        raise StrataError(
            f"Only {len(label_names)} label(s) occur in two or more groups of the {scheme!r} folds",
            "Probe a target whose labels are shared between groups, or use another fold scheme",
        )
    code = {name: i for i, name in enumerate(label_names)}
    truth = np.array([code[str(labels[i])] for i in kept], dtype=np.int64)
    cluster, template = cluster_codes(cluster[kept].tolist()), cluster_codes(template[kept].tolist())
    groups = groups_of(scheme, cluster, template)
    if scheme == "template":
        n_folds = min(n_folds, int(groups.max()) + 1)
        if n_folds < 2:
            raise StrataError("Folds by template need two templates, and these items have one", "Add a template")
    folds = assign_folds(truth, groups, n_folds, seed)
    splits = splits_of(folds)

    activations = x[torch.from_numpy(kept)] if len(kept) < len(labels) else x
    activations = activations.detach().to(device=device or x.device)
    targets = [truth]
    if scheme == "template":
        targets.append(control_labels(truth, cluster, seed + 1))
    y = torch.from_numpy(np.stack(targets)).to(activations.device)

    if probe == "mass_mean":
        outer = score_mass_mean(activations, y, len(label_names), splits)
        choice = np.zeros((x.shape[1], n_folds, len(targets)), dtype=np.int64)
    else:

        def solve(on: Sequence[Split]) -> HeldOut:
            return score_held_out(
                activations, y, len(label_names), on, penalties,
                precision=precision, chunk=chunk, progress=progress,
            )  # fmt: skip

        inner, owner = inner_splits(truth, groups, cluster, splits, n_inner_folds, seed)
        choice = choose_penalties(solve(inner), owner, n_folds)
        outer = solve(splits)
    predicted, log_likelihood = per_item(outer, choice, splits, len(kept))
    task = _Task(scheme, seed, label_names, len(labels), kept, truth, targets, folds, splits)
    penalty = None if probe == "mass_mean" else np.asarray(penalties)[choice[:, :, 0]]
    return _summary(task, probe, predicted, log_likelihood, penalty, outer)


@dataclass(frozen=True)
class _Task:
    """Which labels of which items were probed in which folds."""

    scheme: Scheme
    seed: int
    label_names: Sequence[str]
    n_given: int
    """Items given, those that were excluded among them."""
    kept: Int[np.ndarray, " kept"]
    truth: Int[np.ndarray, " kept"]
    targets: Sequence[Int[np.ndarray, " kept"]]
    """The true labels, and those of the control task where it is scored."""
    folds: Int[np.ndarray, " kept"]
    splits: Sequence[Split]


def _validate(
    x: Tensor,
    labels: Sequence[object],
    clusters: Sequence[object],
    templates: Sequence[object],
    penalties: Sequence[float],
) -> None:
    if not x.shape[0] == len(labels) == len(clusters) == len(templates):
        raise StrataError(
            f"{x.shape[0]} activations, {len(labels)} labels, {len(clusters)} clusters and {len(templates)} templates",
            "Give one of each per item",
        )
    if not penalties or min(penalties) <= 0:
        raise StrataError("Every penalty must be above 0", "Use a grid such as 10, 1, 0.1")
    require_finite(x)


def require_finite(x: Float[Tensor, "item stream d_model"]) -> None:
    """Raises StrataError that names the first item and stream with an infinite or undefined activation."""
    bad = torch.nonzero(~torch.isfinite(x).all(dim=2))
    if len(bad):
        item, stream = bad[0].tolist()
        # An overflow leaves at least the embedding; a position that a text lacks leaves nothing.
        nothing = bool(torch.isnan(x[item]).all())
        raise StrataError(
            f"The activation of item {item} at stream {stream} is not finite ({len(bad)} such item(s) x stream(s))",
            "Leave out items that lack the position (captured.present); if it is there, capture in float32 or bfloat16"
            if nothing
            else "Capture in float32 or bfloat16 instead of float16",
        )


def _with_two_groups(labels: np.ndarray, groups: np.ndarray) -> np.ndarray:
    pairs = np.unique(np.stack([labels, groups]), axis=1)
    return np.flatnonzero(np.bincount(pairs[0])[labels] >= 2)


def inner_splits(
    truth: np.ndarray, groups: np.ndarray, clusters: np.ndarray, splits: Sequence[Split], n_inner: int, seed: int
) -> tuple[list[Split], np.ndarray]:
    """Inner folds of every outer training set, and the outer fold that each belongs to."""
    inner: list[Split] = []
    owner: list[int] = []
    for fold, (train, _) in enumerate(splits):
        # With two templates the training items have one: the inner folds then keep entities apart, or at worst items.
        candidates = (groups[train], clusters[train], np.arange(len(train)))
        kept_together = next(g for g in candidates if len(np.unique(g)) >= 2)
        n_folds = min(n_inner, len(np.unique(kept_together)))
        for fit, score in splits_of(assign_folds(truth[train], kept_together, n_folds, seed + 1000 + fold)):
            inner.append((train[fit], train[score]))
            owner.append(fold)
    return inner, np.array(owner)


def choose_penalties(inner: HeldOut, owner: np.ndarray, n_folds: int) -> Int[np.ndarray, "stream fold target"]:
    """Index of the penalty with the best inner held-out likelihood."""
    total = inner.log_likelihood.double().sum(-1).cpu().numpy()
    per_fold = np.stack([total[:, :, owner == fold].sum(2) for fold in range(n_folds)], axis=2)
    return per_fold.argmax(0)


def per_item(
    outer: HeldOut, choice: np.ndarray, splits: Sequence[Split], n_items: int
) -> tuple[Int[np.ndarray, "target item stream"], Float[np.ndarray, "target item stream"]]:
    predicted, log_likelihood = outer.predicted.cpu().numpy(), outer.log_likelihood.cpu().numpy()
    _, n_streams, _, n_targets, _ = predicted.shape
    out_p = np.empty((n_targets, n_items, n_streams), dtype=np.int64)
    out_l = np.empty((n_targets, n_items, n_streams), dtype=np.float64)
    streams = np.arange(n_streams)
    for fold, (_, test) in enumerate(splits):
        for target in range(n_targets):
            best = choice[:, fold, target]
            out_p[target, test] = predicted[best, streams, fold, target, : len(test)].T
            out_l[target, test] = log_likelihood[best, streams, fold, target, : len(test)].T
    return out_p, out_l


def _summary(
    task: _Task,
    probe: Literal["linear", "mass_mean"],
    predicted: Int[np.ndarray, "target item stream"],
    log_likelihood: Float[np.ndarray, "target item stream"],
    penalty: Float[np.ndarray, "stream fold"] | None,
    outer: HeldOut,
) -> ProbeResult:
    truth, splits = task.truth, task.splits
    correct = [predicted[t] == target[:, None] for t, target in enumerate(task.targets)]
    majority_correct = np.empty(len(truth), dtype=bool)
    for train, test in splits:
        majority_correct[test] = truth[test] == np.bincount(truth[train]).argmax()

    def by_fold(values: np.ndarray) -> np.ndarray:
        return np.stack([values[test].mean(0) for _, test in splits], axis=-1)

    accuracy = by_fold(correct[0])
    control = by_fold(correct[1]) if len(correct) > 1 else None
    dropped = task.n_given - len(task.kept)
    return ProbeResult(
        probe=probe,
        scheme=task.scheme,
        seed=task.seed,
        labels=tuple(task.label_names),
        kept=task.kept,
        truth=truth,
        folds=task.folds,
        predicted=predicted[0],
        correct=correct[0],
        log_likelihood=log_likelihood[0],
        control_correct=correct[1] if len(correct) > 1 else None,
        majority_correct=majority_correct,
        accuracy=accuracy,
        log_loss=-by_fold(log_likelihood[0]),
        control_accuracy=control,
        selectivity=None if control is None else accuracy - control,
        majority=by_fold(majority_correct),
        penalty=penalty,
        n_train=np.array([len(train) for train, _ in splits]),
        n_test=np.array([len(test) for _, test in splits]),
        excluded={"label found in one group only": dropped} if dropped else {},
        gradient_norm=outer.gradient_norm,
        n_refined=outer.n_refined,
    )
