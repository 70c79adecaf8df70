"""What does every measure say of every item, and of how it changed? From rows to arrays, from arrays to a change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float

from strata.experiments.compare.measure_agreement import agreement
from strata.experiments.compare.paired_estimates import paired
from strata.experiments.results.answer_measures import AGREEING, MEASURES, Name, deciding, value_of
from strata.experiments.results.comparison import AnswerChange
from strata.experiments.results.estimates import Contrasted
from strata.experiments.results.roles import Role
from strata.experiments.results.rows import Row

DECIDING = "accuracy"
"""Name of the measure that decides whether an item is answered right."""
MEASURED: tuple[str, ...] = (DECIDING, *(measure.name for measure in AGREEING))
Values = Float[np.ndarray, " item"]
"""NaN: the item has no such value."""


def values_of(rows: Sequence[Row | None], measure: str) -> Values:
    """One measure of each item's row; None: a row that isn't there."""
    if measure == DECIDING:
        return np.array(
            [np.nan if row is None or row["answered"] is None else float(bool(row["answered"])) for row in rows]
        )
    known = MEASURES[_named(measure)]
    found = [None if row is None else value_of(row, known) for row in rows]
    return np.array([np.nan if value is None else float(value) for value in found])


def decided_alike(rows: Sequence[Sequence[Row | None]]) -> np.ndarray:
    """Of each item whether one measure decides for it in all of the tables. Tokenizers may differ in that: its answers can't be paired."""
    return np.array(
        [len({deciding(row) for row in of_item if row is not None}) <= 1 for of_item in zip(*rows, strict=True)]
    )


def estimated_change(
    values: Mapping[Role, Values], measure: str, clusters: Sequence[str], *, draws: int, seed: int
) -> Contrasted:
    """Paired by item."""
    shares = measure == DECIDING or MEASURES[_named(measure)].is_share
    return paired(values, clusters, draws=draws, seed=seed, shares=shares)


def with_measures(counted: AnswerChange, measures: Mapping[str, Contrasted]) -> AnswerChange:
    """The change with these measures of it, and what they agree in."""
    change = counted.model_copy(update=dict(measures))
    return change.model_copy(update={"agreement": agreement(change)})


def _named(measure: str) -> Name:
    return next(known.name for known in AGREEING if known.name == measure)
