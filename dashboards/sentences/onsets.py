"""How are the items of a kind answered, and from where on can their answers be read?"""

from __future__ import annotations

from typing import assert_never

from strata.dashboards.sentences.deciding_measure import deciding_label
from strata.experiments.results.answer_measures import ANSWERED_RIGHT
from strata.experiments.results.locate_summary import Instrument, KindSummary, WhyNoOnset


def answered_words(kind: KindSummary) -> str:
    """The share answered right, by which measure, and how many items the curves rest on."""
    if kind.accuracy is None:
        return "none could be asked"
    return f"{kind.accuracy:.0%} {ANSWERED_RIGHT} ({deciding_label(kind.decided_by)}), {kind.used} used"


def asked_words(kind: str, summary: KindSummary) -> str:
    """How many items of a kind were asked, and how they are answered."""
    return f"{kind}: {summary.items} items, {answered_words(summary)}"


def onset_words(instrument: Instrument) -> str:
    """The onset of a read-out, or why there is none."""
    onset = instrument.onset
    if onset is None:
        reason = "no reason is recorded" if instrument.reason is None else why_no_onset(instrument.reason)
        return f"no onset sought: {reason}"
    if onset.layer is None or onset.depth is None:
        return f"no onset (n = {onset.n})"
    ends = [str(end) if end is not None else "none" for end in onset.interval or ()]
    band = f" [{', '.join(ends)}]" if ends else ", no interval (fewer than 8 clusters)"
    return f"from stream {onset.layer}{band}, depth {onset.depth:.2f} (n = {onset.n})"


def why_no_onset(why: WhyNoOnset) -> str:
    """As a clause."""
    match why.code:
        case "no-unrelated-answer":
            return f"none of the {why.kind} items used has an unrelated answer"
        case "no-target":
            return f"there is no {why.kind} target with two answers"
        case "not-probed":
            return why.text or "no reason is recorded"
        case _:
            assert_never(why.code)
