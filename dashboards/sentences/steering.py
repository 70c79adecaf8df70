"""Is what training brought one direction in the base's streams? The same for the terminal and the page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import assert_never

from strata.dashboards.number_formats import count, number
from strata.dashboards.sentences.confidence import estimated
from strata.experiments.results.steering import SteeredAnswers, Steering, SteeringControl

CONTROLS: Mapping[SteeringControl, str] = {
    "random": "a random direction as long, at its best stream",
    "control-model": "the control model's direction, as long",
    "elsewhere": "the same direction half a model away",
    "flipped": "the same direction, sign turned",
}
HEAD = ("direction", "share of the gain recovered")
"""Of the table."""
TRAINED = "distilled − base"


def steering_rows(found: Steering) -> list[tuple[str, str]]:
    """The direction, then every control; empty where nothing was steered."""
    if found.recovered is None:
        return []
    controls = [
        (CONTROLS[name], estimated(recovered)) for name, of_kind in found.controls.items() for recovered in of_kind
    ]
    return [(f"{TRAINED}, stream {found.stream}", estimated(found.recovered)), *controls]


def stream_rows(found: Steering) -> list[tuple[str, str]]:
    """By stream, on the problems that the stream was chosen on."""
    return [(str(one.stream), number(one.recovered)) for one in found.by_stream]


def steering_sentences(found: Steering) -> list[str]:
    """The number first, then what it stands beside, then what the base writes."""
    lines = [_number(found), _gain(found)]
    return [*lines, *([] if found.answers is None else [_answers(found.answers)])]


def _number(found: Steering) -> str:
    match found.verdict:
        case "nothing-to-recover":
            return "Steering: there is nothing to recover, the distilled model doesn't surely make true traces likelier than the base does."
        case "undecided":
            return "Steering: not judged (fewer than eight clusters)."
        case "carries":
            return f"Steering: one direction carries part of it: {_recovered(found)}."
        case "not-beyond-controls":
            return f"Steering: one direction recovers something, but not surely more than its controls: {_recovered(found)}."
        case "recovers-nothing":
            return f"Steering: no one direction is shown to carry what training brought: {_recovered(found)}."
        case _:
            assert_never(found.verdict)


def _recovered(found: Steering) -> str:
    assert found.recovered is not None and found.beyond is not None
    return (
        f"added to stream {found.stream}, it recovers {estimated(found.recovered)} of the gain, beyond the best control "
        f"{estimated(found.beyond)} (a further random direction stays below {number(found.random_bound)})"
    )


def _gain(found: Steering) -> str:
    return (
        f"A token of the true trace has log-probability {estimated(found.base)} in the base and {estimated(found.target)} in the distilled model "
        f"(gain {estimated(found.gain)} nats; {count(found.judged_on, 'problem')}; direction from {found.trained_on} others, stream chosen on "
        f"{found.chosen_on})."
    )


def _answers(answers: SteeredAnswers) -> str:
    return (
        f"Written under it: {estimated(answers.steered_right)} right against {estimated(answers.right)} (change {estimated(answers.change)}); "
        f"repeated runs of four words {number(answers.steered_repeated)} against {number(answers.repeated)}."
    )
