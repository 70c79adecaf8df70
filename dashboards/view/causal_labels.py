"""What are the causal instruments, their measures, sites and positions called, and which curve is a control of which?"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from strata.dashboards.view.schema_causal import CausalMeasure
from strata.dashboards.view.schema_parts import InstrumentLabel, Line

CAUSAL = ("patching", "ablation", "knockout", "attribution", "damage")
COMPONENTS: dict[str, str] = {
    "block_out": "block (attention + MLP)",
    "attn_out": "attention",
    "mlp_out": "MLP",
    "resid_pre": "stream entering the block",
}
CONTROLS = ("random_donor", "norm_matched_noise", "wrong_position")
METHODS: dict[str, str] = {"zero": "zero ablation", "mean": "mean ablation", "resample": "resample ablation"}

CAUSAL_INSTRUMENTS: dict[str, InstrumentLabel] = {
    "patching": InstrumentLabel(
        label="Activation patching",
        says="used: one activation of the other prompt's run, put into this run, moves the answer (0: nothing, 1: all the way)",
        not_run="No activation patching ran. It needs minimal pairs that align token by token; start `strata locate` with the causal stage.",
    ),
    "ablation": InstrumentLabel(
        label="Ablation",
        says="needed: without this contribution the answer loses its advantage (0: nothing lost, 1: all of it)",
        not_run="No ablation ran. Start `strata locate` with the causal stage.",
    ),
    "knockout": InstrumentLabel(
        label="Attention knockout",
        says="carried: with the edge from this position to the last one cut in a window of blocks, the answer loses its advantage",
        not_run="No attention edge was cut. Start `strata locate` with the causal stage; it needs items with spans.",
    ),
    "attribution": InstrumentLabel(
        label="Attribution (preview)",
        says="a first-order guess at activation patching from one backward pass, always beside the exact effect",
        not_run="No attribution preview ran. Start `strata locate` with the causal stage.",
    ),
    "damage": InstrumentLabel(
        label="General damage",
        says="how far the same ablation moves the model on neutral text",
        not_run="No damage on neutral text was measured.",
    ),
}
_ONE = Line(value=1, text="1: all the way")
_ZERO = Line(value=0, text="0: nothing")
_ONE_IS = "1 = all the way"


@dataclass(frozen=True)
class _Patching:
    """What a measure of activation patching is called."""

    label: str
    unit: str = "share of the logit difference restored"
    short: str = ""
    controls: tuple[str, ...] = ()
    lines: tuple[Line, ...] = (_ZERO,)
    one: str = "1 = all the way"


_PATCHING: dict[str, _Patching] = {
    "gained": _Patching(
        "Effect gained at a block", "share of the answer gained at the block, mean of windows grown from below and from above",
        "effect gained",
    ),
    "effect": _Patching(
        "Effect", "mean of the share restored and the share lost", "effect", lines=(_ZERO, _ONE)
    ),
    "denoise": _Patching(
        "Denoise", "share of the logit difference restored", "share restored", CONTROLS,
        (_ZERO, Line(value=1, text="1: fully restored")), "1 = fully restored",
    ),
    "noise": _Patching(
        "Noise", "share of the logit difference lost", "share lost", lines=(_ZERO, Line(value=1, text="1: fully lost")),
        one="1 = fully lost",
    ),
    "excess": _Patching(
        "Excess over the controls", "denoise effect − controls",
        lines=(Line(value=0, text="0: no more than the controls"), _ONE), one="1 = fully restored",
    ),
    "random_donor": _Patching("Control: random donor"),
    "norm_matched_noise": _Patching("Control: norm-matched noise"),
    "wrong_position": _Patching("Control: wrong position"),
}  # fmt: skip
_ABLATED = {
    "": ("drop of the logit difference", "share of the answer's advantage lost", "0: nothing lost"),
    "specific.": ("drop beyond the matched control", "share lost − matched control", "0: as in the matched control"),
    "beyond_damage.": (
        "drop beyond general damage",
        "share lost − what goes with damage",
        "0: as its damage on neutral text predicts",
    ),
    "wrong.": ("share then answered wrongly", "share of items", "0: none"),
}
_WINDOW = re.compile(r"\.?window(\d+)$")


def split_window(measure: str) -> tuple[str, int]:
    """`denoise.window3` is (`denoise`, 3), `window5` is (``, 5), `denoise` is (`denoise`, 1)."""
    match = _WINDOW.search(measure)
    return (measure[: match.start()], int(match.group(1))) if match else (measure, 1)


def is_control(measure: str) -> bool:
    """Whether a patching measure is a control curve."""
    return split_window(measure)[0] in CONTROLS


def measure_meta(instrument: str, measure: str) -> CausalMeasure:
    """Label, unit, controls and guide lines of one measure; an unknown one keeps its own name."""
    base, window = split_window(measure)
    suffix = f".window{window}" if window > 1 and base else ""
    across = f", windows of {window} blocks" if window > 1 else ""
    if instrument in ("patching", "attribution") and base in _PATCHING:
        named = _PATCHING[base]
        return CausalMeasure(
            label=named.label + across, unit=named.unit, short=named.short, lines=named.lines, one=named.one, window=window,
            references=tuple(f"{name}{suffix}" for name in named.controls),
        )  # fmt: skip
    method, zero = "", _ZERO
    match instrument:
        case "ablation":
            prefix = next((p for p in _ABLATED if p and base.startswith(p)), "")
            what, unit, said = _ABLATED[prefix]
            name = base[len(prefix) :]
            label = f"{METHODS.get(name, name)}: {what}{across}".capitalize()
            method, zero = f"{name}{suffix}", Line(value=0, text=said)
        case "knockout":
            label = f"Edges cut in windows of {window} blocks" if window > 1 else "Edges cut block by block"
            unit = "share of the answer's advantage lost"
        case "damage":
            label, unit = f"Damage by {METHODS.get(base, base)}{across}", "KL, nats a token"
        case _:
            label, unit = measure, ""
    return CausalMeasure(label=label, unit=unit, method=method, lines=(zero,), one=_ONE_IS, window=window)


def order_measures(instrument: str, measures: Iterable[str]) -> list[str]:
    """The measures in the order of the page's lists: single blocks before windows, effects before controls."""
    if instrument == "ablation":
        bases = [p + m for p in _ABLATED for m in ("mean", "resample", "zero")]
    else:
        bases = list(_PATCHING)

    def place(measure: str) -> tuple[int, int, str]:
        base, window = split_window(measure)
        return window, bases.index(base) if base in bases else len(bases), measure

    return sorted(set(measures), key=place)
