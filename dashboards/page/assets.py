"""Which files make up the page? Style, scripts in order and plotly, read from the package and made safe to inline."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any

from strata.dashboards.sentences.page_scripts import NAMES, SENTENCES

PLOTLY = "plotly-cartesian.min.js"
SHARED_SCRIPTS = (
    "format.js",
    "payload.js",
    "state.js",
    "glossary.js",
    "cursor.js",
    "plots.js",
    "choices.js",
    "figures.js",
    "views.js",
    "keys.js",
)
REPORT_SCRIPTS = (*SHARED_SCRIPTS, "lensmap.js", "lenslines.js", "brush.js", "curves.js", "causalcurves.js", "familymap.js", "emergence.js",
                  "items.js", "causalmap.js", "stagemap.js", "headmap.js", "report.js")  # fmt: skip
COMPARISON_SCRIPTS = (*SHARED_SCRIPTS, "brush.js", "comparisonitems.js", "stagemap.js", "comparison.js")
PROBE_SCRIPTS = (*SHARED_SCRIPTS, "probe.js")
BEHAVE_SCRIPTS = (*SHARED_SCRIPTS, "behave.js")
SWEEP_SCRIPTS = (*SHARED_SCRIPTS, "sweep.js")
LENS_SCRIPTS = (*SHARED_SCRIPTS, "lensmap.js", "lenslines.js", "oneprompt.js")

_CSP = (
    "default-src 'none'; script-src 'unsafe-inline'{self}; style-src 'unsafe-inline'; img-src data: blob:; "
    "connect-src 'none'; form-action 'none'; base-uri 'none'"
)


def content_policy(side_files: bool) -> str:
    """The content security policy: nothing leaves the file; `'self'` only when maps lie beside it."""
    return _CSP.format(self=" 'self'" if side_files else "")


@cache
def asset(name: str) -> str:
    """The text of one file of `dashboards/page/assets`."""
    return (files("strata.dashboards.page") / "assets" / name).read_text(encoding="utf-8")


def script(names: tuple[str, ...]) -> str:
    """The scripts, with what they say, in one strict function scope: nothing but plotly is global."""
    words = f"const SENTENCES = {inline_json(SENTENCES)}, NAMES = {inline_json(NAMES)};"
    body = "\n".join(asset(name) for name in names)
    return inline(f"(function () {{\n'use strict';\n{words}\n{body}\n}})();")


def inline(code: str) -> str:
    """Code that may stand between script tags: a closing tag inside a string would end the element."""
    return code.replace("</script", "<\\/script").replace("<!--", "<\\!--")


def inline_json(value: Any) -> str:
    """JSON that may stand between script tags: every `<` escaped, everything ASCII."""
    text = json.dumps(value, ensure_ascii=True, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c")
