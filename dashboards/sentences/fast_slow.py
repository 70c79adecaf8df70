"""Does thinking first bring right answers, and where do they settle? The same for the terminal and the page."""

from __future__ import annotations

from typing import assert_never

from strata.dashboards.number_formats import count, number
from strata.dashboards.sentences.confidence import estimated
from strata.experiments.items.schema import Kind
from strata.experiments.results.thinking_summary import Change, FastSlow, Settling

PANELS = {
    "settled_only_slow": "settled, only slow right",
    "settled_both": "settled, both right",
}
"""What is drawn by stream."""
BEHIND = {
    "slow": "behind the model's own chain",
    "fast": "behind an empty block",
    "other_chain": "behind another problem's chain",
}
"""What lines are called."""
ALL_SETTLED = "all have settled"
NONE_SOLVED = "slow answers solve none"


def fast_slow_aria(kind: str, n_layers: int) -> str:
    """Of the figure."""
    return (
        f"On {kind} problems, by stream 0 to {n_layers}: share whose likeliest token stays from here on, where the answer begins, behind the "
        "model's own chain of thought, an empty block and another problem's chain."
    )


def fast_slow_sentences(kind: Kind, measured: FastSlow, n_layers: int) -> list[str]:
    """The number first, then the controls, then where it shows."""
    return [_number(kind, measured), _controls(measured), _by_stream(measured, n_layers)]


def _number(kind: Kind, measured: FastSlow) -> str:
    drawn = "" if measured.samples == 1 else f", {count(measured.samples, 'answer')} of each"
    rates = [
        f"{words} {estimated(rate)}"
        for words, rate in (
            ("of what is wrong fast it wins rc =", measured.won_of_wrong),
            ("of what is right fast it loses ro =", measured.lost_of_right),
        )
        if rate is not None
    ]
    return (
        f"On {kind} problems thinking first {_change(measured.change)}: slow {estimated(measured.slow)}, fast {estimated(measured.fast)}, "
        f"δ = {estimated(measured.gain)} (won δc = {estimated(measured.won)}, lost δo = {estimated(measured.lost)}"
        f"{''.join(f'; {rate}' for rate in rates)}; {count(measured.problems, 'problem')} in {count(measured.clusters, 'cluster')}{drawn})."
    )


def _change(change: Change) -> str:
    match change:
        case "gains":
            return "brings right answers"
        case "loses":
            return "costs right answers"
        case "not-seen":
            return "isn't seen to change what is right"
        case "undecided":
            return "can't be judged (fewer than eight clusters)"
        case _:
            assert_never(change)


def _controls(measured: FastSlow) -> str:
    closed = (
        ""
        if measured.never_closed == 0
        else f" {count(measured.never_closed, 'slow answer')} never closed the block or said nothing behind it: no answer."
    )
    other = (
        " No problem has another one's chain to be asked behind."
        if measured.other_chain is None or measured.beyond is None
        else f" Behind another problem's chain {estimated(measured.other_chain)} are right; slow less that {estimated(measured.beyond)}."
    )
    return (
        f"A chain of thought stands in {number(measured.chains['slow'].value)} of the slow answers and in {number(measured.chains['fast'].value)} "
        f"of the fast ones.{closed}{other}"
    )


def _by_stream(measured: FastSlow, n_layers: int) -> str:
    groups = [
        f"{words} ({_settling(group)})"
        for words, group in (
            ("problems that only slow answers solve", measured.only_slow),
            ("problems that both solve", measured.both),
        )
        if group is not None and group.problems
    ]
    if not groups:
        return f"By stream: nothing is said, {why_no_streams(measured)}."
    read = f"By stream, the first of 0–{n_layers} from which on the likeliest token stays where the answer begins: {'; '.join(groups)}."
    not_read = _not_read(measured)
    more = f" {count(not_read, 'more that slow answers solve was', 'more that slow answers solve were')} not read: {_TOO_LONG}."
    return f"{read}{more}" if not_read else read


_TOO_LONG = "with the model's own chain they don't fit its context, or their answer can't be scored"


def why_no_streams(measured: FastSlow) -> str:
    """As a clause, where nothing is drawn by stream."""
    not_read = _not_read(measured)
    if not not_read:
        return NONE_SOLVED
    return f"{count(not_read, 'problem that slow answers solve was', 'problems that slow answers solve were')} not read: {_TOO_LONG}"


def _not_read(measured: FastSlow) -> int:
    return sum(group.not_read for group in (measured.only_slow, measured.both) if group is not None)


def _settling(group: Settling) -> str:
    other = "" if group.other_chain is None else f", {BEHIND['other_chain']} {estimated(group.other_chain)}"
    return (
        f"{count(group.problems, 'problem')}: {BEHIND['slow']} {estimated(group.slow)}, {BEHIND['fast']} {estimated(group.fast)}{other}, "
        f"slow − fast {estimated(group.difference)}"
    )
