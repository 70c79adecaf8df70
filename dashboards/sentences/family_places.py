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
    placed = _by_size({name: family for name, family in families.items() if family.kind == kind})
    return ", ".join(_of_cell(cell, members) for cell, members in placed if cell != except_by)


def parts_and_families(families: Mapping[str, FamilyResult], of: int) -> str:
    """`MLP at the subject in 3 of 6 families, attention at the last token in 2`; empty where none is placed. `of`: that could have been."""
    placed = _by_size(families)
    parts = [
        (cell_label(cell, span_words(one.span for one in members.values())), len(members)) for cell, members in placed
    ]
    first = [f"{label} in {n} of {count(of, 'family', 'families')}" for label, n in parts[:1]]
    nowhere = of - sum(n for _, n in parts)
    none = [f"none is shown in {nowhere}"] if parts and nowhere > 0 else []
    return ", ".join([*first, *(f"{label} in {n}" for label, n in parts[1:]), *none])


def _by_size(families: Mapping[str, FamilyResult]) -> list[tuple[Cell, dict[str, FamilyResult]]]:
    """Placed families by the part that makes their answers, the part of most families first."""
    placed: dict[Cell, dict[str, FamilyResult]] = defaultdict(dict)
    for name, family in families.items():
        if family.place is not None:
            placed[family.place.cell][name] = family
    return sorted(placed.items(), key=lambda of_cell: -len(of_cell[1]))


def _of_cell(cell: Cell, members: Mapping[str, FamilyResult]) -> str:
    names = sorted(members)
    if len(names) > _MOST_NAMED + 1:
        names = [*names[:_MOST_NAMED], count(len(names) - _MOST_NAMED, "more family", "more families")]
    support = min(family.place.support for family in members.values() if family.place is not None)
    label = cell_label(cell, span_words(family.span for family in members.values()))
    share = draws_share(support)
    least = "at least " if len(members) > 1 and share != draws_share(1.0) else ""
    return f"{listed(names)} by {label} ({cell}, {least}{share} of draws)"


def draws_share(support: float) -> str:
    """In which share of the draws of entities a family has the same place: `49 %`."""
    return f"{100 * support:.0f} %"
