"""What do the interventions allow to be said? Where each kind is located or why not, the order, and what controls explain."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from strata.dashboards.view.text import count, interval, number, significant, without_paths

Json = dict[str, Any]
INSTRUMENTS = ("patching", "ablation")
_STAGE = {"knowledge": "retrieval", "reasoning": "reasoning"}


def p_words(p: float | None) -> str:
    """`p = 0.012`, `p < 0.001`, or `p not computed`."""
    if p is None:
        return "p not computed"
    return "p < 0.001" if p < 0.001 else f"p = {number(p, 3)}"


def kind_cause(kind: Json) -> Json | None:
    """The causal part of one kind's row; None when no intervention ran on it."""
    tables = kind.get("instruments") or {}
    if (
        not any(name in tables for name in INSTRUMENTS)
        and kind.get("located") is None
        and not kind.get("why_not_located")
    ):
        return None
    located = kind.get("located")
    pairs = kind.get("pairs") or {}
    out: Json = {
        "located": bool(located), "sought": bool(kind.get("sought", True)), "layer": None, "depth": None, "low": None, "high": None, "low_depth": None,
        "high_depth": None, "p": None, "n": None, "clusters": None, "component": None, "reason": "", "numbers": "",
        "usable": pairs.get("usable"),
        "instruments": [instrument_words(name, tables.get(name)) for name in INSTRUMENTS],
    }  # fmt: skip
    if not located:
        reason = str(without_paths(str(kind.get("why_not_located") or "no block stands out of the null"))).rstrip(".")
        return out | {"reason": reason, "text": f"{not_located(out)}: {reason}"}
    low, high = _ends(located.get("interval"))
    depths = _ends(located.get("depth_interval"))
    out |= {"layer": located.get("layer"), "depth": significant(located.get("depth")), "low": low, "high": high,
            "low_depth": significant(depths[0]), "high_depth": significant(depths[1]), "p": significant(located.get("p")),
            "n": located.get("n"), "clusters": located.get("clusters"), "component": located.get("component")}  # fmt: skip
    out["numbers"] = ", ".join([p_words(out["p"]), *_support(out)])
    return out | {"text": f"block {out['layer']}{block_band(low, high)}, depth {number(out['depth'])}{_space(interval(depths[0], depths[1]))}, {out['numbers']}"}  # fmt: skip


def not_located(cause: Json) -> str:
    """Of a kind without a place: was one looked for?"""
    return "not located" if cause["sought"] else "not looked for"


def instrument_words(name: str, raw: Json | None) -> Json:
    """One instrument's own location: block, interval and support, or why it names none."""
    out: Json = {"instrument": name, "layer": None, "depth": None, "low": None, "high": None, "n": None, "method": ""}
    if not raw:
        return out | {"state": "not_run", "text": "not run", "numbers": ""}
    out["method"] = str(raw.get("method") or "")
    if raw.get("layer") is None:
        reason = str(without_paths(str(raw.get("reason") or "no block stands out of the null"))).rstrip(".")
        return out | {"state": "none", "text": "no block", "numbers": reason}
    low, high = _ends(raw.get("interval"))
    out |= {"layer": raw["layer"], "depth": significant(raw.get("depth")), "low": low, "high": high, "n": raw.get("n")}
    peak = raw.get("peak")
    numbers = [p_words(significant(raw.get("p")))]
    if raw.get("n") is not None:
        numbers.append(f"n = {raw['n']}")
    if isinstance(peak, int | float):
        numbers.append(f"peak {number(peak)}")
    return out | {"state": "ok", "text": f"block {raw['layer']}{block_band(low, high)}", "numbers": ", ".join(numbers)}


def _ends(pair: Any) -> tuple[Any, Any]:
    """Both ends of an interval; two Nones when there is none."""
    return tuple(pair) if isinstance(pair, list | tuple) and len(pair) == 2 else (None, None)


def _support(value: Json) -> list[str]:
    if value.get("n") is None:
        return []
    clusters = value.get("clusters")
    return [f"n = {value['n']} pairs" + ("" if clusters is None else f" in {count(int(clusters), 'cluster')}")]


def block_band(low: Any, high: Any) -> str:
    """` [8–10]`, or nothing when there is no interval."""
    return "" if low is None or high is None else f" [{low:g}–{high:g}]"


def _space(text: str) -> str:
    return f" {text}" if text else ""


