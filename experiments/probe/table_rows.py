"""How do the scores of a probe stand in the rows of a probe run's tables?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from strata.experiments.probe.labelled import Labelled
from strata.experiments.results.probe_tables import AccuracyRow, FoldRow, PredictionRow, ShuffleRow
from strata.probes.linear import ProbeScores
from strata.probes.statistics.bootstrap import Estimate


def accuracy_rows(position: str, scores: ProbeScores) -> list[AccuracyRow]:
    """Rows of `ACCURACY`."""
    n_streams = len(scores.accuracy)
    measured: dict[str, Sequence[Estimate | float]] = {
        "accuracy": scores.accuracy,
        "log_loss": (-scores.log_likelihood.mean(0)).tolist(),
        "majority": [scores.majority] * n_streams,
    }
    if scores.embedding is not None:
        measured["embedding"] = [scores.embedding] * n_streams
    if scores.unshuffled is not None:
        measured["shuffled"] = [_null(column, scores) for column in scores.shuffled.T]
        measured["unshuffled"] = scores.unshuffled.tolist()
    if scores.random_init is not None:
        measured["random_init"] = scores.random_init
    if scores.template is not None:
        measured["template_accuracy"] = scores.template.accuracy
        measured["control_accuracy"] = scores.template.control
        measured["selectivity"] = scores.template.selectivity
    return [
        _accuracy_row(position, measure, stream, stream / max(1, n_streams - 1), value, scores)
        for measure, values in measured.items()
        for stream, value in enumerate(values)
    ]


def fold_rows(position: str, scores: ProbeScores) -> Iterator[FoldRow]:
    """Rows of `FOLDS`."""
    n_items, n_streams = scores.correct.shape
    for fold in range(scores.penalty.shape[1]):
        test = scores.fold == fold
        for stream in range(n_streams):
            yield {
                "position": position, "stream": stream, "fold": fold, "n_train": n_items - int(test.sum()),
                "n_test": int(test.sum()), "accuracy": float(scores.correct[test, stream].mean()),
                "log_loss": float(-scores.log_likelihood[test, stream].mean()),
                "majority": float(scores.majority_correct[test].mean()), "penalty": float(scores.penalty[stream, fold]),
            }  # fmt: skip


def prediction_rows(position: str, scores: ProbeScores, items: Sequence[Labelled]) -> Iterator[PredictionRow]:
    """Rows of `PREDICTIONS`; `items` are those that were given to the cross-validation."""
    names = [str(label) for label in scores.classes]
    correct = scores.correct
    for row, index in enumerate(scores.kept):
        for stream in range(correct.shape[1]):
            yield {
                "item": items[index].id, "position": position, "stream": stream, "fold": int(scores.fold[row]),
                "cluster": str(scores.clusters[row]), "label": names[scores.truth[row]],
                "predicted": names[scores.predicted[row, stream]], "correct": bool(correct[row, stream]),
                "log_likelihood": float(scores.log_likelihood[row, stream]),
            }  # fmt: skip


def shuffle_rows(position: str, scores: ProbeScores) -> Iterator[ShuffleRow]:
    """Rows of `SHUFFLES`."""
    for shuffle, values in enumerate(scores.shuffled):
        for stream, value in enumerate(values):
            yield {"position": position, "shuffle": shuffle, "stream": stream, "accuracy": float(value)}


def _null(accuracies: np.ndarray, scores: ProbeScores) -> Estimate:
    """The middle and the central 95 % of the shuffles: a range, no interval of a mean."""
    low, high = (float(v) for v in np.quantile(accuracies, (0.025, 0.975)))
    n_clusters = len(set(scores.clusters))
    return Estimate(
        float(accuracies.mean()), low, high, len(scores.kept), n_clusters, f"central 95 % of {len(accuracies)} shuffles"
    )


def _accuracy_row(
    position: str, measure: str, stream: int, depth: float, value: Estimate | float, scores: ProbeScores
) -> AccuracyRow:
    if not isinstance(value, Estimate):
        value = Estimate(value, None, None, len(scores.kept), len(set(scores.clusters)), "no interval")
    return {
        "position": position, "measure": measure, "stream": stream, "depth": depth, "mean": value.value, "low": value.low,
        "high": value.high, "n_items": value.n_items, "n_clusters": value.n_clusters, "method": value.method,
    }  # fmt: skip
