"""Try it live: a prompt through the lens and a pair with one part patched, on the loaded model."""

from __future__ import annotations

from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from dash import Dash, Input, Output, State, dcc, html, no_update

from strata.dashboards.app.chosen_runs import GRAPH
from strata.dashboards.app.live_model import MOST_LETTERS, MOST_TOKENS, LiveModel, Pair
from strata.dashboards.app.run_table import name_of
from strata.dashboards.app.url_state import state_of
from strata.dashboards.figures.palette import Theme
from strata.dashboards.figures.prompt_lens import patched_blocks, prompt_lens
from strata.dashboards.sentences.served_browser import (
    CHOOSE_PAIR,
    LIVE_FIELDS,
    PATCH_IT,
    READ_IT,
    TRY_IT,
    WHICH_PAIR,
    WHICH_PART,
    differences_words,
    live_limits,
    part_words,
    read_words,
)
from strata.dashboards.visible_text import visible
from strata.experiments.items.jsonl import read_items
from strata.experiments.items.load import load_items
from strata.experiments.items.schema import Item
from strata.experiments.run.listing import RunList
from strata.probes.errors import StrataError
from strata.probes.interventions.cells import CELLS, Cell

_BUILT_IN = ("capital", "addition")
_MOST_PAIRS = 200
_FIELDS = ("prompt", "answer", "foil_prompt", "foil")


def live_panel(live: LiveModel) -> Any:
    """Four texts, a list of pairs to fill them, and a button for each thing that can be asked."""
    inputs = {
        name: html.Label([LIVE_FIELDS[name], dcc.Textarea(id=f"live-{name}", maxLength=MOST_LETTERS, rows=2) if name.endswith("prompt")
                          else dcc.Input(id=f"live-{name}", type="text", maxLength=200)])
        for name in _FIELDS
    }  # fmt: skip
    parts = [{"label": part_words(cell), "value": cell} for cell in CELLS]
    return html.Section(
        [
            html.H2(TRY_IT),
            html.P(live_limits(name_of(live.spec), MOST_TOKENS), className="told"),
            html.Div([
                html.Label([WHICH_PAIR, dcc.Dropdown(id="live-pair", placeholder=CHOOSE_PAIR)]),
                html.Div([inputs["prompt"], inputs["answer"]], className="texts"),
                html.Div([inputs["foil_prompt"], inputs["foil"]], className="texts"),
                html.Label([WHICH_PART, dcc.Dropdown(parts, "move", id="live-cell", clearable=False, searchable=False)]),
                html.Div([html.Button(READ_IT, id="live-read"), html.Button(PATCH_IT, id="live-patch")], className="chips"),
            ], className="live panel"),
            dcc.Loading(html.Div(id="live-lens", role="status")),
            dcc.Loading(html.Div(id="live-patched", role="status")),
        ],
        id="live", **{"aria-label": TRY_IT},
    )  # fmt: skip


def add_live_callbacks(app: Dash, live: LiveModel, runs: RunList) -> None:
    def _pairs(hash: str | None) -> Any:
        return [
            {"label": f"{visible(item.prompt[-80:])} → {visible(item.answer[:20])}", "value": place}
            for place, item in enumerate(_items(runs, state_of(hash).chosen))
        ]

    app.callback(Output("live-pair", "options"), Input("state", "data"))(_pairs)

    def _fill(place: int | None, hash: str | None) -> Any:
        items = _items(runs, state_of(hash).chosen)
        if place is None or not 0 <= place < len(items):
            return (no_update,) * len(_FIELDS)
        return tuple(getattr(items[place], name) for name in _FIELDS)

    app.callback(
        *(Output(f"live-{name}", "value") for name in _FIELDS), Input("live-pair", "value"), State("state", "data")
    )(_fill)

    def _read(_clicks: int | None, prompt: str | None, answer: str | None, scheme: Theme | None) -> Any:
        try:
            result = live.read(prompt or "", answer or "")
        except StrataError as error:
            return _refused(error)
        tokens = sum(token is not None for token in result.tokens[0])
        told = read_words(tokens, len(result.top_ids[0]))
        return html.Div(
            [html.P(told, className="told"), _graph(prompt_lens(result, 0, scheme or "light"))], className="panel"
        )

    app.callback(
        Output("live-lens", "children"), Input("live-read", "n_clicks"), State("live-prompt", "value"), State("live-answer", "value"),
        State("scheme", "data"), prevent_initial_call=True,
    )(_read)  # fmt: skip

    def _patch(
        _clicks: int | None,
        prompt: str | None,
        answer: str | None,
        foil_prompt: str | None,
        foil: str | None,
        cell: str | None,
        scheme: Theme | None,
    ) -> Any:
        chosen: Cell = next((known for known in CELLS if known == cell), "move")
        try:
            result, position = live.patched(Pair(prompt or "", answer or "", foil_prompt or "", foil or ""), chosen)
        except StrataError as error:
            return _refused(error)
        differences = differences_words(
            result.answers[0], result.foils[0], float(result.clean[0]), float(result.corrupted[0])
        )
        figure = patched_blocks(
            result, next(iter(result.shift)).component, position, part_words(chosen), scheme or "light"
        )
        return html.Div([html.P(differences, className="told"), _graph(figure)], className="panel")

    app.callback(
        Output("live-patched", "children"), Input("live-patch", "n_clicks"), *(State(f"live-{name}", "value") for name in _FIELDS),
        State("live-cell", "value"), State("scheme", "data"), prevent_initial_call=True,
    )(_patch)  # fmt: skip


def _items(runs: RunList, chosen: tuple[str, ...]) -> tuple[Item, ...]:
    """Pairs of the first chosen run that has any, else of two built-in families."""
    for key in chosen:
        run = runs.run(key)
        items = () if run is None else _pairs_of(run.directory / "items.jsonl", run.heard)
        if items:
            return items
    return _built_in()


@lru_cache(maxsize=8)
def _pairs_of(file: Path, _heard: float) -> tuple[Item, ...]:
    """Empty where there is no such file, or none that can be read."""
    try:
        return tuple(item for item in read_items(file) if item.foil_prompt and item.foil)[:_MOST_PAIRS]
    except StrataError:
        return ()


@cache
def _built_in() -> tuple[Item, ...]:
    return tuple(load_items(_BUILT_IN, per_family=8))


def _graph(figure: Any) -> Any:
    return dcc.Graph(figure=figure, config=GRAPH, className="plot")


def _refused(error: StrataError) -> Any:
    return html.P(visible(str(error)), role="alert", className="problem")
