"""What must stand beside the numbers of a run, in a sentence each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import assert_never

from strata.dashboards.number_formats import count, interval, listed, number
from strata.dashboards.sentences.checkpoint_caveats import checkpoint_caveat
from strata.dashboards.sentences.framing import framed_caveat
from strata.dashboards.sentences.stamped_runs import stamped_words
from strata.dashboards.sentences.whole_forward import why_whole_words
from strata.dashboards.visible_text import without_paths
from strata.experiments.results.caveats import Caveat, ReadOut

_CONTROLS: Mapping[str, str] = {
    "random_init": "the same model with random weights",
    "control_accuracy": "the control task",
}
"""Measures of `KEEPING_UP`, with their articles."""
_READ: dict[ReadOut, str] = {"probe": "decodable", "lens": "readable"}


def caveat_sentence(caveat: Caveat) -> str:
    """Without its full stop; no path of a machine in it."""
    return str(without_paths(_words(caveat)))


def _words(caveat: Caveat) -> str:
    kind = caveat.kind or ""
    match caveat.code:
        case "said":
            return (caveat.text or "").rstrip(".")
        case "opened":
            assert caveat.opened is not None
            ahead = "" if caveat.adapter is None else f"{caveat.adapter}: "
            return f"{ahead}{checkpoint_caveat(caveat.opened)}".rstrip(".")
        case "framed":
            return framed_caveat(caveat.framing)
        case "position-nowhere":
            return f"No item has the position {caveat.position!r} (--positions): nothing was read there"
        case "rematched":
            were = f"{count(caveat.items or 0, 'item')} {'was' if caveat.items == 1 else 'were'}"
            return f"{were} given another counterfactual prompt of the same number of tokens: only such prompts can be swapped"
        case "no-interventions-asked":
            return "No intervention was made (--causal-map none): what is decodable or readable need not be used"
        case "other-backend":
            return (
                f"Every forward pass was run by {caveat.backend}, and every edited run is a whole one: the same numbers, more slowly; "
                "single heads, and what they read of the span, were not measured with it"
            )
        case "no-random-init":
            return (
                f"Probes were not fitted on fresh weights: {caveat.backend} runs only the model that the server holds"
            )
        case "whole-forward":
            return (
                f"Every edited run was a whole forward pass, since {_whole(caveat)}: the same numbers, more slowly; single heads, and what "
                "they read of the span, were not measured"
            )
        case "memory-ran-out":
            return f"Memory ran out in the interventions on {caveat.family}: they were begun again in smaller batches"
        case "no-matched-control":
            return f"{kind.capitalize()} has no matched control among the answered families: what it shares with copying can't be told"
        case "no-span":
            return f"No replaced span is named in {', '.join(caveat.families)}: interventions were made at the last position only"
        case "none-answered":
            return f"No {kind} item is answered in a family above chance, so its lens curves are empty"
        case "decodable-first":
            return (
                f"For {kind} the answer is decodable {caveat.streams} streams before the logit lens reads it: "
                "information that nothing may be using yet"
            )
        case "read-out-late":
            return (
                f"{_made(caveat)} at the last position they are {_read(caveat)} only "
                f"from stream {caveat.stream} on: between them the answer is moved or rewritten"
            )
        case "read-out-early":
            return (
                f"{_made(caveat)} {_read(caveat)} from stream {caveat.stream} on: an earlier "
                "copy that these blocks don't need, or something that goes with the answer"
            )
        case "several-positions":
            return f"{caveat.positions} positions are probed, each with a p of its own: picking the best position afterwards is not corrected for"
        case "resumed-elsewhere":
            changed = (f"{name} {then or 'absent'} then, {now or 'absent'} now" for name, then, now in caveat.changes)
            return f"Resumed under other conditions, so its parts may differ by rounding: {'; '.join(changed)}"
        case "quick" | "limited" | "self-tests-failed":
            return stamped_words(caveat.code, items=caveat.items, tests=caveat.tests)
        case "unanswered":
            families = count(caveat.of or 0, f"{kind} family", f"{kind} families")
            return f"{len(caveat.families)} of {families} not answered: {listed(caveat.families)}"
        case "decodable-at-input":
            return (
                f"{kind.capitalize()}: decodable at stream 0 already, so the probe reads the input, not a computation"
            )
        case "readable-before-decodable":
            return (
                f"{kind.capitalize()}: probe and lens contradict each other, readable (stream {caveat.lens_stream}) "
                f"before decodable (stream {caveat.stream})"
            )
        case "controls-keep-up":
            assert caveat.interval is not None
            told = [f"{_CONTROLS[name]} ({number(mean)})" for name, mean in caveat.controls.items()]
            return (
                f"{kind.capitalize()}: at the probe's onset, stream {caveat.stream}, {listed(told)} "
                f"{'lies' if len(told) == 1 else 'lie'} inside or above its interval {interval(*caveat.interval)}"
            )
        case "no-form-check":
            return "The format-only classifier did not run: prompts of two kinds may differ in form alone"
        case "form-tells-apart":
            form = caveat.contrast
            assert form is not None
            return (
                f"Form alone tells {form.name} apart (accuracy {number(form.accuracy)} {interval(form.low, form.high)}, "
                f"n = {form.n}): a difference between them may be format"
            )
        case _:
            assert_never(caveat.code)


def _whole(caveat: Caveat) -> str:
    return (caveat.text or "") if caveat.why is None else why_whole_words(caveat.why)


def _made(caveat: Caveat) -> str:
    return f"{(caveat.kind or '').capitalize()} answers are made in blocks {caveat.first} to {caveat.last}, but"


def _read(caveat: Caveat) -> str:
    return "readable" if caveat.instrument is None else _READ[caveat.instrument]
