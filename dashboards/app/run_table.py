"""All runs in a table: filtered, sorted, a page at a time, each with its stage map in small and a link to its own page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import quote

from dash import html

from strata.dashboards.app.url_state import SORTS, BrowserState, SortBy
from strata.dashboards.sentences.listed_runs import ago, marks_words, place_lines, problem_words, state_words
from strata.dashboards.sentences.served_browser import (
    COLUMNS,
    SHOW_ALL,
    STAGE_MAP,
    none_fits,
    overlay_words,
    small_map,
    table_caption,
)
from strata.dashboards.visible_text import path_free, visible
from strata.experiments.items.schema import KNOWLEDGE_AND_REASONING
from strata.experiments.run.listing import ListedRun

ROWS = 50
"""Of a page."""
_LONGEST = 90
"""Letters of a name of somebody else's."""


def run_table(runs: Sequence[ListedRun], state: BrowserState, now: float, theme: str, pages_at: str) -> list[Any]:
    """The filters with their counts, the table, and links to its other pages. `now`: seconds since 1970. `pages_at`: as `page_of`."""
    searched = [run for run in runs if _contains(run, state.search, now)]
    shown = [run for run in searched if _fits(run, state)]
    shown.sort(key=lambda run: run.key)
    shown.sort(key=_SORTED_BY[state.sort], reverse=not state.up)
    pages = max(1, -(-len(shown) // ROWS))
    page = min(state.page, pages - 1)
    rows = shown[page * ROWS : (page + 1) * ROWS]
    heads = [_head(name, COLUMNS[name], state) for name in SORTS]
    body = [_row(run, state, now, theme, pages_at) for run in rows]
    empty = html.P(
        [
            none_fits(len(runs)),
            html.A(SHOW_ALL, href=BrowserState(theme=state.theme).hash),
        ]
    )
    table = html.Table(
        [
            html.Caption(table_caption(len(shown), len(runs), page, pages)),
            html.Thead(html.Tr([html.Th("overlay", scope="col"), *heads, html.Th(STAGE_MAP, scope="col")])),
            html.Tbody(body),
        ],
        className="plain runs",
    )
    return [
        _filters(searched, state),
        html.Div(table, className="wide", tabIndex=0) if rows else empty,
        _pages(state, page, pages),
    ]


def name_of(key: str) -> str:
    """The key of a run as it may be shown."""
    return visible(key if len(key) <= _LONGEST else f"{key[: _LONGEST - 20]}…{key[-19:]}")


def page_of(run: ListedRun, pages_at: str) -> str:
    """Address of its own page. `pages_at`: `Access.pages`."""
    return f"/run/{pages_at}/{quote(run.key, safe='/')}/report.html"


def _contains(run: ListedRun, words: str, now: float) -> bool:
    text = " ".join((run.key, run.verb, *run.models, problem_words(run, now))).lower()
    return all(word in text for word in words.lower().split())


def _fits(run: ListedRun, state: BrowserState) -> bool:
    return state.command in ("", run.verb) and state.state in ("", run.state)


def _depth(kind: str) -> Callable[[ListedRun], Any]:
    def key(run: ListedRun) -> tuple[bool, float]:
        places = (
            [] if run.said is None else [place for (of, _), place in run.said.located.items() if of == kind and place]
        )
        return (bool(places), places[0].depth if places else 0.0)

    return key


_SORTED_BY: dict[SortBy, Callable[[ListedRun], Any]] = {
    "run": lambda run: run.key,
    "command": lambda run: run.verb,
    "models": lambda run: run.models,
    "state": lambda run: run.state,
    "started": lambda run: ("" if run.manifest is None else run.manifest.started, run.heard),
    "knowledge": _depth("knowledge"),
    "reasoning": _depth("reasoning"),
    "verdict": lambda run: "" if run.said is None else run.said.verdict,
}


def _head(name: SortBy, words: str, state: BrowserState) -> Any:
    here = state.sort == name
    sorting = ("ascending" if state.up else "descending") if here else "none"
    arrow = (" ▲" if state.up else " ▼") if here else ""
    link = html.A(
        f"{words}{arrow}", href=state.address(sort=name, up=(not state.up) if here else name not in ("started",))
    )
    return html.Th(link, scope="col", **{"aria-sort": sorting})


def _filters(runs: Sequence[ListedRun], state: BrowserState) -> Any:
    groups = []
    for field, chosen, values in (
        ("command", state.command, [run.verb for run in runs if run.verb]),
        ("state", state.state, [run.state for run in runs]),
    ):
        known = sorted({*values, *([chosen] if chosen else [])})
        links = [_filter(state, field, "", "all", len(runs), chosen)]
        links += [_filter(state, field, value, value, values.count(value), chosen) for value in known]
        groups.append(
            html.Div([html.Span(f"{field} "), *links], className="chips", role="group", **{"aria-label": field})
        )
    return html.Div(groups, className="controls")


def _filter(state: BrowserState, field: str, value: str, words: str, n: int, chosen: str) -> Any:
    current = {"aria-current": "true"} if value == chosen else {}
    return html.A(f"{visible(words)} {n}", href=state.address(**{field: value}), className="chip", **current)


def _row(run: ListedRun, state: BrowserState, now: float, theme: str, pages_at: str) -> Any:
    name, chosen = name_of(run.key), run.key in state.chosen
    words, spoken = overlay_words(name, chosen)
    toggle = html.A(
        words, href=state.toggled(run.key), className="chip choose",
        **{"aria-label": spoken,
           **({"aria-current": "true"} if chosen else {})},
    )  # fmt: skip
    title: Any = html.A(name, href=page_of(run, pages_at), target="_blank", rel="noopener") if run.has_page else name
    marks = [html.Span(word, className="mark") for word in marks_words(run)]
    said = problem_words(run, now)
    problem = [html.Br(), html.Small(visible(said), className=f"problem problem-{run.state}")] if said else []
    models = [
        line for spec in run.models for line in (html.Bdi(name_of(path_free(spec)), className="token"), html.Br())
    ][:-1]
    started = "" if run.manifest is None else run.manifest.started[:16].replace("T", " ")
    cells = [
        html.Td(toggle),
        html.Th(html.Bdi([title, *marks, *problem]), scope="row"),
        html.Td(run.verb or "–"),
        html.Td(models or "–"),
        html.Td(state_words(run), className=f"state-{run.state}"),
        html.Td([started, html.Br(), html.Small(ago(now - run.heard))] if started else "–", className="when"),
        *(html.Td(_lines(place_lines(run, kind))) for kind in KNOWLEDGE_AND_REASONING),
        html.Td("–" if run.said is None else run.said.verdict or "–"),
        html.Td(_picture(run, name, theme)),
    ]
    return html.Tr(cells, className="chosen" if chosen else "")


def _lines(lines: Sequence[str]) -> Any:
    return [part for line in lines for part in (line, html.Br())][:-1] or "–"


def _picture(run: ListedRun, name: str, theme: str) -> Any:
    """Of a `locate` with places, and of a comparison of such."""
    if run.said is None or run.verb not in ("locate", "compare") or not run.said.located:
        return ""
    source = f"/small/{quote(run.key, safe='/')}.svg?theme={theme}&of={run.heard:.0f}"
    return html.Img(src=source, alt=small_map(name), width=220, height=84)


def _pages(state: BrowserState, page: int, pages: int) -> Any:
    if pages == 1:
        return html.Div()
    links = [
        html.A(str(number + 1), href=state.address(page=number), className="chip",
               **({"aria-current": "page"} if number == page else {}))
        for number in range(pages)
    ]  # fmt: skip
    return html.Nav(links, className="chips", **{"aria-label": "pages"})
