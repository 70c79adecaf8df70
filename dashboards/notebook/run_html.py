"""How does a run show itself in a notebook? A verdict in words, its kinds of items in a table, a link to the page."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from strata.dashboards.page.markup import esc
from strata.dashboards.view.causes import causal_sentence, kind_cause
from strata.dashboards.view.probe_sentences import sentences
from strata.dashboards.view.summary_words import answered_words, instrument_words, located_words
from strata.dashboards.view.text import interval, number
from strata.experiments.answer_measures import ANSWERED_RIGHT
from strata.experiments.finished_run import FinishedRun

Json = dict[str, Any]
_NOT_TESTED = "No intervention was made, so no layer is called located and the order stays undetermined."


def run_html(run: FinishedRun, report: Path | None) -> str:
    """Foreign text is escaped, and nothing is fetched."""
    tell = {"locate": _located, "compare": _compared, "probe": _probed}[run.manifest["verb"]]
    told, table = tell(run.told)
    return (
        f"<div><p><b>{esc(_title(run))}</b></p>{''.join(f'<p>{esc(one)}</p>' for one in told)}"
        f"{table}<p>{_link(run.directory, report)}</p></div>"
    )


def _title(run: FinishedRun) -> str:
    if run.models:
        return " against ".join(str(model["spec"]) for model in run.told["models"].values())
    stamps = [word for word in ("quick", "limited") if run.told.get(word)]
    return f"{run.told['checkpoint']['spec']}{''.join(f' · {word} run' for word in stamps)}"


def _located(summary: Json) -> tuple[list[str], str]:
    kinds = [{"kind": kind, "cause": kind_cause({**told, "kind": kind})} for kind, told in summary["kinds"].items()]
    verdict = causal_sentence(kinds, summary["order"]) or _NOT_TESTED
    instruments = list(dict.fromkeys(name for told in summary["kinds"].values() for name in told["instruments"]))
    rows = []
    for kind, told in summary["kinds"].items():
        by_name = {name: told["instruments"].get(name) for name in instruments}
        # Why there is no place stands once in a row.
        cells = ["–" if one is None or _says(one, told) else instrument_words(one) for one in by_name.values()]
        rows.append([kind, str(told["items"]), answered_words(told), located_words(told), *cells])
    return [verdict], _table(["kind", "items", "answers", "located", *instruments], rows)


def _says(instrument: Json, kind: Json) -> bool:
    """Whether an instrument has nothing to add to why the kind isn't located."""
    return instrument.get("reason") is not None and instrument.get("reason") == kind.get("why_not_located")


def _compared(comparison: Json) -> tuple[list[str], str]:
    roles = list(comparison["models"])
    rows = []
    for kind, told in comparison["kinds"].items():
        accuracy = told.get("accuracy")
        if accuracy is not None:
            shares = [_share(accuracy.get(role)) for role in roles]
            rows.append([kind, str(told["items"]), *shares, _share(accuracy.get("change"))])
    header = ["kind", "items", *(f"{ANSWERED_RIGHT}: {role}" for role in roles), "change"]
    return list(comparison["verdict"]["sentences"]), _table(header, rows)


def _probed(summary: Json) -> tuple[list[str], str]:
    return [" ".join(sentences(summary, position)) for position in summary["positions"]], ""


def _share(estimate: Json | None) -> str:
    if estimate is None or estimate["value"] is None:
        return "not measured"
    return f"{number(estimate['value'])} {interval(estimate.get('low'), estimate.get('high'))}".strip()


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    if not rows:
        return ""
    head = "".join(f"<th>{esc(cell)}</th>" for cell in header)
    body = "".join(f"<tr>{''.join(f'<td>{esc(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _link(directory: Path, report: Path | None) -> str:
    if report is None:
        return f"No page yet: <code>strata report {esc(directory)}</code>"
    # A notebook's server knows no absolute paths: links are read from where the notebook, and so the kernel, is.
    return f'<a href="{esc(quote(os.path.relpath(report)))}" target="_blank">{esc(report)}</a>'
