"""The runs that were chosen, on one set of axes, and what differs between them: the same as `strata diff` tells."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from dash import dcc, html

from strata.dashboards.app.run_table import name_of
from strata.dashboards.app.url_state import BrowserState
from strata.dashboards.figures.figure_values import Width
from strata.dashboards.figures.overlaid_runs import (
    NamedLocalisation,
    NamedPlaces,
    overlaid_places,
    overlaid_profiles,
)
from strata.dashboards.figures.palette import Theme
from strata.dashboards.figures.stage_map import stage_map
from strata.dashboards.sentences.difference_tables import DifferenceTable, difference_tables, notes, setting_tables
from strata.dashboards.sentences.served_browser import (
    NOTHING_TO_OVERLAY,
    OVERLAID,
    PLACES,
    PROFILES,
    SAME_SETTINGS,
    TAKE_OFF,
    WHAT_DIFFERS,
    map_of,
    run_gone,
)
from strata.dashboards.view.comparison.cells import MapsOfModels, maps_of_models
from strata.dashboards.view.comparison.files import read_comparison
from strata.dashboards.visible_text import path_free, visible, without_paths
from strata.experiments.results.kinds import Localisation
from strata.experiments.run.diff_runs import diff_runs, settings_of
from strata.experiments.run.finished import finished_run
from strata.experiments.run.listing import ListedRun
from strata.experiments.run.summary_file import read_summary
from strata.probes.errors import StrataError

GRAPH: dict[str, str | bool] = {
    "displaylogo": False,
    "showSendToCloud": False,
    "plotlyServerURL": "",
    "displayModeBar": False,
    "responsive": True,
}
"""Configuration of every plot: nothing of it is sent anywhere."""
_KINDS = ("knowledge", "reasoning", "control")
_MOST_MAPS = 4


def chosen_runs(
    runs: Sequence[ListedRun], missing: Sequence[str], state: BrowserState, theme: Theme, width: Width = "wide"
) -> list[Any]:
    """Figures and tables of the chosen runs; nothing for none. `missing`: keys that lead to no run; `width`: of the window."""
    gone = [html.P(run_gone(name_of(key)), className="problem", role="status") for key in missing]
    if not runs:
        return gone
    names = _distinct([run.key for run in runs])
    titles = [
        html.Li([html.Bdi(name), " ", html.A(TAKE_OFF, href=state.toggled(run.key))])
        for run, name in zip(runs, names, strict=True)
    ]
    located = [
        NamedLocalisation(name, of) for run, name in zip(runs, names, strict=True) if (of := localisation_of(run))
    ]
    places = [one for run, name in zip(runs, names, strict=True) for one in _places(run, name)]
    parts: list[Any] = [html.H2(OVERLAID), html.Ul(titles, className="overlaid"), *gone]
    if places:
        parts.append(_figure(PLACES, dcc.Graph(figure=overlaid_places(places, theme), config=GRAPH, className="plot")))
    if located:
        links = [
            html.A(
                kind,
                href=state.address(kind=kind),
                className="chip",
                **({"aria-current": "true"} if kind == state.kind else {}),
            )
            for kind in _KINDS
        ]
        figure = overlaid_profiles(located, state.kind, theme)
        parts.append(
            _figure(
                PROFILES,
                html.Div(links, className="chips", role="group", **{"aria-label": "kind"}),
                dcc.Graph(figure=figure, config=GRAPH, className="plot"),
            )
        )
    else:
        parts.append(html.P(NOTHING_TO_OVERLAY))
    for one in located[:_MOST_MAPS]:
        parts.append(
            _figure(
                map_of(one.name),
                dcc.Graph(figure=stage_map(one.localisation, None, theme, width), config=GRAPH, className="plot map"),
            )
        )
    if len(runs) > 1:
        parts += list(_differences(runs, names))
    return parts


def localisation_of(run: ListedRun) -> Localisation | None:
    """Of a `locate` with places of the present rule; None of any other run, and where its summary isn't what its schema says."""
    if run.verb != "locate" or run.said is None:
        return None
    return _localisation(run.directory, run.heard)


@lru_cache(maxsize=64)
def _localisation(directory: Path, _heard: float) -> Localisation | None:
    try:
        summary = read_summary(directory)
    except StrataError:
        return None
    return None if summary.withdrawn else summary.localisation


def maps_of(run: ListedRun) -> MapsOfModels | None:
    """Of a comparison whose models have maps; None of any other run, and where its files aren't what their schemas say."""
    if run.verb != "compare" or run.said is None:
        return None
    return _maps(run.directory, run.heard)


@lru_cache(maxsize=64)
def _maps(directory: Path, _heard: float) -> MapsOfModels | None:
    try:
        return maps_of_models(read_comparison(directory))
    except StrataError:
        return None


def _places(run: ListedRun, name: str) -> Iterator[NamedPlaces]:
    """One a model of a comparison, and one of a `locate`; depth needs the number of blocks, which the place itself tells."""
    if run.said is None:
        return
    for model in dict.fromkeys(model for _, model in run.said.located):
        kinds = {kind: place for (kind, of), place in run.said.located.items() if of == model}
        known = [place for place in kinds.values() if place is not None and place.depth > 0]
        n_layers = max(1, round((known[0].layer + 0.5) / known[0].depth)) if known else 1
        yield NamedPlaces(f"{name}: {model}" if model else name, n_layers, kinds)


def _differences(runs: Sequence[ListedRun], names: Sequence[str]) -> Iterator[Any]:
    yield html.H2(WHAT_DIFFERS)
    with_manifest = [(run, name) for run, name in zip(runs, names, strict=True) if run.manifest is not None]
    if len(runs) == 2 and all(run.state == "done" and run.said is not None for run in runs):
        try:
            difference = diff_runs(finished_run(runs[0].directory), finished_run(runs[1].directory))
        except StrataError as error:
            yield html.P(path_free(str(error)), className="problem")
        else:
            yield from (html.P(note) for note in notes(difference))
            yield from map(_table, difference_tables(difference, (names[0], names[1])))
            return
    settings = settings_of([run.manifest for run, _ in with_manifest if run.manifest is not None])
    tables = setting_tables(
        settings.configuration, settings.models, settings.versions, [name for _, name in with_manifest]
    )
    yield from map(_table, tables)
    if not tables:
        yield html.P(SAME_SETTINGS)


def _table(table: DifferenceTable) -> Any:
    rows = [
        html.Tr(
            [html.Th(visible(row[0]), scope="row"), *(html.Td(html.Bdi(str(without_paths(cell)))) for cell in row[1:])]
        )
        for row in table.rows
    ]
    head = html.Tr([html.Th(html.Bdi(name), scope="col") for name in table.header])
    return html.Div(
        html.Table([html.Caption(html.B(table.title)), html.Thead(head), html.Tbody(rows)], className="plain"),
        className="wide difference",
        tabIndex=0,
    )


def _figure(told: str, *parts: Any) -> Any:
    return html.Div([html.P(told, className="told"), *parts], className="panel", role="group", **{"aria-label": told})


def _distinct(keys: Sequence[str]) -> list[str]:
    """Names without what all of them begin with, as long as each still says something."""
    parts = [key.split("/") for key in keys]
    common = 0
    if len(keys) > 1:
        while all(len(part) > common + 1 and part[common] == parts[0][common] for part in parts):
            common += 1
    return [name_of("/".join(part[common:])) for part in parts]
