"""The served browser: its address, who may look, what it answers. Nothing is written into a run, nothing asked of another machine."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dash import ClientsideFunction, Dash, Input, Output, ctx, dcc, html, no_update
from flask import Flask, Response, abort, redirect, request, send_from_directory
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from strata.dashboards.app.access import COOKIE, TOKEN, Access
from strata.dashboards.app.chosen_runs import chosen_runs, localisation_of, maps_of
from strata.dashboards.app.run_table import page_of, run_table
from strata.dashboards.app.url_state import MOST_LETTERS, state_of
from strata.dashboards.figures.figure_values import NARROW_FROM, WIDE_FROM, Width
from strata.dashboards.figures.model_maps import model_maps
from strata.dashboards.figures.palette import PALETTES, Theme
from strata.dashboards.figures.small_picture import small_picture
from strata.dashboards.figures.stage_map import stage_map_json
from strata.dashboards.page.assets import asset
from strata.dashboards.sentences.served_browser import OVERLAID_RUNS, REFUSALS, RUNS, SKIP, runs_in
from strata.dashboards.visible_text import visible
from strata.experiments.run.listing import PAGE, ListedRun, RunList
from strata.probes.errors import StrataError

if TYPE_CHECKING:
    from strata.dashboards.app.live_model import LiveModel

LOOK_AGAIN = 5_000
"""Milliseconds between two looks at the runs."""
_AROUND = 70
"""Pixels of a window beside a figure."""
_POLICY = (
    "default-src 'none'; script-src 'self' {hashes}; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; connect-src 'self'; "
    "font-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)
_POLICY_OF_A_RUN = (
    "sandbox allow-scripts allow-downloads allow-modals allow-popups; default-src 'none'; script-src 'unsafe-inline' {origin}; "
    "style-src 'unsafe-inline'; img-src data: blob:; connect-src 'none'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)
"""A page is a run's, and a run may be somebody else's: in a sandbox it has an origin of its own, and can ask nothing of this server."""


def make_app(runs: RunList, access: Access, live: LiveModel | None = None) -> Dash:
    """The application; `live`: the model that prompts can be tried on."""
    app = Dash(
        "strata.dashboards.app", title=f"{visible(runs.root.resolve().name)} · Strata", update_title="", serve_locally=True, assets_folder=str(Path(__file__).parent / "assets"),
        index_string=_INDEX.replace("{style}", asset("page.css")), compress=False, add_log_handler=False, enable_mcp=False,
    )  # fmt: skip
    app.enable_dev_tools(debug=False)
    server: Flask = app.server
    app.layout = _layout(runs, live)
    _callbacks(app, runs, access)
    if live is not None:
        from strata.dashboards.app.live_panel import add_live_callbacks

        add_live_callbacks(app, live, runs)
    _routes(server, runs, access)
    hashes = " ".join(f"'{digest}'" if not digest.startswith("'") else digest for digest in app.csp_hashes())
    _guard(server, access, _POLICY.format(hashes=hashes))
    return app


def listening(app: Dash, access: Access, port: int) -> BaseWSGIServer:
    """A server that is ready to `serve_forever`. Raises StrataError where the address can't be used. Port 0: any that is free."""
    try:
        return make_server(access.host, port, app.server, threaded=True, request_handler=_Silent)
    except (OSError, SystemExit, OverflowError) as error:
        raise StrataError(
            f"{access.host}:{port} can't be listened on", "Give another --port, or --port 0 for one that is free"
        ) from error


class _Silent(WSGIRequestHandler):
    """Says nothing of every request."""

    def log(self, type: str, message: str, *args: Any) -> None:
        pass


def _layout(runs: RunList, live: LiveModel | None) -> Any:
    parts: list[Any] = [
        dcc.Location(id="address", refresh=False),
        dcc.Store(id="state"),
        dcc.Store(id="scheme"),
        dcc.Store(id="layout"),
        dcc.Store(id="layouts", data=[WIDE_FROM, NARROW_FROM, _AROUND]),
        dcc.Interval(id="tick", interval=LOOK_AGAIN),
        html.A(SKIP, href="#table", className="skip"),
        html.Header([
            html.H1(runs_in(runs.root.resolve().name)),
            html.Div([
                html.Label(["search ", dcc.Input(id="search", type="search", debounce=0.3, maxLength=MOST_LETTERS)]),
                html.Span(id="themes", className="chips"),
            ], className="controls"),
        ]),
        html.Main([
            html.Section(id="table", **{"aria-label": RUNS, "aria-live": "off"}),
            html.Section(id="chosen", **{"aria-label": OVERLAID_RUNS}),
        ]),
    ]  # fmt: skip
    if live is not None:
        from strata.dashboards.app.live_panel import live_panel

        parts[-1].children.append(live_panel(live))
    return html.Div(parts, className="app")


