"""How does a run show itself in a notebook? A verdict in sentences, its stage map in small, its families and kinds in tables, a link to the page."""

from __future__ import annotations

import base64
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from strata.dashboards.figures.small_picture import small_picture
from strata.dashboards.figures.stage_map import stage_map_json
from strata.dashboards.number_formats import interval, number
from strata.dashboards.page.templates import render
from strata.dashboards.sentences.behaviour import behaviour_sentences
from strata.dashboards.sentences.comparison import verdict_sentences
from strata.dashboards.sentences.instruments import instrument_label
from strata.dashboards.sentences.onsets import answered_words, onset_words
from strata.dashboards.sentences.probe import sentences
from strata.dashboards.sentences.summary import places_table, said_words
from strata.dashboards.sentences.sweep import made_words, run_columns, run_rows, sweep_title
from strata.dashboards.sentences.terminal_maps import NOT_MEASURED
from strata.dashboards.visible_text import path_free
from strata.experiments.results.answer_measures import ANSWERED_RIGHT
from strata.experiments.results.estimates import Estimated
from strata.experiments.results.locate_summary import Summary
from strata.experiments.run.finished import FinishedRun
from strata.experiments.run.manifest import JsonObject
from strata.experiments.run.summary_file import (
    behaviour_summary_of,
    comparison_result_of,
    probe_summary_of,
    summary_of,
    sweep_result_of,
)


def run_html(run: FinishedRun, report: Path | None) -> str:
    """Foreign text is escaped, and nothing is fetched."""
    told = _TELL[run.manifest.verb](run.result)
    # A notebook's server knows no absolute paths: links are read from where the notebook, and so the kernel, is.
    href = None if report is None else quote(os.path.relpath(report))
    return render(
        "notebook/run.html",
        title=told.title,
        paragraphs=told.paragraphs,
        picture=told.picture,
        tables=told.tables,
        directory=run.directory,
        report=report,
        href=href,
    )


@dataclass(frozen=True)
class Table:
    """Cells in words."""

    header: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Told:
    title: str
    paragraphs: Sequence[str]
    tables: Sequence[Table]
    picture: str = ""
    """A data URL; empty where nothing was intervened on."""


def _located(content: JsonObject) -> Told:
    summary = summary_of(content)
    columns, places = places_table(summary)
    read = [kind.instruments.read for kind in summary.kinds.values()]
    instruments = list(dict.fromkeys(name for of_kind in read for name in of_kind))
    rows = []
    for (kind, of_kind), found in zip(summary.kinds.items(), read, strict=True):
        cells = [onset_words(found[name]) if name in found else "–" for name in instruments]
        rows.append([kind, str(of_kind.items), answered_words(of_kind), *cells])
    table = _table(["kind", "items", "answers", *map(instrument_label, instruments)], rows)
    title = _stamped(summary.checkpoint.spec, quick=summary.quick, limited=summary.limited)
    return Told(title, said_words(summary), _table(columns, places) + table, _stage_map(summary))


def _stage_map(summary: Summary) -> str:
    if summary.withdrawn or not any(family.cells for family in summary.localisation.families.values()):
        return ""
    drawn = small_picture(stage_map_json(summary.localisation))
    return f"data:image/svg+xml;base64,{base64.b64encode(drawn.encode()).decode()}"


def _compared(content: JsonObject) -> Told:
    comparison = comparison_result_of(content)
    rows = []
    for kind, of_kind in comparison.kinds.items():
        if of_kind.items:
            shares = [_share(of_kind.accuracy.of(role)) for role in comparison.models]
            rows.append([kind, str(of_kind.items), *shares, _share(of_kind.accuracy.change)])
    header = ["kind", "items", *(f"{ANSWERED_RIGHT}: {role}" for role in comparison.models), "change"]
    title = " against ".join(model.spec for model in comparison.models.values())
    return Told(title, [path_free(sentence) for sentence in verdict_sentences(comparison)], _table(header, rows))


def _probed(content: JsonObject) -> Told:
    summary = probe_summary_of(content)
    paragraphs = [" ".join(sentences(summary, position)) for position in summary.positions]
    return Told(_stamped(summary.checkpoint.spec, limited=summary.limited), paragraphs, [])


def _behaved(content: JsonObject) -> Told:
    summary = behaviour_summary_of(content)
    paragraphs = [" ".join(part) for part in behaviour_sentences(summary)]
    return Told(_stamped(summary.checkpoint.spec, limited=summary.limited), paragraphs, [])


def _swept(content: JsonObject) -> Told:
    result = sweep_result_of(content)
    return Told(sweep_title(result), [made_words(result)], _table(run_columns(result.axis), run_rows(result)))


_TELL = {
    "locate": _located, "compare": _compared, "probe": _probed, "behave": _behaved, "sweep": _swept,
}  # fmt: skip


def _stamped(title: str, **stamps: bool) -> str:
    return f"{title}{''.join(f' · {word} run' for word, holds in stamps.items() if holds)}"


def _share(estimate: Estimated | None) -> str:
    if estimate is None or estimate.value is None:
        return NOT_MEASURED
    return f"{number(estimate.value)} {interval(estimate.low, estimate.high)}".strip()


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[Table]:
    """None where there is no row."""
    return [Table(header, rows)] if rows else []
