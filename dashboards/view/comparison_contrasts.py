"""What does the page say of the four contrasts? Each model's streams behind two instructions, and the excess."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from strata.dashboards.view.comparison_lines import spoken
from strata.dashboards.view.comparison_run import ComparisonRun
from strata.dashboards.view.comparison_similarity import (
    apart,
    current_rows,
    dimensions_told,
    dominance_words,
    drawn,
    excluded,
    family_line,
    in_streams,
    with_dominant,
)
from strata.dashboards.view.comparison_words import path_free, was_asked
from strata.dashboards.text import visible

Json = dict[str, Any]
NAMES = {
    "fast_slow": "fast – slow",
    "fast_other": "fast – in French",
    "fast_fast": "fast – fast reworded",
    "slow_slow": "slow – slow reworded",
    "excess": "excess: (fast – in French) − (fast – slow)",
}
_KEY = ("model", "kind", "contrast")
NOT_ASKED = "The questions were not asked behind instructions (--contrast-items 0, which --quick sets)."


def build_contrasts(run: ComparisonRun) -> Json:
    """Lines by model, kind and contrast over the streams, and why something is absent.

    A model with other blocks than the base shares no axis with it: its numbers stay in the table, and a reason says so.
    """
    rows = current_rows(run, "contrasts")
    depths = {
        role: int((run.models[role].get("checkpoint") or {}).get("n_layers") or run.n_layers) for role in run.roles
    }
    shared = [row for row in rows if row["stream"] is not None and depths.get(row["model"]) == run.n_layers]
    lines = with_dominant([row for row in shared if row["excluded"] is None], _KEY, ("share",))
    trimmed = {_key(line): line for line in lines if line["dimensions"] == "trimmed" and drawn(line)}
    lines = [line for line in lines if line["dimensions"] == "all"]
    # The contrasts lie close together: of those only what says something else is drawn twice.
    lines += [
        trimmed[_key(line)]
        for line in lines
        if _key(line) in trimmed and (line["contrast"] == "excess" or apart(line, trimmed[_key(line)]))
    ]
    for line in lines:
        less = ", without dominant dimensions" if line["dimensions"] == "trimmed" else ""
        line["aria"] = spoken(f"{line['model']}, {line['kind']}, {NAMES[line['contrast']]}{less}", line)
    without = excluded(shared, _KEY)
    full = [line for line in lines if line["dimensions"] == "all"]
    excess = [line for line in full if line["contrast"] == "excess"]
    reasons = [
        {"model": row["model"], "kind": row["kind"] or "", "text": path_free(row["reason"])}
        for row in rows
        if row["stream"] is None and row["reason"] and (not row["kind"] or was_asked(run, row["kind"]))
    ]
    measured = {row["model"] for row in rows if row["stream"] is not None}
    reasons += [
        {"model": role, "kind": "", "text": f"it has {depths[role]} blocks, the base {run.n_layers}: its numbers are in contrasts.parquet"}
        for role in run.roles
        if role in measured and depths[role] != run.n_layers
    ]  # fmt: skip
    reason_text = "; ".join(
        dict.fromkeys(" ".join((reason["model"], reason["kind"])).strip() + f": {reason['text']}" for reason in reasons)
    )
    return {
        "state": "ok" if lines else "not_run",
        "text": "" if lines else f"{reason_text}." if reason_text else NOT_ASKED,
        "names": {name: text for name, text in NAMES.items() if name != "excess"},
        "excess": NAMES["excess"],
        "lines": lines,
        "family_lines": [family_line(line, without[_key(line)]) for line in excess if _key(line) in without],
        "told": [
            *(_told(line, trimmed.get(_key(line)), without.get(_key(line), {})) for line in excess),
            *(_carried(line, trimmed[_key(line)]) for line in full if _is_carried(line, trimmed.get(_key(line)))),
        ],
        "reasons": reasons,
        "aria": ". ".join(line["aria"] for line in lines if line["contrast"] == "excess"),
    }


def _is_carried(line: Json, trimmed: Json | None) -> bool:
    return line["contrast"] != "excess" and trimmed is not None and bool(apart(line, trimmed))


def _carried(line: Json, trimmed: Json) -> Json:
    """A contrast that says something else without its dominant dimensions."""
    text = f"{line['model'].capitalize()}, {line['kind']}, {NAMES[line['contrast']]}: {dimensions_told(line, trimmed)}."
    return {"model": line["model"], "kind": line["kind"], "text": text}


def _told(line: Json, trimmed: Json | None, without: Mapping[str, Mapping[int, float]]) -> Json:
    """Where the excess is there, and whether one dimension or one family is all there is to it."""
    there = _signs(line)
    about = dominance_words(line)
    if not there:
        where = "stream by stream, the interval of the excess holds 0 wherever there is one"
    else:
        where = f"stream by stream, the interval of the excess leaves 0 out at {in_streams(sorted(there))}"
        if trimmed is not None:
            left = _signs(trimmed)
            gone = [stream for stream, sign in sorted(there.items()) if left.get(stream) != sign]
            about += f"; without what is dominant it is gone at {in_streams(gone)}" if gone else ""
            about += "" if gone else "; without what is dominant it stays"
        for family, of in without.items():
            gone = [stream for stream, sign in sorted(there.items()) if stream in of and of[stream] * sign <= 0]
            about += f"; without {visible(family)} it is gone at {in_streams(gone)}" if gone else ""
    text = f"{line['model'].capitalize()}, {line['kind']} ({line['n_items']} items): {where}; {about}."
    return {"model": line["model"], "kind": line["kind"], "text": text}


def _signs(line: Json) -> dict[int, int]:
    """Stream → sign of the excess, where its interval leaves 0 out."""
    ends = zip(line["layer"], line["low"], line["high"], strict=True)
    return {
        stream: 1 if low > 0 else -1
        for stream, low, high in ends
        if low is not None and high is not None and not low <= 0 <= high
    }


def _key(line: Json) -> tuple[Any, ...]:
    return tuple(line[name] for name in _KEY)
