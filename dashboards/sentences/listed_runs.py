"""What does a list of runs say of each? Its state, its progress, what is missing, and where its kinds are made, in words."""

from __future__ import annotations

from typing import assert_never

from strata.dashboards.sentences.places import blocks_words, ends_words
from strata.dashboards.visible_text import path_free
from strata.experiments.run.listing import ListedRun
from strata.experiments.run.progress_file import RunProgress

_MINUTE, _HOUR, _DAY = 60.0, 3600.0, 86400.0


def state_words(run: ListedRun) -> str:
    """One word or two."""
    match run.state:
        case "done":
            return "done" if not run.problem else "done, not whole"
        case "running" | "stopped" | "failed" | "damaged":
            return run.state
        case "other-version":
            return "another version"
        case _:
            assert_never(run.state)


def problem_words(run: ListedRun, now: float) -> str:
    """How far it is, or what is missing; empty for a finished run that is whole. `now`: seconds since 1970."""
    if run.state == "running":
        heard = f"heard of {ago(now - run.heard)}"
        return f"{progress_words(run.progress)}, {heard}" if run.progress is not None else f"begun, {heard}"
    if run.problem:
        return path_free(run.problem)
    if run.state in ("stopped", "failed"):
        return "Start the same command again: it resumes where it was stopped"
    return "" if run.has_page or not run.verb else "no page yet: strata report makes it"


def progress_words(progress: RunProgress) -> str:
    """`capture: 340 of 1,200 items (28 %)`."""
    if not progress.total:
        return f"{progress.stage}: {progress.done:,} {progress.unit}".strip()
    share = min(100, 100 * progress.done // progress.total)
    return f"{progress.stage}: {progress.done:,} of {progress.total:,} {progress.unit} ({share} %)"


def ago(seconds: float) -> str:
    """`12 s ago`, `3 min ago`, `2 h ago`, `5 days ago`."""
    if seconds < _MINUTE:
        return f"{max(0, round(seconds))} s ago"
    if seconds < _HOUR:
        return f"{round(seconds / _MINUTE)} min ago"
    return f"{round(seconds / _HOUR)} h ago" if seconds < 2 * _DAY else f"{round(seconds / _DAY)} days ago"


def place_lines(run: ListedRun, kind: str) -> list[str]:
    """`move, block 23 [23, 29]`; of a comparison a line a model. Empty where the run doesn't hold the kind."""
    if run.said is None:
        return []
    lines = []
    for (of_kind, model), place in run.said.located.items():
        if of_kind == kind:
            where = "undetermined"
            if place is not None:
                where = f"{place.cell}, {blocks_words(place.first, place.last)} {ends_words(place.interval)}"
            lines.append(f"{model}: {where}" if model else where)
    return lines


def marks_words(run: ListedRun) -> list[str]:
    """`quick`, `limited`: what must stand beside its name."""
    if run.said is None:
        return []
    return [word for word, holds in (("quick", run.said.quick), ("limited", run.said.limited)) if holds]
