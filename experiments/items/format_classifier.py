"""How well can a classifier that sees only the form of prompts tell their labels apart?"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int

from strata.experiments.items.alignment import EncodedItem, Encoder

Array = np.ndarray

_FOLDS = 5
_INNER_FOLDS = 3
_PENALTIES = (0.01, 0.1, 1.0, 10.0)
_DRAWS = 2000
_MOST_ITEMS = 1000
_MOST_TOKENS = 4096


@dataclass(frozen=True)
class FormatResult:
    """Held-out accuracy of the format-only classifier."""

    accuracy: float
    """Share of items whose label it names, on folds that share no cluster with its training data."""
    low: float
    """Lower end of the 95 % interval (bootstrap over clusters)."""
    high: float
    """Upper end."""
    chance: float
    """Share of the most common label."""
    n: int
    """Items."""
    n_clusters: int
    """Clusters."""
    labels: tuple[str, ...]
    """What it tells apart."""

    @property
    def contains_chance(self) -> bool:
        """Whether form alone does no better than naming the most common label; if not, the contrast is void.

        Below chance counts as no better: with balanced labels, a word of a held-out cluster is rarer in training
        under that cluster's own label, so a classifier without information tends to name the other one.
        """
        return self.low <= self.chance


def format_accuracy(
    encoded: Sequence[EncodedItem], labels: Sequence[str], encoder: Encoder, *, seed: int = 0
) -> FormatResult:
    """Ridge classification of `labels` from form, with grouped folds and a nested choice of penalty.

    Features: prompt length in tokens, count of every token, number of choices, type and length of the answer,
    source. Above 1,000 items a random 1,000 by whole clusters are used. Needs two clusters and two labels.
    """
    rng = np.random.default_rng(seed)
    _, clusters = np.unique([encoded_item.item.cluster for encoded_item in encoded], return_inverse=True)
    chosen = _some_clusters(clusters, rng)
    sample = [encoded_item for encoded_item, keep in zip(encoded, chosen, strict=True) if keep]
    _, groups = np.unique(clusters[chosen], return_inverse=True)
    classes, target = np.unique(np.asarray(labels)[chosen], return_inverse=True)
    features = _features(sample, encoder)
    gram = features @ features.T
    correct = np.zeros(len(sample), dtype=bool)
    fold_of = _folds(groups, _FOLDS, rng)
    for fold in range(int(fold_of.max()) + 1):
        train, test = np.flatnonzero(fold_of != fold), np.flatnonzero(fold_of == fold)
        penalty = _best_penalty(gram, target, groups, train, len(classes), rng)
        scores = ridge_scores(gram, target, train, test, len(classes), (penalty,))[0]
        correct[test] = _decide(scores, rng) == target[test]
    low, high = _interval(correct, groups, rng)
    return FormatResult(
        accuracy=float(correct.mean()),
        low=low,
        high=high,
        chance=float(np.bincount(target).max() / len(target)),
        n=len(sample),
        n_clusters=int(groups.max()) + 1,
        labels=tuple(str(name) for name in classes),
    )


def _some_clusters(clusters: Int[Array, " item"], rng: np.random.Generator) -> Array:
    """Which items to keep: whole clusters in random order up to the limit."""
    if len(clusters) <= _MOST_ITEMS:
        return np.ones(len(clusters), dtype=bool)
    order = rng.permutation(int(clusters.max()) + 1)
    sizes = np.bincount(clusters)[order]
    taken = order[: max(2, int(np.searchsorted(np.cumsum(sizes), _MOST_ITEMS, side="right")))]
    return np.isin(clusters, taken)


def _features(encoded: Sequence[EncodedItem], encoder: Encoder) -> Float[Array, "item feature"]:
    """Form of each prompt, every column with mean 0 and variance 1; columns that never vary are dropped."""
    count: dict[int, int] = {}
    for encoded_item in encoded:
        for id in encoded_item.prompt.ids:
            count[id] = count.get(id, 0) + 1
    common = sorted(count, key=lambda id: (-count[id], id))[:_MOST_TOKENS]
    column = {id: index for index, id in enumerate(common)}
    tokens = np.zeros((len(encoded), len(common)), dtype=np.float64)
    for row, encoded_item in enumerate(encoded):
        for id in encoded_item.prompt.ids:
            if id in column:
                tokens[row, column[id]] += 1
    sources = sorted({encoded_item.item.source for encoded_item in encoded})
    other = np.array(
        [
            [
                len(encoded_item.prompt.ids),
                len(encoded_item.item.choices),
                len(encoded_item.answer_ids),
                *_answer_type(encoder.token_text(encoded_item.answer_id)),
                *(float(encoded_item.item.source == source) for source in sources),
            ]
            for encoded_item in encoded
        ],
        dtype=np.float64,
    )
    features = np.concatenate([other, tokens], axis=1)
    spread = features.std(axis=0)
    varying = spread > 0
    return (features[:, varying] - features[:, varying].mean(axis=0)) / spread[varying]


def _answer_type(text: str) -> tuple[float, ...]:
    """Whether the scored token begins with a space, is a number, a capitalised word, a word, anything else."""
    bare = text.strip()
    number, word = bool(re.fullmatch(r"[\d.,]+", bare)), bare.isalpha()
    kinds = (text[:1].isspace(), number, word and bare[0].isupper(), word, not number and not word)
    return tuple(float(kind) for kind in kinds)


def _folds(groups: Int[Array, " item"], count: int, rng: np.random.Generator) -> Int[Array, " item"]:
    """A fold for every item so that no group is split and folds are about equally large.

    Not scikit-learn's GroupKFold: that is an extra here, and breaks ties another way, so every published number would move.
    """
    sizes = np.bincount(groups)
    order = rng.permutation(len(sizes))
    order = order[np.argsort(-sizes[order], kind="stable")]
    filled = np.zeros(min(count, len(sizes)))
    fold_of_group = np.zeros(len(sizes), dtype=np.int64)
    for group in order:
        fold_of_group[group] = int(filled.argmin())
        filled[fold_of_group[group]] += sizes[group]
    return fold_of_group[groups]


def ridge_scores(
    gram: Float[Array, "item item"],
    target: Int[Array, " item"],
    train: Int[Array, " train"],
    test: Int[Array, " test"],
    n_classes: int,
    penalties: Sequence[float],
) -> Float[Array, "penalty test label"]:
    """Scores of one-against-rest ridge regression with an intercept, in closed form over items.

    `gram` holds the inner products of all items' features: there are fewer items than features. A penalty is
    relative to the mean squared norm of a centred row, so that its meaning doesn't change with the features.
    """
    inner, cross = gram[np.ix_(train, train)], gram[np.ix_(test, train)]
    mean, grand = inner.mean(axis=0), inner.mean()
    # Inner products after the training mean is taken off every row.
    centred = inner - mean[:, None] - mean[None, :] + grand
    cross = cross - cross.mean(axis=1, keepdims=True) - mean[None, :] + grand
    onehot = np.eye(n_classes)[target[train]]
    prior = onehot.mean(axis=0)
    scale = max(float(np.trace(centred)) / len(train), 1e-12)
    shifts = torch.tensor(penalties, dtype=torch.float64)[:, None, None] * scale
    system = torch.from_numpy(centred) + shifts * torch.eye(len(train), dtype=torch.float64)
    solved = torch.cholesky_solve(torch.from_numpy(onehot - prior), torch.linalg.cholesky(system))
    return (torch.from_numpy(cross) @ solved).numpy() + prior


def _decide(scores: Float[Array, "item label"], rng: np.random.Generator) -> Int[Array, " item"]:
    """The label with the highest score; ties at random, since a constant score says nothing."""
    best = np.isclose(scores, scores.max(axis=1, keepdims=True), rtol=0, atol=1e-9)
    return np.where(best, rng.random(scores.shape), -1.0).argmax(axis=1)


def _best_penalty(
    gram: Float[Array, "item item"],
    target: Int[Array, " item"],
    groups: Int[Array, " item"],
    rows: Int[Array, " train"],
    n_classes: int,
    rng: np.random.Generator,
) -> float:
    """The penalty with the most hits on grouped folds within `rows`."""
    _, dense = np.unique(groups[rows], return_inverse=True)
    if int(dense.max()) < 1:
        return 1.0
    fold_of = _folds(dense, _INNER_FOLDS, rng)
    right = np.zeros(len(_PENALTIES))
    for fold in range(int(fold_of.max()) + 1):
        train, test = rows[fold_of != fold], rows[fold_of == fold]
        scores = ridge_scores(gram, target, train, test, n_classes, _PENALTIES)
        right += [(_decide(score, rng) == target[test]).sum() for score in scores]
    return _PENALTIES[int(right.argmax())]


def _interval(correct: Array, groups: Int[Array, " item"], rng: np.random.Generator) -> tuple[float, float]:
    """95 % percentile interval of the mean, resampling whole clusters."""
    hits, sizes = np.bincount(groups, weights=correct), np.bincount(groups)
    draws = rng.multinomial(len(sizes), np.full(len(sizes), 1 / len(sizes)), size=_DRAWS)
    means = (draws @ hits) / (draws @ sizes)
    return float(np.quantile(means, 0.025)), float(np.quantile(means, 0.975))
