"""How do a body, data and scripts become one HTML file? Head with policy, and the bulk of a view zipped beside it."""

from __future__ import annotations

import base64
import gzip
from collections.abc import Iterable

from markupsafe import Markup

from strata.dashboards.page.assets import PLOTLY, asset, content_policy, inline, inline_json
from strata.dashboards.page.page_context import Link
from strata.dashboards.page.templates import render
from strata.dashboards.sentences.page_parts import head_words
from strata.dashboards.view.schema import ModelView, RunView
from strata.dashboards.view.schema_parts import MeasuredModel, RunHead
from strata.experiments.run.manifest import DISTRIBUTION

THEME_SCRIPT = (
    "document.documentElement.className='js';(function(){var m=/[#&]theme=(light|dark)/.exec(location.hash),t=m&&m[1];"
    "try{t=t||localStorage.getItem('strata.theme')}catch(e){}"
    "if(t==='light'||t==='dark')document.documentElement.dataset.theme=t})();"
)


def document(link: Link, body: str, scripts: str, data: str, side_files: bool = False, style: str = "") -> str:
    """A whole HTML document under the strict policy.

    `link`: its title, and what is said of it where it is shared.
    `body`, `scripts` and `style` are code already; `data` holds script elements that are not run, `style` what this page
    adds to the style of all.
    """
    return render(
        "document.html",
        link=link,
        policy=Markup(content_policy(side_files)),
        theme=Markup(THEME_SCRIPT),
        style=Markup(asset("page.css") + style),
        body=Markup(body),
        data=Markup(data),
        plotly=Markup(inline(asset(PLOTLY))),
        scripts=Markup(scripts),
    )


def view_element(view: object) -> str:
    """What the scripts read first: the view as a script element that is not run."""
    return f'<script type="application/json" id="view">{inline_json(view)}</script>'


def bytes_element(name: str, packed: bytes) -> str:
    """Gzipped bytes as a script element that is not run; `inflate` of payload.js reads it."""
    return f'<script type="application/octet-stream" id="{name}">{base64.b64encode(packed).decode("ascii")}</script>'


def zipped(name: str, value: object) -> str:
    """The bulk of a view, gzipped JSON beside it."""
    return bytes_element(name, gzip.compress(inline_json(value).encode("ascii"), compresslevel=9, mtime=0))


def head_line(model: ModelView | MeasuredModel, run: RunView | RunHead) -> str:
    """What stands beneath a page's title."""
    return head_words(model.n_layers, model.d_model, model.dtype, run.run_id, run.started)


def own_version(versions: Iterable[tuple[str, str]]) -> str:
    """Of Strata, among the versions that a run kept; empty where it wasn't installed."""
    return dict(versions).get(DISTRIBUTION, "")
