"""What is each measure of behaviour called in a comparison, and how is its change told?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import assert_never

from strata.dashboards.number_formats import number
from strata.dashboards.sentences.signed_numbers import signed, signed_interval
from strata.experiments.results.compared_behaviour import BehaviourMeasure, ComparedBehaviour
from strata.experiments.results.comparison import Comparison
from strata.experiments.results.estimates import Contrasted, Estimated

LABELS: Mapping[BehaviourMeasure, tuple[str, str]] = {
    "fast": ("right, think block closed", "share of problems"),
    "slow": ("right, think block opened", "share of problems"),
    "thinking_gain": ("won by thinking, δ", "share of problems"),
    "information_gain": ("information gain of written steps", "nats"),
    "information_gain_beyond": ("beyond another problem's steps", "nats"),
    "knowledge_index": ("own steps true of the problem, KI", "share of steps"),
    "overconfidence": ("confidence − accuracy", "share of items"),
    "overconfidence_behind_steps": ("confidence − accuracy behind written steps", "share of problems"),
    "chain": ("end of a chain named over its links, less over the last behind filler", "share of chains"),
    "pressure_gain": ("gain of a wrong answer put before, beyond another", "nats"),
    "pressure_flips": ("flips by a wrong answer put before, beyond another", "share of items"),
}
"""Name and unit of every measure."""


def behaviour_lines(comparison: Comparison) -> Iterator[str]:
    """What a terminal says, a line a kind and measure; nothing where behaviour wasn't compared."""
    for kind, measures in comparison.behaviour.kinds.items():
        for measure, estimates in measures.items():
            models = ", ".join(
                f"{role} {number(found.value)}"
                for role in comparison.models
                if (found := estimates.of(role)) is not None
            )
            yield f"{kind}, {LABELS[measure][0]} ({LABELS[measure][1]}): {models}{_changes(estimates)}"


def why_no_behaviour(behaviour: ComparedBehaviour) -> str:
    """Why there is nothing; empty where it was compared."""
    match behaviour.why:
        case None:
            return ""
        case "not-asked-for":
            return "Behaviour wasn't compared: --behaviour N asks for it."
        case "no-model-could":
            return "Behaviour wasn't compared: no model could be asked."
        case _:
            assert_never(behaviour.why)


def _changes(estimates: Contrasted) -> str:
    told = [
        f"; {words} {_signed(found)}"
        for words, found in (
            ("change", estimates.change),
            ("difference in differences against the control", estimates.difference_in_differences),
        )
        if found is not None
    ]
    return "".join(told)


def _signed(estimate: Estimated) -> str:
    return f"{signed(estimate.value or 0.0)}{signed_interval(estimate.low, estimate.high)}"
