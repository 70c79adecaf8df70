"""What does summary.json say of one kind of item, in a line each? In the terminal and in a notebook."""

from __future__ import annotations

from typing import Any

from strata.dashboards.sentences.families import COLUMNS, COMPACT, compact_rows, family_rows
from strata.dashboards.sentences.localisation import sentences
from strata.dashboards.view.localised import FIRST_RULE, localisation_of
from strata.experiments.results.answer_measures import ANSWERED_RIGHT, deciding_label


def answered_words(kind_summary: dict[str, Any]) -> str:
    """The share answered right, by which measure, and how many items the curves rest on."""
    if kind_summary["accuracy"] is None:
        return "none could be asked"
    by = deciding_label(kind_summary.get("decided_by") or {})
    return f"{kind_summary['accuracy']:.0%} {ANSWERED_RIGHT} ({by}), {kind_summary['used']} used"


def onset_words(instrument: dict[str, Any]) -> str:
    """The onset of a read-out, or why there is none."""
    onset = instrument["onset"]
    if onset is None:
        return f"no onset sought: {instrument['reason']}"
    if onset["layer"] is None:
        return f"no onset (n = {onset['n']})"
    interval = onset["interval"]
    ends = [str(end) if end is not None else "none" for end in interval or ()]
    band = f" [{', '.join(ends)}]" if ends else ", no interval (fewer than 8 clusters)"
    return f"from stream {onset['layer']}{band}, depth {onset['depth']:.2f} (n = {onset['n']})"


def said_words(summary: dict[str, Any]) -> list[str]:
    """Where answers are made, in which order, what becomes of the hypothesis, a sentence each; one of a withdrawn rule."""
    localisation = localisation_of(summary)
    return [FIRST_RULE] if localisation is None else [sentence.text for sentence in sentences(localisation)]


def places_table(summary: dict[str, Any]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Columns and rows, one a family: place, interval, roles, its control; none of a withdrawn rule."""
    localisation = localisation_of(summary)
    return COLUMNS, [] if localisation is None else [row.cells for row in family_rows(localisation)]


def compact_table(summary: dict[str, Any]) -> tuple[tuple[str, ...], list[tuple[str, ...]], list[str]]:
    """The same for a narrow terminal, and why families aren't placed, a line a family."""
    localisation = localisation_of(summary)
    if localisation is None:
        return COMPACT, [], []
    whys = [f"{row.family}: not placed: {row.why}" for row in family_rows(localisation) if row.why]
    return COMPACT, list(compact_rows(localisation)), whys
