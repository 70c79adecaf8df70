"""What does a run of `locate` say? Sentences, and a row a family: in the terminal and in a notebook."""

from __future__ import annotations

from collections.abc import Sequence

from strata.dashboards.sentences.families import COLUMNS, COMPACT, compact_rows, family_rows
from strata.dashboards.sentences.localisation import Sentence, sentences
from strata.experiments.items.schema import KINDS
from strata.experiments.results.locate_summary import Summary

FIRST_RULE = (
    "The places of this run were made by the first rule, which is withdrawn, and aren't shown: start its command again with "
    "another --out. Answers, curves and lens maps stay as they were measured."
)
"""Of a run of `strata.summary/1`."""


def first_rule() -> Sentence:
    """The same as the first sentence of its page."""
    return Sentence("withdrawn", "No place is shown. ", FIRST_RULE)


def said(summary: Summary) -> list[Sentence]:
    """Where answers are made, in which order, what becomes of the hypothesis; none of a withdrawn rule."""
    return [] if summary.withdrawn else sentences(summary.localisation)


def headline(told: Sequence[Sentence], *, ordered: bool) -> str:
    """What of the kinds stands above everything: each statement without how sure it is. `ordered`: the kinds' order too."""
    stated = {"withdrawn", *KINDS, *(["order"] if ordered else [])}
    return " ".join(f"{sentence.head.rstrip(' .')}." for sentence in told if sentence.about in stated)


def said_words(summary: Summary) -> list[str]:
    """The same, a sentence each; of a withdrawn rule, that it is."""
    return [FIRST_RULE] if summary.withdrawn else [sentence.text for sentence in said(summary)]


def places_table(summary: Summary) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Columns and rows, one a family: place, interval, roles, its control; none of a withdrawn rule."""
    return COLUMNS, [] if summary.withdrawn else [row.cells for row in family_rows(summary.localisation)]


FAMILY_BY_FAMILY = "Family by family:"
"""Title of `compact_table`."""


def compact_table(summary: Summary) -> tuple[tuple[str, ...], list[tuple[str, ...]], list[str]]:
    """The same for a narrow terminal, and why families aren't placed, a line a family."""
    if summary.withdrawn:
        return COMPACT, [], []
    localisation = summary.localisation
    whys = [f"{row.family}: not placed: {row.why}" for row in family_rows(localisation) if row.why]
    return COMPACT, list(compact_rows(localisation)), whys
