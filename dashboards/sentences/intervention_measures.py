"""What are the measures of interventions called, in which unit, and what do 0 and 1 stand for?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from strata.dashboards.number_formats import interval, number

COMPONENTS: Mapping[str, str] = {
    "block_out": "block (attention + MLP)",
    "attn_out": "attention",
    "mlp_out": "MLP",
    "resid_pre": "stream entering the block",
}
METHODS: Mapping[str, str] = {"mean": "mean ablation", "zero": "zero ablation"}
"""In the order of the page's lists."""
NOTHING, ALL_THE_WAY = "0: nothing", "1: all the way"
"""What the guide lines stand for."""
ONE_IS = "1 = all the way"


@dataclass(frozen=True)
class PatchingWords:
    """A measure of activation patching in words."""

    label: str
    unit: str = "share of the logit difference restored"
    short: str = ""
    zero: str = NOTHING
    """What its guide line at 0 stands for."""
    full: str = ""
    """What its guide line at 1 stands for; without words there is none."""
    one: str = ONE_IS


PATCHING: Mapping[str, PatchingWords] = {
    "gained": PatchingWords(
        "Effect gained at a block",
        "share of the answer gained at the block, mean of windows grown from below and from above",
        "effect gained",
    ),
    "effect": PatchingWords("Effect", "mean of the share restored and the share lost", "effect", full=ALL_THE_WAY),
    "denoise": PatchingWords("Denoise", short="share restored", full="1: fully restored", one="1 = fully restored"),
    "noise": PatchingWords(
        "Noise", "share of the logit difference lost", "share lost", full="1: fully lost", one="1 = fully lost"
    ),
}


ADVANTAGE_LOST = "share of the answer's advantage lost"
NOTHING_LOST = "0: nothing lost"
DAMAGE_UNIT = "KL, nats a token"


def ablation_label(method: str) -> str:
    """`Mean ablation: drop of the logit difference`."""
    return f"{METHODS.get(method, method)}: drop of the logit difference".capitalize()


def damage_label(method: str) -> str:
    """Of the damage on neutral text."""
    return f"Damage by {METHODS.get(method, method)}"


@dataclass(frozen=True)
class Highest:
    """Where a line is highest."""

    block: int
    value: float | None
    low: float | None
    high: float | None


def intervention_aria(about: str, highest: Highest | None, *, block_0_apart: bool) -> str:
    """A line of an intervention as a sentence; `about`: its name, with the items behind it."""
    if highest is None:
        return f"{about}: no value"
    band = interval(highest.low, highest.high)
    apart = "block 0 apart, " if block_0_apart else ""
    return f"{about}: {apart}highest at block {highest.block} with {number(highest.value)}{' ' + band if band else ''}"


def intervention_name(instrument: str, label: str, part: tuple[str, str, str], n_items: int) -> str:
    """Which line it is; `part`: family or kind, component and position."""
    group, component, position = part
    return f"{instrument} {label}, {group}, {component} at {position} ({n_items} items)"
