"""Which classes do labels of any kind name, which items have none, and which labels are no classes at all?"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Int
from torch import Tensor

from strata.probes.arguments.label_values import plain_values
from strata.probes.errors import StrataError

NO_LABEL = "no label"
"""Reason of items that are excluded because their label is missing."""
MOST_FRACTIONS = 20
"""Distinct values up to which numbers with a fractional part are taken as classes."""
FEWEST_PER_NUMBER = 2
"""Items that a value of whole numbers must have on average to be taken as a class."""


@dataclass(frozen=True)
class Labels:
    """Labels as codes."""

    classes: tuple[Hashable, ...]
    """The distinct labels, sorted where they can be."""
    kept: Int[np.ndarray, " kept"]
    """Indices of the items that have a label."""
    codes: Int[np.ndarray, " kept"]
    """Index into `classes` of each of them."""
    excluded: Mapping[str, int]
    """Items without a label, counted by reason."""


def labels_of(labels: Sequence[Any] | np.ndarray | Tensor, n_items: int) -> Labels:
    """Codes of the labels of `n_items` items; None, NaN and pandas' NA are missing labels.

    Raises StrataError for another number of labels, for labels that can't be compared (lists, say), for fewer than two
    classes, and for a continuous or unique target, which names no classes.
    """
    values = plain_values(labels, "label")
    if len(values) != n_items:
        raise StrataError(f"{n_items} items and {len(values)} labels", "Give one label per item")
    kept = np.array([item for item, value in enumerate(values) if value is not None], dtype=np.int64)
    there = [values[item] for item in kept]
    classes = _sorted(list(dict.fromkeys(there)))
    _require_classes(classes, len(there), n_items)
    code = {value: index for index, value in enumerate(classes)}
    missing = n_items - len(kept)
    return Labels(
        classes,
        kept,
        np.array([code[value] for value in there], dtype=np.int64),
        {NO_LABEL: missing} if missing else {},
    )


def as_array(labels: Sequence[Any]) -> np.ndarray:
    """Labels as an array of their own type where they share one of Python's, else of objects."""
    kinds = {type(label) for label in labels}
    if len(kinds) == 1 and kinds <= {str, int, float, bool}:
        return np.array(labels)
    array = np.empty(len(labels), dtype=object)
    array[:] = labels
    return array


def label_to_json(label: Any) -> Any:
    """What JSON can hold of a label. Raises StrataError for one that would not come back as it was."""
    if isinstance(label, tuple):
        return {"tuple": [label_to_json(part) for part in label]}
    if label is None or isinstance(label, (str, int, float, bool)):
        return label
    raise StrataError(f"The label {label!r} ({type(label).__name__}) can't be saved", "Use texts or numbers as labels")


def label_from_json(label: Any) -> Any:
    """A label that `label_to_json` wrote."""
    return tuple(label_from_json(part) for part in label["tuple"]) if isinstance(label, dict) else label


def _sorted(values: list[Any]) -> tuple[Hashable, ...]:
    try:
        return tuple(sorted(values))
    except TypeError:
        return tuple(sorted(values, key=lambda value: (type(value).__name__, repr(value))))


def _require_classes(classes: Sequence[Any], n_labelled: int, n_items: int) -> None:
    if not classes:
        raise StrataError(f"None of the {n_items} items has a label", "Give labels of two or more classes")
    if len(classes) == 1:
        raise StrataError(
            f"All {n_labelled} labels are {_shown(classes[0])}", "A probe needs items of two or more classes"
        )
    numbers = all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in classes)
    fractions = numbers and any(float(value) != int(value) for value in classes if abs(value) != float("inf"))
    if len(classes) == n_labelled > 2 and not numbers:
        raise StrataError(
            f"All {n_labelled} labels are different, so none can be learnt from one item and found in another",
            "Label items with classes that several of them share",
        )
    if (fractions and len(classes) > MOST_FRACTIONS) or (
        numbers and len(classes) > 2 and n_labelled < FEWEST_PER_NUMBER * len(classes)
    ):
        raise StrataError(
            f"The labels are {len(classes)} different numbers for {n_labelled} items: a continuous target, not classes",
            "Bin them into a few classes, for example below and above the median",
        )


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]}…"
