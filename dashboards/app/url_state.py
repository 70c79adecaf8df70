"""What is being looked at? All of it stands behind the # of the address, so that a link or a reload shows the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args
from urllib.parse import parse_qsl, urlencode

from strata.dashboards.figures.palette import Theme

SortBy = Literal["run", "command", "models", "state", "started", "knowledge", "reasoning", "verdict"]
SORTS: tuple[SortBy, ...] = get_args(SortBy)
MOST_CHOSEN = 8
"""Runs on one set of axes."""
MOST_LETTERS = 200
"""Of what is searched for."""
_MOST_FIELDS = 64
_LONGEST_KEY = 4_000


@dataclass(frozen=True)
class BrowserState:
    """Defaults aren't written; what isn't known is ignored."""

    search: str = ""
    """Words that a run's name, models or problem must contain, each of them."""
    command: str = ""
    state: str = ""
    sort: SortBy = "started"
    up: bool = False
    page: int = 0
    chosen: tuple[str, ...] = ()
    """Keys of runs, in the order in which they were chosen."""
    kind: str = "knowledge"
    """Whose profiles are overlaid."""
    theme: Theme | Literal[""] = ""
    """Empty: as the system has it."""

    def address(self, **changes: Any) -> str:
        """`#…` of this state with some of it changed; whatever changes which rows there are begins at the first page."""
        state = replace(self, **changes)
        if not {"page", "chosen", "kind", "theme"} & set(changes) and changes:
            state = replace(state, page=0)
        return state.hash

    @property
    def hash(self) -> str:
        fields = [
            ("q", self.search), ("command", self.command), ("state", self.state), ("sort", self.sort if self.sort != "started" else ""),
            ("up", "1" if self.up else ""), ("page", str(self.page) if self.page else ""),
            ("kind", self.kind if self.kind != "knowledge" else ""), ("theme", self.theme),
            *(("run", key) for key in self.chosen),
        ]  # fmt: skip
        return f"#{urlencode([field for field in fields if field[1]])}"

    def toggled(self, key: str) -> str:
        """`#…` with one run more, or one fewer; beyond the most that are shown the one chosen first goes."""
        others = tuple(one for one in self.chosen if one != key)
        chosen = others if key in self.chosen else (*others, key)[-MOST_CHOSEN:]
        return self.address(chosen=chosen)


def state_of(hash: str | None) -> BrowserState:
    """What an address says, checked."""
    try:
        fields = parse_qsl((hash or "").removeprefix("#"), max_num_fields=_MOST_FIELDS, errors="replace")
    except ValueError:
        return BrowserState()
    given = dict(fields)
    sort: SortBy = next((name for name in SORTS if name == given.get("sort")), "started")
    theme: Theme | Literal[""] = (
        "dark" if given.get("theme") == "dark" else "light" if given.get("theme") == "light" else ""
    )
    page = given.get("page", "0")
    return BrowserState(
        search=given.get("q", "")[:MOST_LETTERS], command=given.get("command", "")[:20], state=given.get("state", "")[:20], sort=sort,
        up=given.get("up") == "1", page=int(page) if page.isascii() and page.isdigit() and len(page) < 6 else 0,
        chosen=_keys([value for name, value in fields if name == "run"]), kind=given.get("kind", "knowledge")[:20], theme=theme,
    )  # fmt: skip


def _keys(given: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(key for key in given if len(key) <= _LONGEST_KEY))[:MOST_CHOSEN]
