"""By which measure was it decided whether an item is answered?"""

from __future__ import annotations

from collections.abc import Mapping

from strata.experiments.results.answer_measures import ANSWERED_RIGHT, MEASURES, Name


def deciding_label(counts: Mapping[Name, int]) -> str:
    """`accuracy by choice`; of items that different measures decided `share answered right (40 by choice, 8 by likelihood)`."""
    if len(counts) == 1:
        return MEASURES[next(iter(counts))].label
    counted = ", ".join(f"{n} {MEASURES[name].decides}" for name, n in counts.items())
    return f"share {ANSWERED_RIGHT}{f' ({counted})' if counted else ''}"
