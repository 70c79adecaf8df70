"""What a page says beside its numbers that no part of the run wrote down: stamps, families that fail, controls that keep up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from strata.dashboards.number_formats import count, interval, listed, number
from strata.experiments.locate.read_out_caveats import ReadOutCaveat
from strata.experiments.results.format_check import FormContrast

QUICK = (
    "This is a --quick run: fewer families, items and pairs, fewer draws and fewer lines, so its intervals are wide."
)
NO_FORM_CHECK = "The format-only classifier did not run: prompts of two kinds may differ in form alone."

_CONTROLS: Mapping[str, str] = {
    "random_init": "the same model with random weights",
    "control_accuracy": "the control task",
}
"""Measures of `KEEPING_UP`, with their articles."""


def limited(n_items: int) -> str:
    return f"This is a --limit run over {count(n_items, 'item')}: good for trying out, not for conclusions."


def failed_self_tests(names: Sequence[str]) -> str:
    return f"Self-test failed: {listed(names)}. No number below can be trusted."


def unanswered(kind: str, missing: Sequence[str], n_families: int) -> str:
    families = count(n_families, f"{kind} family", f"{kind} families")
    return f"{len(missing)} of {families} not answered: {listed(missing)}."


def read_out_sentence(kind: str, caveat: ReadOutCaveat) -> str:
    """What speaks against the probe's onset."""
    return f"{kind.capitalize()}: {_read_out(caveat)}."


def _read_out(caveat: ReadOutCaveat) -> str:
    match caveat.code:
        case "decodable-at-input":
            return "decodable at stream 0 already, so the probe reads the input, not a computation"
        case "readable-before-decodable":
            return (
                f"probe and lens contradict each other, readable (stream {caveat.lens}) "
                f"before decodable (stream {caveat.probe})"
            )
        case "controls-keep-up":
            assert caveat.accuracy is not None
            told = [f"{_CONTROLS[name]} ({number(mean)})" for name, mean in (caveat.controls or {}).items()]
            return (
                f"at the probe's onset, stream {caveat.probe}, {listed(told)} {'lies' if len(told) == 1 else 'lie'} "
                f"inside or above its interval {interval(caveat.accuracy.low, caveat.accuracy.high)}"
            )


def form_tells_apart(contrast: FormContrast) -> str:
    return (
        f"Form alone tells {contrast.name} apart (accuracy {number(contrast.accuracy)} "
        f"{interval(contrast.low, contrast.high)}, n = {contrast.n}): a difference between them may be format."
    )
