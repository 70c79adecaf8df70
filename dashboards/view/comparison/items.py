"""What became of each item? Base, distilled and control side by side, as asked and in other ways, with where its lens map is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from strata.dashboards.number_formats import significant
from strata.dashboards.sentences.page_parts import NOT_ASKED_IN_WAYS
from strata.dashboards.view.comparison.files import ComparisonRun
from strata.dashboards.view.comparison.schema_items import ItemTableView
from strata.dashboards.view.tables import lens_maps_of, table_rows
from strata.experiments.compare.changed_items import became_of
from strata.experiments.items.jsonl import read_items
from strata.experiments.items.schema import Item
from strata.experiments.results.roles import BASE, DISTILLED
from strata.experiments.results.rows import Row, text
from strata.experiments.results.ways_of_asking import AS_ASKED

Answers = Mapping[str, Row]
"""By id of the item."""


def build_items(run: ComparisonRun) -> ItemTableView:
    """Of the items that were asked in several ways, in the order of the run's file."""
    tables = {role: rows for role in run.roles if (rows := table_rows(run.run_dir / f"asked_{role}.parquet"))}
    file = run.run_dir / "items.jsonl"
    if BASE not in tables or not file.exists():
        return ItemTableView(state="not_run", text=NOT_ASKED_IN_WAYS)
    # Kinds of which nothing is claimed are asked as they are only.
    known = {text(row, "item") for row in tables[BASE]}
    items = [item for item in read_items(file) if item.id in known]
    asked = {role: _by_item(rows, as_asked=True) for role, rows in tables.items()}
    right = {role: tuple(_right(answers.get(item.id)) for item in items) for role, answers in asked.items()}
    others = {role: _in_other_ways(rows, items) for role, rows in tables.items()}
    margins = {role: tuple(_margin(answers.get(item.id)) for item in items) for role, answers in asked.items()}
    nothing: tuple[bool | None, ...] = (None,) * len(items)
    became = tuple(
        became_of(*of_item)
        for of_item in zip(right[BASE], right.get(DISTILLED, nothing), others.get(DISTILLED, nothing), strict=True)
    )
    after = margins.get(DISTILLED, (None,) * len(items))
    change = [None if b is None or a is None else a - b for b, a in zip(margins[BASE], after, strict=True)]
    mapped = {role: _mapped(run.run_dir / role) for role in tables}
    return ItemTableView(
        state="ok", text="", item=tuple(item.id for item in items), kind=tuple(item.kind for item in items),
        family=tuple(item.family for item in items), prompt=tuple(item.prompt for item in items),
        answer=tuple(item.answer for item in items), became=became, right=right, other_ways=others,
        logit_difference={role: tuple(map(significant, of_role)) for role, of_role in margins.items()},
        change=tuple(map(significant, change)),
        map={role: tuple(item.id in kept for item in items) for role, kept in mapped.items()}, counts=dict(Counter(became)),
    )  # fmt: skip


def _by_item(rows: Sequence[Row], *, as_asked: bool) -> Answers:
    return {text(row, "item"): row for row in rows if (row["way"] == AS_ASKED) is as_asked}


def _in_other_ways(rows: Sequence[Row], items: Sequence[Item]) -> tuple[bool | None, ...]:
    found: dict[str, bool] = {}
    for row in rows:
        if row["way"] != AS_ASKED:
            found[text(row, "item")] = found.get(text(row, "item"), False) or bool(row["answered"])
    return tuple(found.get(item.id) for item in items)


def _right(row: Row | None) -> bool | None:
    return None if row is None else bool(row["answered"])


def _margin(row: Row | None) -> float | None:
    value = None if row is None else row["logit_difference"]
    return None if value is None else float(value)


def _mapped(run: Path) -> frozenset[str]:
    kept = lens_maps_of(run)
    if kept is None:
        return frozenset()
    whole = [entry.item for entry in kept.maps]
    return frozenset([*whole, *(() if kept.read is None else (entry.item for entry in kept.read.items))])