def _callbacks(app: Dash, runs: RunList, access: Access) -> None:
    app.clientside_callback(ClientsideFunction("strata", "scheme"), Output("scheme", "data"), Input("address", "hash"))
    app.clientside_callback(ClientsideFunction("strata", "layout"), Output("layout", "data"), Input("layouts", "data"))

    def _state(hash: str | None, search: str | None) -> tuple[Any, Any, Any]:
        state = state_of(hash)
        if ctx.triggered_id == "search":
            changed = state.address(search=(search or "")[:MOST_LETTERS])
            return changed, changed, no_update
        return state.hash, no_update, state.search

    app.callback(
        Output("state", "data"), Output("address", "hash"), Output("search", "value"), Input("address", "hash"),
        Input("search", "value"),
    )(_state)  # fmt: skip

    def _table(hash: str | None, scheme: Theme | None, _n: int | None) -> tuple[Any, Any]:
        state, theme = state_of(hash), scheme or "light"
        links = [
            html.A(name, href=state.address(theme=name), className="chip", **({"aria-current": "true"} if theme == name else {}))
            for name in ("light", "dark")
        ]  # fmt: skip
        try:
            return run_table(runs.runs(), state, time.time(), theme, access.pages), links
        except StrataError as error:
            return html.P(str(error), role="alert", className="problem"), links

    app.callback(
        Output("table", "children"), Output("themes", "children"), Input("state", "data"), Input("scheme", "data"), Input("tick", "n_intervals"),
    )(_table)  # fmt: skip

    def _chosen(hash: str | None, scheme: Theme | None, width: Width | None) -> Any:
        state = state_of(hash)
        by_key = {run.key: run for run in runs.runs()} if state.chosen else {}
        found = [by_key[key] for key in state.chosen if key in by_key]
        gone = [key for key in state.chosen if key not in by_key]
        return chosen_runs(found, gone, state, scheme or "light", width or "wide")

    app.callback(
        Output("chosen", "children"), Input("state", "data"), Input("scheme", "data"), Input("layout", "data")
    )(_chosen)


def _routes(server: Flask, runs: RunList, access: Access) -> None:
    def run_of(key: str) -> ListedRun:
        run = runs.run(key)
        if run is None:
            abort(404)
        return run

    def page(pages: str, key: str) -> Any:
        run = run_of(key)
        if pages != access.pages:  # of a server that has ended
            return redirect(page_of(run, access.pages))
        return _file_of_run(run, run.directory, PAGE)

    def side_file(pages: str, key: str, name: str) -> Response:
        run = run_of(key)
        if pages != access.pages:
            abort(404)
        return _file_of_run(run, run.directory / "report_assets", name)

    def small(key: str) -> Response:
        theme: Theme = "dark" if request.args.get("theme") == "dark" else "light"
        picture = _picture_of(run_of(key), theme)
        if picture is None:
            abort(404)
        answer = Response(picture, mimetype="image/svg+xml")
        answer.headers["Cache-Control"] = "private, max-age=3600"
        return answer

    # Dash answers every other path with its page: these stand before it.
    for rule, view in (
        (f"/run/<pages>/<path:key>/{PAGE}", page),
        ("/run/<pages>/<path:key>/report_assets/<name>", side_file),
        ("/small/<path:key>.svg", small),
    ):
        server.add_url_rule(rule, view.__name__, view)


def _picture_of(run: ListedRun, theme: Theme) -> str | None:
    """The stage map of a `locate`, those of a comparison's models; None of any other run."""
    found, maps = localisation_of(run), maps_of(run)
    if found is not None:
        return small_picture(stage_map_json(found, None, theme))
    if maps is not None:
        drawn = model_maps(maps, None if maps.kinds else maps.families[0], name="", aria="", theme=theme)
        return small_picture({"data": drawn.data, "layout": drawn.layout})
    if run.verb != "compare":
        return None
    layout = {"paper_bgcolor": PALETTES[theme].card, "font": {"color": PALETTES[theme].text}}
    return small_picture({"data": [], "layout": layout})


def _file_of_run(run: ListedRun, folder: Path, name: str) -> Response:
    file = folder / name
    # A link in somebody else's run may lead anywhere.
    if not file.is_file() or not file.resolve().is_relative_to(run.directory.resolve()):
        abort(404)
    answer = send_from_directory(folder.resolve(), name)
    answer.headers["Content-Security-Policy"] = _POLICY_OF_A_RUN.format(origin=request.host_url.rstrip("/"))
    answer.headers["Cache-Control"] = "no-cache"
    return answer


def _guard(server: Flask, access: Access, policy: str) -> None:
    @server.before_request
    def _refuse() -> Any:
        given = request.args.get(TOKEN)
        refusal = access.refusal(
            host=request.headers.get("Host", ""), origin=request.headers.get("Origin"),
            token=given or request.cookies.get(COOKIE), changes=request.method not in ("GET", "HEAD"), path=request.path,
        )  # fmt: skip
        if refusal is not None:
            return Response(REFUSALS[refusal] + "\n", 403, mimetype="text/plain")
        if given is None or access.token is None:
            return None
        answer = redirect(request.path)
        answer.set_cookie(COOKIE, access.token, httponly=True, samesite="Lax")
        return answer

    @server.after_request
    def _head(answer: Response) -> Response:
        answer.headers.setdefault("Content-Security-Policy", policy)
        answer.headers["X-Content-Type-Options"] = "nosniff"
        answer.headers["Referrer-Policy"] = "no-referrer"
        if not request.path.startswith(f"/run/{access.pages}/"):
            # What is known to somebody else's page by its address can't be drawn into it.
            answer.headers["Cross-Origin-Resource-Policy"] = "same-origin"
        return answer


_INDEX = """<!DOCTYPE html>
<html lang="en" class="js">
  <head>
    {%metas%}
    <title>{%title%}</title>
    <link rel="icon" href="data:,">
    <style>{style}</style>
    {%css%}
  </head>
  <body>
    {%app_entry%}
    <footer>{%config%}{%scripts%}{%renderer%}</footer>
  </body>
</html>
"""
