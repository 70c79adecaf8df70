"""Are the steps that the model writes true of the problem? The same for the terminal and the page."""

from __future__ import annotations

from typing import assert_never

from strata.dashboards.number_formats import count, stream_range
from strata.dashboards.sentences.confidence import estimated
from strata.dashboards.sentences.information_gain import why_not_shown
from strata.experiments.items.schema import Kind
from strata.experiments.results.thinking_summary import Change, KnowledgeIndex

PANEL = "log P(result) of a true step (nats)"
"""What is drawn by stream."""
LINES = {"own": "the result that was written", "other": "another problem's result"}
"""What lines are called."""
CERTAIN = "certain"


def index_aria(kind: str, n_layers: int) -> str:
    """Of the figure."""
    return (
        f"On {kind} problems, by stream 0 to {n_layers}: log-probability of the result of a true step where the model is about to write it, beside "
        "that of another problem's result."
    )


def index_sentences(kind: Kind, index: KnowledgeIndex, n_layers: int) -> list[str]:
    """The number first, then what it is made of, then where it shows."""
    return [_number(kind, index), _parts(index), _by_stream(index, n_layers)]


def _number(kind: Kind, index: KnowledgeIndex) -> str:
    null = (
        "there is no other problem to hold them against"
        if index.of_another is None or index.beyond is None
        else f"held against another problem {estimated(index.of_another)}, KI less that {estimated(index.beyond)}: {_change(index.change)}"
    )
    return (
        f"On {kind} problems {estimated(index.index)} of the model's own steps are true of the problem (KI); {null} "
        f"({count(index.problems, 'chain')} in {count(index.clusters, 'cluster')}, {count(index.steps, 'step')})."
    )


def _change(change: Change) -> str:
    match change:
        case "gains":
            return "they speak of this problem"
        case "loses":
            return "they speak less of this problem than of another"
        case "not-seen":
            return "they aren't seen to speak of this problem"
        case "undecided":
            return "not judged (fewer than eight clusters)"
        case _:
            assert_never(change)


def _parts(index: KnowledgeIndex) -> str:
    apart = [
        f"before {words} answers {estimated(found)}"
        for words, found in (("right", index.right), ("wrong", index.wrong))
        if found is not None
    ]
    return (
        f"True by themselves: {estimated(index.true_by_themselves)}, of which {count(index.elsewhere, 'step')} of something else than the problem; "
        f"{count(index.steps - index.checkable, 'step')} that no reader can read, never taken for true. KI {', '.join(apart)}."
    )


def _by_stream(index: KnowledgeIndex, n_layers: int) -> str:
    not_read = index.results_not_read
    if not not_read:
        return _shown(index, n_layers)
    why = "up to a true step's result they don't fit the model's context, or it can't be scored"
    return f"{_shown(index, n_layers)} {count(not_read, 'chain was', 'chains were')} not read: {why}."


def _shown(index: KnowledgeIndex, n_layers: int) -> str:
    if index.shows is None:
        assert index.why_no_layers is not None
        return f"By stream: nothing is said, {why_not_shown(index.why_no_layers)}."
    if index.shows.stream is None:
        return "By stream: at none is the result of a true step likelier than another problem's."
    band = "" if index.shows.interval is None else f" [{stream_range(*index.shows.interval)}]"
    return (
        f"By stream: from {index.shows.stream}{band} of 0–{n_layers} on the result of a true step is likelier than another problem's, where the model "
        "is about to write it."
    )
