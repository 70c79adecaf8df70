"""How does a run show itself in a notebook? A verdict as a sentence, its kinds of items in a table, a link to the page."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from strata.dashboards.page.markup import esc
from strata.dashboards.view.causes import causal_sentence, kind_cause
from strata.dashboards.view.labels import instrument_label
from strata.dashboards.view.probe_sentences import sentences
from strata.dashboards.view.summary_words import answered_words, instrument_words, located_words
from strata.dashboards.text import interval, number
from strata.experiments.answer_measures import ANSWERED_RIGHT
from strata.experiments.finished_run import FinishedRun
from strata.experiments.schema_1 import as_read

Json = dict[str, Any]
_NOT_TESTED = "No intervention was made, so no layer is called located and the order stays undetermined."


def run_html(run: FinishedRun, report: Path | None) -> str:
    """Foreign text is escaped, and nothing is fetched."""
    tell = {"locate": _located, "compare": _compared, "probe": _probed}[run.manifest["verb"]]
    paragraphs, table = tell(run.result)
    return (
        f"<div><p><b>{esc(_title(run))}</b></p>{''.join(f'<p>{esc(paragraph)}</p>' for paragraph in paragraphs)}"
        f"{table}<p>{_link(run.directory, report)}</p></div>"
    )


def _title(run: FinishedRun) -> str:
    if run.models:
        return " against ".join(str(model["spec"]) for model in run.result["models"].values())
    stamps = [word for word in ("quick", "limited") if run.result.get(word)]
    return f"{run.result['checkpoint']['spec']}{''.join(f' · {word} run' for word in stamps)}"


def _located(written: Json) -> tuple[list[str], str]:
    summary = as_read(written)
    kinds = [
        {"kind": kind, "cause": kind_cause({**kind_summary, "kind": kind})}
        for kind, kind_summary in summary["kinds"].items()
    ]
    verdict = causal_sentence(kinds, summary["order"]) or _NOT_TESTED
    instruments = list(
        dict.fromkeys(name for kind_summary in summary["kinds"].values() for name in kind_summary["instruments"])
    )
    rows = []
    for kind, kind_summary in summary["kinds"].items():
        by_name = {name: kind_summary["instruments"].get(name) for name in instruments}
        # Why there is no place stands once in a row.
        cells = [
            "–" if instrument is None or _says(instrument, kind_summary) else instrument_words(instrument)
            for instrument in by_name.values()
        ]
        rows.append(
            [kind, str(kind_summary["items"]), answered_words(kind_summary), located_words(kind_summary), *cells]
        )
    return [verdict], _table(["kind", "items", "answers", "located", *map(instrument_label, instruments)], rows)


def _says(instrument: Json, kind: Json) -> bool:
    """Whether an instrument has nothing to add to why the kind isn't located."""
    return instrument.get("reason") is not None and instrument.get("reason") == kind.get("why_not_located")


def _compared(comparison: Json) -> tuple[list[str], str]:
    roles = list(comparison["models"])
    rows = []
    for kind, kind_result in comparison["kinds"].items():
        accuracy = kind_result.get("accuracy")
        if accuracy is not None:
            shares = [_share(accuracy.get(role)) for role in roles]
            rows.append([kind, str(kind_result["items"]), *shares, _share(accuracy.get("change"))])
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
