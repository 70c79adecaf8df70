"""What a page says beside its numbers that no part of the run wrote down: stamps, families that fail, controls that keep up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from strata.dashboards.text import count, interval, listed, number
from strata.experiments.results.format_check import FormContrast

QUICK = (
    "This is a --quick run: fewer families, items and pairs, fewer draws and fewer lines, so its intervals are wide."
)
NO_FORM_CHECK = "The format-only classifier did not run: prompts of two kinds may differ in form alone."

PROBE_CONTROLS: Mapping[str, str] = {
    "random_init": "the same model with random weights",
    "control_accuracy": "the control task",
}
"""By measure: a control that may keep up with the probe, with its article."""


@dataclass(frozen=True)
class Keeps:
    """A control that is as good as the probe where that has its onset."""

    words: str
    """What it's called, with its article."""
    value: float


def limited(n_items: int) -> str:
    return f"This is a --limit run over {count(n_items, 'item')}: good for trying out, not for conclusions."


def failed_self_tests(names: Sequence[str]) -> str:
    return f"Self-test failed: {listed(names)}. No number below can be trusted."


def unanswered(kind: str, missing: Sequence[str], n_families: int) -> str:
    families = count(n_families, f"{kind} family", f"{kind} families")
    return f"{len(missing)} of {families} not answered: {listed(missing)}."


def decodable_at_the_input(kind: str) -> str:
    return f"{kind.capitalize()}: decodable at stream 0 already, so the probe reads the input, not a computation."


def readable_before_decodable(kind: str, lens: int, probe: int) -> str:
    return (
        f"{kind.capitalize()}: probe and lens contradict each other, readable (stream {lens}) "
        f"before decodable (stream {probe})."
    )


def controls_keep_up(kind: str, stream: int, controls: Sequence[Keeps], low: float, high: float | None) -> str:
    """`low`, `high`: the interval of the probe's accuracy at that stream."""
    told = [f"{control.words} ({number(control.value)})" for control in controls]
    return (
        f"{kind.capitalize()}: at the probe's onset, stream {stream}, {listed(told)} "
        f"{'lies' if len(told) == 1 else 'lie'} inside or above its interval {interval(low, high)}."
    )


def form_tells_apart(contrast: FormContrast) -> str:
    return (
        f"Form alone tells {contrast.name} apart (accuracy {number(contrast.accuracy)} "
        f"{interval(contrast.low, contrast.high)}, n = {contrast.n}): a difference between them may be format."
    )
