"""Which maps of attention heads are there? A row a block of the parts of the model whose heads were edited one by one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from strata.dashboards.number_formats import significant
from strata.dashboards.view.schema_heads import HeadMap, HeadMapRow
from strata.dashboards.view.schema_parts import Number, Numbers
from strata.experiments.results.families import FamilyResult
from strata.experiments.results.kinds import Localisation
from strata.experiments.results.locate_tables import HeadRow
from strata.probes.interventions.cells import CELLS

_LEAST_LIMIT = 0.1
"""Colours don't reach further than this share of the answer: noise would look like a finding."""


def head_maps(rows: Sequence[HeadRow], localisation: Localisation, order: Sequence[str]) -> Iterator[HeadMap]:
    """In the `order` of the families; none where no head was edited."""
    if not rows:
        return
    heads = max(row.head for row in rows) + 1
    limit = max([_LEAST_LIMIT, *(abs(row.effect) for row in rows)])
    for name in order:
        own = [row for row in rows if row.family == name]
        if own and name in localisation.families:
            family = localisation.families[name]
            yield HeadMap(
                family=name, kind=family.kind, span=family.span, pairs=own[0].n_pairs, heads=heads, limit=round(limit, 5),
                rows=tuple(_rows(own, family, heads)),
            )  # fmt: skip


def _rows(own: Sequence[HeadRow], family: FamilyResult, heads: int) -> Iterator[HeadMapRow]:
    chosen = {(of.cell, *head) for of in family.head_sets for head in of.heads}
    for cell in CELLS:
        for block in sorted({row.block for row in own if row.cell == cell}):
            here = {row.head: row for row in own if (row.cell, row.block) == (cell, block)}

            def column(field: str, here: dict[int, HeadRow] = here) -> Numbers:
                return tuple(_number(getattr(here[head], field)) if head in here else None for head in range(heads))

            yield HeadMapRow(
                cell=cell, block=block, effect=column("effect"), low=column("low"), high=column("high"), p=column("p"),
                attention=column("attention"), chosen=tuple(head for head in range(heads) if (cell, block, head) in chosen),
            )  # fmt: skip


def _number(value: float | None) -> Number:
    return significant(value)
