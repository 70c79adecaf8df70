"""The columns of a probe run's tables: whoever writes or reads one of them looks here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from strata.experiments.probe.labelled import Labelled
from strata.probes.linear import ProbeScores
from strata.probes.statistics.bootstrap import Estimate

TABLES = ("accuracy", "folds", "predictions", "shuffles")
"""What every finished probe run holds, each as NAME.parquet."""
_TEXT, _INT, _FLOAT, _BOOL = pa.string(), pa.int32(), pa.float64(), pa.bool_()

ACCURACY = pa.schema(
    {
        "position": _TEXT, "measure": _TEXT, "stream": _INT, "depth": _FLOAT, "mean": _FLOAT, "low": _FLOAT, "high": _FLOAT,
        "n_items": _INT, "n_clusters": _INT, "method": _TEXT,
    }
)  # fmt: skip
"""One row a position, measure and stream. Measures: accuracy, log_loss; the controls majority, embedding,
random_init; shuffled labels, and the true ones on the same folds (unshuffled); on held-out templates template_accuracy, control_accuracy and their difference selectivity."""

FOLDS = pa.schema(
    {
        "position": _TEXT, "stream": _INT, "fold": _INT, "n_train": _INT, "n_test": _INT, "accuracy": _FLOAT,
        "log_loss": _FLOAT, "majority": _FLOAT, "penalty": _FLOAT,
    }
)  # fmt: skip
"""One row a position, stream and outer fold."""

PREDICTIONS = pa.schema(
    {
        "item": _TEXT, "position": _TEXT, "stream": _INT, "fold": _INT, "cluster": _TEXT, "label": _TEXT, "predicted": _TEXT,
        "correct": _BOOL, "log_likelihood": _FLOAT,
    }
)  # fmt: skip
"""One row an item, position and stream: what was predicted while the item was held out."""

SHUFFLES = pa.schema({"position": _TEXT, "shuffle": _INT, "stream": _INT, "accuracy": _FLOAT})
"""One row a position, shuffle and stream: accuracy on shuffled labels; the maximum over streams is one draw of the null."""

SCHEMAS = {"accuracy": ACCURACY, "folds": FOLDS, "predictions": PREDICTIONS, "shuffles": SHUFFLES}


def accuracy_rows(position: str, scores: ProbeScores) -> list[dict[str, Any]]:
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
        {"position": position, "measure": measure, "stream": stream, "depth": stream / max(1, n_streams - 1)}
        | _numbers(value, scores)
        for measure, values in measured.items()
        for stream, value in enumerate(values)
    ]


def fold_rows(position: str, scores: ProbeScores) -> Iterator[dict[str, Any]]:
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


def prediction_rows(position: str, scores: ProbeScores, items: Sequence[Labelled]) -> Iterator[dict[str, Any]]:
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


def shuffle_rows(position: str, scores: ProbeScores) -> Iterator[dict[str, Any]]:
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


def _numbers(value: Estimate | float, scores: ProbeScores) -> dict[str, Any]:
    if isinstance(value, Estimate):
        return {
            "mean": value.value, "low": value.low, "high": value.high, "n_items": value.n_items,
            "n_clusters": value.n_clusters, "method": value.method,
        }  # fmt: skip
    return {
        "mean": value,
        "n_items": len(scores.kept),
        "n_clusters": len(set(scores.clusters)),
        "method": "no interval",
    }
