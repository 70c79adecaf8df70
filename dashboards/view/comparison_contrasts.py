"""What does the page say of the four contrasts? Each model's streams behind two instructions, and the excess."""

from __future__ import annotations

from typing import Any

from dashboards.view.comparison_lines import gathered, spoken
from dashboards.view.comparison_run import ComparisonRun
from dashboards.view.comparison_words import said, was_asked

Json = dict[str, Any]
NAMES = {
    "fast_slow": "fast – slow",
    "fast_other": "fast – in French",
    "fast_fast": "fast – fast reworded",
    "slow_slow": "slow – slow reworded",
    "excess": "excess: (fast – in French) − (fast – slow)",
}
NOT_ASKED = "The questions were not asked behind instructions (--contrast-items 0, which --quick sets)."


def build_contrasts(run: ComparisonRun) -> Json:
    """Lines by model, kind and contrast over the streams, and why something is absent.

    A model with other blocks than the base shares no axis with it: its numbers stay in the table, and a reason says so.
    """
    rows = run.tables["contrasts"] or []
    depths = {
        role: int((run.models[role].get("checkpoint") or {}).get("n_layers") or run.n_layers) for role in run.roles
    }
    drawn = [row for row in rows if depths.get(row["model"]) == run.n_layers]
    lines = gathered(drawn, ("model", "kind", "contrast"), axis="stream", layer="stream")
    for line in lines:
        line["aria"] = spoken(f"{line['model']}, {line['kind']}, {NAMES[line['contrast']]}", line)
    reasons = [
        {"model": row["model"], "kind": row["kind"] or "", "text": said(row["reason"])}
        for row in rows
        if row["stream"] is None and row["reason"] and (not row["kind"] or was_asked(run, row["kind"]))
    ]
    measured = {row["model"] for row in rows if row["stream"] is not None}
    reasons += [
        {"model": role, "kind": "", "text": f"it has {depths[role]} blocks, the base {run.n_layers}: its numbers are in contrasts.parquet"}
        for role in run.roles
        if role in measured and depths[role] != run.n_layers
    ]  # fmt: skip
    told = "; ".join(
        dict.fromkeys(" ".join((one["model"], one["kind"])).strip() + f": {one['text']}" for one in reasons)
    )
    return {
        "state": "ok" if lines else "not_run",
        "text": "" if lines else f"{told}." if told else NOT_ASKED,
        "names": {name: text for name, text in NAMES.items() if name != "excess"},
        "excess": NAMES["excess"],
        "lines": lines,
        "reasons": reasons,
        "aria": ". ".join(line["aria"] for line in lines if line["contrast"] == "excess"),
    }