def causal_sentence(kinds: list[Json], order: Json) -> str:
    """Where retrieval and reasoning are located, or that they are not, with the reason; then the order."""
    causes = {kind["kind"]: kind["cause"] for kind in kinds if kind["kind"] in _STAGE and kind["cause"] is not None}
    if not causes:
        return ""
    parts = [
        _place_sentence(_STAGE[kind], cause) for kind, cause in causes.items() if cause["located"] or cause["sought"]
    ]
    # What keeps an instrument from being used at all keeps it from both: one clause, and no order to speak of.
    unsought: dict[str, list[str]] = {}
    for kind, cause in causes.items():
        if not cause["located"] and not cause["sought"]:
            unsought.setdefault(cause["reason"], []).append(_STAGE[kind])
    for reason, stages in unsought.items():
        parts.append(f"{' and '.join(stages)} {'was' if len(stages) == 1 else 'were'} not looked for: {reason}")
    first = "; ".join(parts)
    sentence = f"{first[0].upper()}{first[1:]}."
    asked = {k["kind"]: k["cause"] and k["cause"]["located"] for k in kinds if k["kind"] in _STAGE}
    if len(asked) < len(_STAGE):
        return sentence
    reason = str(without_paths(str(order.get("reason") or ""))).rstrip(".")
    return f"{sentence} {order_words({**order, 'reason': None} if reason in unsought else order, asked)}"


def _place_sentence(stage: str, cause: Json) -> str:
    if not cause["located"]:
        return f"{stage} is not located: {cause['reason']}"
    where = f" ({cause['component']})" if cause["component"] else ""
    return (
        f"{stage} is located at block {cause['layer']}{block_band(cause['low'], cause['high'])}{where}, depth "
        f"{number(cause['depth'])}{_space(interval(cause['low_depth'], cause['high_depth']))}, {cause['numbers']}"
    )


def order_words(order: Json, located: Mapping[str, Any]) -> str:
    """The order with its difference, interval and p, the raw difference, and what the matched controls explain of it.

    `located`: by kind where it is located, or None. Where one of the two is not located the order has no number, in the
    terminal as on the page: its depths are those of noise.
    """
    supported = all(located.get(kind) for kind in _STAGE)
    word = order.get("verdict") or "undetermined"
    difference = order.get("difference")
    reason = str(without_paths(str(order.get("reason") or ""))).rstrip(".")
    if difference is None or not supported:
        return f"Order: {word}{f' ({reason})' if reason else ''}."
    low, high = _ends(order.get("interval"))
    text = (
        f"Order: {word}, depth of reasoning − retrieval {number(difference)}{_space(interval(low, high))}, "
        f"{p_words(significant(order.get('p')))}"
    )
    text += f" ({reason})." if reason else "."
    raw = order.get("raw") or {}
    if raw.get("difference") is not None:
        low, high = _ends(raw.get("interval"))
        text += f" Before the matched controls are taken off: {number(raw['difference'])}{_space(interval(low, high))}"
        share = significant(order.get("explained_by_controls"))
        text += _explained(share)
    return text


def _explained(share: float | None) -> str:
    if share is None:
        return "."
    if share < 0:
        return "; the controls explain none of it (without them it is larger)."
    if share > 1:
        return "; the controls explain all of it (without them it has the other sign)."
    return f"; the controls explain {number(100 * share, 0)} % of it."


_BRIDGE = {
    "bridge_readable": "the bridge becomes readable",
    "bridge_read_first": "the bridge is readable before the answer",
    "bridge_used_first": "the bridge is effective at an earlier block than the answer",
    "bridge_before_answer_share": "the bridge comes before the answer",
}


def intermediates_words(raw: Any) -> str:
    """Composite items: is the bridge readable and effective before the answer? Empty when not run."""
    lines = []
    for entry in raw if isinstance(raw, list) else [raw] if raw else []:
        if not isinstance(entry, dict):
            continue
        name = str(entry.get("family") or entry.get("kind") or "composite items")
        shares = [
            f"{words} in {_share_words(entry[key])}" for key, words in _BRIDGE.items() if _has_value(entry.get(key))
        ]
        if shares:
            n = f" (n = {entry['n']})" if entry.get("n") is not None else ""
            lines.append(f"{name}{n}: {', '.join(shares)}")
        elif entry.get("reason"):
            lines.append(f"{name}: {str(without_paths(str(entry['reason']))).rstrip('.')}")
    return "; ".join(lines)


def _has_value(share: Any) -> bool:
    return isinstance(share, dict) and share.get("value") is not None


def _share_words(share: Json) -> str:
    low, high = share.get("low"), share.get("high")
    band = "" if low is None or high is None else f" [{number(100 * low, 0)}, {number(100 * high, 0)}]"
    n = f", n = {share['n']}" if share.get("n") is not None else ""
    return f"{number(100 * share['value'], 0)} % of items{band}{n}"
