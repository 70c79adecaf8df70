"""What are the instruments called, what does each of them say, and what is said where one didn't run?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class InstrumentWords:
    """An instrument in words."""

    label: str
    says: str
    """What its curve shows."""
    not_run: str
    """Said where it has no curve."""


_NO_TARGET = (
    "No target could be probed: labels have to occur in two or more groups of items. Ask more items (`--per-family`)."
)
READ_OUTS: Mapping[str, InstrumentWords] = {
    "probe.linear": InstrumentWords(
        "Linear probe", "decodable: a linear classifier finds the answer in the stream", _NO_TARGET
    ),
    "probe.mass_mean": InstrumentWords("Mass-mean probe", "decodable along the difference of class means", _NO_TARGET),
    "lens.logit": InstrumentWords(
        "Logit lens",
        "readable: the model's own output layer, applied early, already says the answer",
        "The logit lens has no curve here: no item of this kind was answered.",
    ),
    "lens.tuned": InstrumentWords(
        "Tuned lens",
        "readable after a trained translation; never dates a computation by itself",
        "No tuned lens ran. Add `--lenses logit,tuned` to the command, with another `--out`.",
    ),
    "lens.jacobian": InstrumentWords(
        "Jacobian lens",
        "readable through the average linear effect on the last stream",
        "No Jacobian lens ran. Add `--lenses logit,jacobian` to the command, with another `--out`.",
    ),
    "lens.bias": InstrumentWords(
        "Bias-only lens",
        "the tuned lens without its matrix: what a constant shift alone explains",
        "No bias-only lens ran; it is trained together with the tuned lens.",
    ),
}
INTERVENTIONS: Mapping[str, InstrumentWords] = {
    "patching": InstrumentWords(
        "Activation patching",
        "used: one activation of the other prompt's run, put into this run, moves the answer (0: nothing, 1: all the way)",
        "No activation patching ran. It needs minimal pairs that align token by token; start `strata locate` with the causal stage.",
    ),
    "ablation": InstrumentWords(
        "Ablation",
        "needed: without this contribution the answer loses its advantage (0: nothing lost, 1: all of it)",
        "No ablation ran. Start `strata locate` with the causal stage.",
    ),
    "damage": InstrumentWords(
        "General damage",
        "how far the same ablation moves the model on neutral text",
        "No damage on neutral text was measured.",
    ),
}


def instrument_label(name: str) -> str:
    """The words for an instrument; an unknown one keeps its own name."""
    words = READ_OUTS.get(name) or INTERVENTIONS.get(name)
    return words.label if words else name
