"""What does a sweep say of itself? How its runs went, what its axis and lines are called, and what changes along it in words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from strata.dashboards.number_formats import count, interval, number
from strata.dashboards.sentences.places import cell_label
from strata.experiments.results.sweep import Failure, SweepAxis, SweepResult, SweptRun, WhyFailed
from strata.experiments.results.sweep_tables import Measure, TrajectoryRow

_FAILED: dict[WhyFailed, str] = {
    "refused": "can't be made",
    "does-not-fit": "does not fit",
    "self-test": "a self-test failed",
    "damaged": "a file was changed",
    "lost": "lost",
    "defect": "a fault",
}
_LINES: dict[Measure, str] = {
    "accuracy": "all families",
    "onset.probe": "decodable from here on (linear probe)",
    "onset.lens": "readable from here on (logit lens)",
    "place": "made here (interventions)",
    "effect": "effect",
}
ACCURACY, DEPTH, CELLS_EFFECT = "share answered right", "depth (0 = embedding)", "effect of the whole cell"
"""What vertical axes count."""
WHOLE_KIND = "all families"
RUN_FAILED = "RUNS MISSING"
_APART = "Every interval is of one run by itself. Whether two checkpoints differ on the same items is the question of strata compare."
_MOST_FAILED = "Runs that could not be made have no point."


def sweep_title(result: SweepResult) -> str:
    """Of its page."""
    specs = list(dict.fromkeys(run.checkpoint for run in result.runs))
    return f"What changes with the {result.axis.name}, over {count(len(specs), 'checkpoint')}?"


def made_words(result: SweepResult) -> str:
    """`11 of 12 runs are made.`"""
    made = len(result.runs) - len(result.failed)
    return f"{made} of {count(len(result.runs), 'run')} {'is' if made == 1 else 'are'} made."


def sweep_caveats(result: SweepResult) -> tuple[str, ...]:
    """What a reader of the curves has to know."""
    return (_APART, *([_MOST_FAILED] if result.failed else []))


def state_words(run: SweptRun) -> str:
    """`made`, or why not."""
    return "made" if run.failure is None else failure_words(run.failure)


def failure_words(failure: Failure) -> str:
    where = f" (node {failure.node})" if failure.node else ""
    return f"{_FAILED[failure.code]}{where}: {failure.text}"


def at_words(axis: SweepAxis, at: float | None) -> str:
    """`0.25`, `1 000`, `–` where nothing is known."""
    if at is None:
        return "–"
    return f"{at:g}" if axis.kind == "dose" or at != int(at) else f"{int(at):,}".replace(",", " ")


def run_columns(axis: SweepAxis) -> tuple[str, ...]:
    """Heads of the table of runs."""
    return ("checkpoint", axis.name, "seed", "framing", "state")


def run_rows(result: SweepResult) -> list[list[str]]:
    """Under `run_columns`."""
    return [
        [run.checkpoint, at_words(result.axis, run.at), str(run.seed), run.framing, state_words(run)]
        for run in result.runs
    ]


def axis_words(axis: SweepAxis) -> str:
    """Beneath the figures."""
    ends = {
        "dose": "dose (0: the base's weights, 1: the distilled model's)",
        "order": "checkpoint, in the file's order",
    }
    return ends.get(axis.kind, axis.name)


def line_name(row: TrajectoryRow) -> str:
    """What a line is called, but for seed, framing and item file."""
    if row.measure == "accuracy" and row.family is not None:
        return row.family
    if row.measure == "effect" and row.cell is not None:
        return f"{cell_label(row.cell)} ({row.cell})"
    return _LINES[row.measure]


def qualified(name: str, row: TrajectoryRow, result: SweepResult) -> str:
    """With whatever of seed, framing and item file differs between runs of the sweep."""
    several = {
        f"seed {row.seed}": len({run.seed for run in result.runs}) > 1,
        row.framing: len({run.framing for run in result.runs}) > 1,
        str(row.items): len({run.items for run in result.runs}) > 1,
    }
    return " · ".join([name, *(word for word, differs in several.items() if differs)])


def trajectory_sentences(rows: Sequence[TrajectoryRow]) -> list[str]:
    """Of every kind its accuracy at either end of the axis, in the run's first seed, framing and item file."""
    sentences = []
    shares = [row for row in rows if row.measure == "accuracy" and row.family is None and row.at is not None]
    for kind in dict.fromkeys(row.kind for row in shares):
        of_kind = [row for row in shares if row.kind == kind]
        first = of_kind[0]
        alike = [
            row for row in of_kind
            if (row.seed, row.framing, row.items) == (first.seed, first.framing, first.items)
        ]  # fmt: skip
        ordered = sorted(alike, key=lambda row: row.at or 0.0)
        if len(ordered) > 1:
            ends = " and ".join(_share_at(row) for row in (ordered[0], ordered[-1]))
            sentences.append(f"Of {kind} items, answered right: {ends}.")
    return sentences


def _share_at(row: TrajectoryRow) -> str:
    return f"{number(row.value)} {interval(row.low, row.high)} at {row.at:g}".replace("  ", " ")


def trajectory_note(methods: Iterable[str]) -> str:
    """Beneath a figure. `methods`: how its lines' intervals were made."""
    made = dict.fromkeys(f"{method.rstrip('.')}." for method in methods if method)
    return " ".join(["Bars: 95 % interval of that run alone.", *made, "No mark: nowhere, or not measured."])


def point_words(line: str, checkpoint: str, at: float, value: str, says: str) -> tuple[str, str, str]:
    """At a point, over three lines. `says`: what stands there besides its value; may be empty."""
    return line, f"{checkpoint} (at {at:g})", f"{value} · {says}" if says else value


def trajectory_aria(label: str, axis: str, lines: Iterable[str]) -> str:
    """A figure in words."""
    return f"{label} along the {axis}: {', '.join(lines)}. The numbers are in the figure's table."
