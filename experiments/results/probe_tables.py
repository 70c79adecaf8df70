"""The tables of a `probe`: what each row and column says. Whoever writes or reads one of them looks here."""

from __future__ import annotations

from typing import Annotated, TypedDict

from strata.experiments.results.column_types import High, Item, Low, Method, NClusters, NItems, Position, Stream
from strata.experiments.results.table import Table


class AccuracyRow(TypedDict, total=False):
    """One row a position, measure and stream."""

    position: Position
    measure: Annotated[
        str,
        "accuracy, log_loss; the controls majority, embedding, random_init; shuffled labels, and the true ones on the same folds "
        "(unshuffled); on held-out templates template_accuracy, control_accuracy and their difference selectivity",
    ]
    stream: Stream
    depth: Annotated[float, "of the stream, 0 to 1"]
    mean: Annotated[float, "over items; log_loss in nats"]
    low: Low
    high: High
    n_items: NItems
    n_clusters: NClusters
    method: Method


class FoldRow(TypedDict, total=False):
    """One row a position, stream and outer fold."""

    position: Position
    stream: Stream
    fold: Annotated[int, "the outer fold that was held out"]
    n_train: Annotated[int, "items of the other folds"]
    n_test: Annotated[int, "items of the fold"]
    accuracy: Annotated[float, "on the fold, as a share"]
    log_loss: Annotated[float, "mean on the fold, in nats"]
    majority: Annotated[float, "accuracy of always naming the commonest label of the training folds"]
    penalty: Annotated[float, "the chosen one, on inner folds"]


class PredictionRow(TypedDict, total=False):
    """One row an item, position and stream: what was predicted while the item was held out."""

    item: Item
    position: Position
    stream: Stream
    fold: Annotated[int, "the outer fold the item lies in"]
    cluster: Annotated[str, "what no fold shares"]
    label: Annotated[str, "the true one"]
    predicted: Annotated[str, "the likeliest one"]
    correct: Annotated[bool, "whether the two are the same"]
    log_likelihood: Annotated[float, "log-probability of the true label, in nats"]


class ShuffleRow(TypedDict, total=False):
    """One row a position, shuffle and stream: the maximum over streams is one draw of the null."""

    position: Position
    shuffle: Annotated[int, "number of the shuffle, from 0"]
    stream: Stream
    accuracy: Annotated[float, "on shuffled labels, as a share"]


ACCURACY = Table("accuracy", AccuracyRow)
FOLDS = Table("folds", FoldRow)
PREDICTIONS = Table("predictions", PredictionRow)
SHUFFLES = Table("shuffles", ShuffleRow)
PROBE_TABLES = (ACCURACY, FOLDS, PREDICTIONS, SHUFFLES)
"""What every finished `probe` holds."""
