"""What must not stand on both sides of a fold? The clusters given, else texts that are the same, else every item by itself."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence

import numpy as np
from jaxtyping import Int

from strata.probes.arguments.label_values import plain_values
from strata.probes.errors import StrataError


def of_each_item(values: Iterable[object], n_items: int, what: str) -> list[Hashable]:
    """One plain value per item, None where it is missing. Raises StrataError for another number, or one that can't be compared."""
    plain = plain_values(values, what)
    if len(plain) != n_items:
        raise StrataError(f"{n_items} items and {len(plain)} {what}s", f"Give one {what} per item")
    return plain


def clusters_of(
    clusters: Iterable[object] | None,
    kept: Int[np.ndarray, " kept"],
    n_items: int,
    token_ids: Sequence[Sequence[int]] | None = None,
) -> tuple[Hashable, ...]:
    """The cluster of every kept item.

    An item whose cluster is missing is its own. Without clusters, items of the same tokens are one, as far as tokens are known.
    Raises as `of_each_item` does.
    """
    if clusters is not None:
        names = of_each_item(clusters, n_items, "cluster")
        return tuple(("item", int(item)) if names[item] is None else names[item] for item in kept)
    if token_ids is None:
        return tuple(range(len(kept)))
    first: dict[tuple[int, ...], int] = {}
    return tuple(first.setdefault(tuple(token_ids[item]), place) for place, item in enumerate(kept))
