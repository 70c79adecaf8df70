"""Which part of the model makes the answers of which families? Named where a kind's families don't agree."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from strata.dashboards.number_formats import count, listed
from strata.dashboards.sentences.places import cell_label, span_words
from strata.experiments.results.families import FamilyResult
from strata.probes.interventions.cells import Cell

_MOST_NAMED = 3
"""Of the families of one part; of more it is said how many there are."""


def family_places(kind: str, families: Mapping[str, FamilyResult], except_by: Cell | None = None) -> str:
    """`addition by MLP at the last token (work_out, 68 % of draws), …`; empty where no family is placed elsewhere.

    The share is that of the draws of clusters in which this part makes the answer, the lowest of several families.
    `except_by`: the part that the kind's own sentence names already.
    """
    placed: dict[Cell, dict[str, FamilyResult]] = defaultdict(dict)
    for name, family in families.items():
        if family.kind == kind and family.place is not None and family.place.cell != except_by:
            placed[family.place.cell][name] = family
    by_size = sorted(placed.items(), key=lambda of_cell: -len(of_cell[1]))
    return ", ".join(_of_cell(cell, members) for cell, members in by_size)


def _of_cell(cell: Cell, members: Mapping[str, FamilyResult]) -> str:
    names = sorted(members)
    if len(names) > _MOST_NAMED + 1:
        names = [*names[:_MOST_NAMED], count(len(names) - _MOST_NAMED, "more family", "more families")]
    support = min(family.place.support for family in members.values() if family.place is not None)
    label = cell_label(cell, span_words(family.span for family in members.values()))
    least = "at least " if len(members) > 1 else ""
    return f"{listed(names)} by {label} ({cell}, {least}{100 * support:.0f} % of draws)"
