"""Two-hop items: is the bridge readable, and effective, before the answer?"""

from __future__ import annotations

from typing import Any

from strata.dashboards.text import number, without_paths

Json = dict[str, Any]
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
