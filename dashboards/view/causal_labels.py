"""What are the causal instruments, their measures, sites and positions called, and which curve is a control of which?"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

Json = dict[str, Any]

CAUSAL = ("patching", "ablation", "knockout", "attribution", "damage")
COMPONENTS: dict[str, str] = {
    "block_out": "block (attention + MLP)",
    "attn_out": "attention",
    "mlp_out": "MLP",
    "resid_pre": "stream entering the block",
}
CONTROLS = ("random_donor", "norm_matched_noise", "wrong_position")
METHODS: dict[str, str] = {"skip": "skip", "mean": "mean ablation", "resample": "resample ablation"}

CAUSAL_INSTRUMENTS: dict[str, Json] = {
    "patching": {
        "label": "Activation patching",
        "says": "used: one activation of the other prompt's run, put into this run, moves the answer (0: nothing, 1: all the way)",
        "not_run": "No activation patching ran. It needs minimal pairs that align token by token; start `strata locate` with the causal stage.",
    },
    "ablation": {
        "label": "Ablation",
        "says": "needed: without this contribution the answer loses its advantage (0: nothing lost, 1: all of it)",
        "not_run": "No ablation ran. Start `strata locate` with the causal stage.",
    },
    "knockout": {
        "label": "Attention knockout",
        "says": "carried: with the edge from this position to the last one cut in a window of blocks, the answer loses its advantage",
        "not_run": "No attention edge was cut. Start `strata locate` with the causal stage; it needs items with spans.",
    },
    "attribution": {
        "label": "Attribution (preview)",
        "says": "a first-order guess at activation patching from one backward pass, always beside the exact effect",
        "not_run": "No attribution preview ran. Start `strata locate` with the causal stage.",
    },
    "damage": {
        "label": "General damage",
        "says": "how far the same ablation moves the model on neutral text",
        "not_run": "No damage on neutral text was measured.",
    },
}
_ONE = {"value": 1, "text": "1: all the way"}
_ZERO = {"value": 0, "text": "0: nothing"}
_PATCHING: dict[str, Json] = {
    "gained": {
        "label": "Effect gained at a block",
        "unit": "share of the answer gained at the block, mean of windows grown from below and from above",
        "short": "effect gained",
        "controls": (),
        "lines": [_ZERO],
        "one": "1 = all the way",
    },
    "effect": {
        "label": "Effect",
        "unit": "mean of the share restored and the share lost",
        "short": "effect",
        "controls": (),
        "lines": [_ZERO, _ONE],
        "one": "1 = all the way",
    },
    "denoise": {
        "label": "Denoise",
        "unit": "share of the logit difference restored",
        "short": "share restored",
        "controls": CONTROLS,
        "lines": [_ZERO, {"value": 1, "text": "1: fully restored"}],
        "one": "1 = fully restored",
    },
    "noise": {
        "label": "Noise",
        "unit": "share of the logit difference lost",
        "short": "share lost",
        "controls": (),
        "lines": [_ZERO, {"value": 1, "text": "1: fully lost"}],
        "one": "1 = fully lost",
    },
    "excess": {
        "label": "Excess over the controls",
        "unit": "denoise effect − controls",
        "controls": (),
        "lines": [{"value": 0, "text": "0: no more than the controls"}, _ONE],
        "one": "1 = fully restored",
    },
    "random_donor": {"label": "Control: random donor"},
    "norm_matched_noise": {"label": "Control: norm-matched noise"},
    "wrong_position": {"label": "Control: wrong position"},
}
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


def measure_meta(instrument: str, measure: str) -> Json:
    """Label, unit, controls and guide lines of one measure; an unknown one keeps its own name."""
    base, window = split_window(measure)
    suffix = f".window{window}" if window > 1 and base else ""
    across = f", windows of {window} blocks" if window > 1 else ""
    meta: Json = {
        "range": None,
        "line": None,
        "references": [],
        "lines": [_ZERO],
        "one": "1 = all the way",
        "window": window,
    }
    if instrument in ("patching", "attribution") and base in _PATCHING:
        raw = _PATCHING[base]
        meta |= raw | {
            "label": raw["label"] + across,
            "unit": raw.get("unit", "share of the logit difference restored"),
        }
        meta["references"] = [f"{name}{suffix}" for name in raw.get("controls", ())]
        meta.pop("controls", None)
        return meta
    if instrument == "ablation":
        prefix = next((p for p in _ABLATED if p and base.startswith(p)), "")
        what, unit, zero = _ABLATED[prefix]
        method = base[len(prefix) :]
        meta |= {
            "label": f"{METHODS.get(method, method)}: {what}{across}".capitalize(),
            "unit": unit,
            "method": f"{method}{suffix}",
        }
        meta["lines"] = [{"value": 0, "text": zero}]
        return meta
    if instrument == "knockout":
        return meta | {"label": f"Edges cut in windows of {window} blocks" if window > 1 else "Edges cut block by block",
                       "unit": "share of the answer's advantage lost"}  # fmt: skip
    if instrument == "damage":
        return meta | {"label": f"Damage by {METHODS.get(base, base)}{across}", "unit": "KL, nats a token"}
    return meta | {"label": measure, "unit": ""}


def order_measures(instrument: str, measures: Iterable[str]) -> list[str]:
    """The measures in the order of the page's lists: single blocks before windows, effects before controls."""
    if instrument == "ablation":
        bases = [p + m for p in _ABLATED for m in ("mean", "resample", "skip")]
    else:
        bases = list(_PATCHING)

    def place(measure: str) -> tuple[int, int, str]:
        base, window = split_window(measure)
        return window, bases.index(base) if base in bases else len(bases), measure

    return sorted(set(measures), key=place)
