"""The items at the prompts one by one, as the page shows them: a column a field, a row an item."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from strata.dashboards.view.comparison.schema_part import ViewPart
from strata.experiments.compare.changed_items import Became
from strata.experiments.results.roles import Role

"""From base to distilled: answered no more in any way; only as asked no more; answered now; answered by both; by neither; not asked of one."""


class ItemTableView(ViewPart):
    state: Literal["ok", "not_run"]
    text: str
    """Why there is none; else empty."""
    item: tuple[str, ...] = ()
    kind: tuple[str, ...] = ()
    family: tuple[str, ...] = ()
    prompt: tuple[str, ...] = ()
    answer: tuple[str, ...] = ()
    became: tuple[Became, ...] = ()
    right: Mapping[Role, tuple[bool | None, ...]] = Field(default_factory=dict)
    """Answered right as asked."""
    other_ways: Mapping[Role, tuple[bool | None, ...]] = Field(default_factory=dict)
    """Answered right in another way."""
    logit_difference: Mapping[Role, tuple[float | None, ...]] = Field(default_factory=dict)
    """As asked."""
    change: tuple[float | None, ...] = ()
    """Of the logit difference, distilled − base."""
    map: Mapping[Role, tuple[bool, ...]] = Field(default_factory=dict)
    """Whether the model's own page holds its lens map."""
    counts: Mapping[Became, int] = Field(default_factory=dict)
