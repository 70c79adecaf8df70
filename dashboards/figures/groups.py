"""Of which items are curves shown together? Two kinds, one of them, all side by side, or one family."""

from __future__ import annotations

from dataclasses import dataclass

from strata.dashboards.view.choice_names import of_family
from strata.dashboards.view.schema import View
from strata.experiments.items.schema import KNOWLEDGE_AND_REASONING


@dataclass(frozen=True)
class Group:
    """A kind, or one family of it."""

    kind: str
    family: str | None = None

    @property
    def label(self) -> str:
        return self.family or self.kind


def kinds_present(view: View) -> list[str]:
    """In the order of the page."""
    read = {kind.kind for kind in view.verdict.kinds} | {series.kind for series in view.series}
    return [kind for kind in view.labels.kinds if kind in read]


def main_kinds(kinds: list[str]) -> list[str]:
    """What is shown first: knowledge and reasoning as far as they were asked, else the first two."""
    return [kind for kind in kinds if kind in KNOWLEDGE_AND_REASONING] or kinds[:2]


def shown_groups(view: View) -> dict[str, list[Group]]:
    """By the name that the page's list and its links have for them."""
    kinds = kinds_present(view)
    main = main_kinds(kinds)
    shown = {"+".join(main): [Group(kind) for kind in main], "all": [Group(kind) for kind in kinds]}
    shown |= {kind: [Group(kind)] for kind in kinds}
    return shown | {of_family(row.family): [Group(row.kind, row.family)] for row in view.behaviour.rows}
