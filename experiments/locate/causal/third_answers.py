"""Whose pieces stand in for a pair's own: other items of its family whose answer is neither its answer nor its foil."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from strata.probes.interventions.minimal_pairs import Pair


def donors_of(pairs: Sequence[Pair], seed: int, most: int) -> list[list[int]]:
    """For each pair up to `most` others by index: those as long as it first, in an order of the seed's, answers in turn."""
    return [_of_pair(pairs, row, seed, most) for row in range(len(pairs))]


def _of_pair(pairs: Sequence[Pair], row: int, seed: int, most: int) -> list[int]:
    own = pairs[row]
    others = [
        index for index, pair in enumerate(pairs) if index != row and pair.answer_id not in (own.answer_id, own.foil_id)
    ]

    def draw(index: int) -> tuple[bool, bytes]:
        other = pairs[index]
        text = f"{seed} {own.key} {other.key}"
        return len(other.clean.ids) != len(own.clean.ids), hashlib.sha256(text.encode()).digest()

    return sorted(others, key=draw)[:most]
