"""Does the model answer the items at all? One row a family: accuracy, interval, and the word answered or not."""

from __future__ import annotations

import math
from typing import Any

from dashboards.view.labels import kind_order
from dashboards.view.tables import RunTables
from dashboards.view.text import significant

Json = dict[str, Any]

RULE = (
    "A family counts as answered when its accuracy interval lies above one half "
    "(the answer against its foil) and at least one item is answered."
)
INTERVAL = "95 % Wilson interval with the number of clusters as n (items of one cluster count once)"


def wilson(share: float, n: int, z: float = 1.959964) -> tuple[float, float]:
    """Wilson score interval of a proportion: `share` of `n` independent draws. Raises ValueError for n < 1."""
    if n < 1:
        raise ValueError("an interval needs at least one draw")
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return max(0.0, centre - half), min(1.0, centre + half)


def build_behaviour(run: RunTables) -> Json:
    """Rows by kind, then family name; a family the model cannot do stays, with the word `not answered`."""
    families: dict[tuple[str, str], list[Json]] = {}
    for row in run.behaviour:
        families.setdefault((row["kind"], row["family"]), []).append(row)
    onsets = _onsets(run)
    rows = []
    for (kind, family), items in sorted(families.items(), key=lambda e: (kind_order(e[0][0]), e[0])):
        accuracy = sum(bool(r["correct_by_likelihood"]) for r in items) / len(items)
        clusters = len({r.get("cluster") or r["item"] for r in items})
        low, high = wilson(accuracy, clusters)
        choices = [r for r in items if r.get("correct_by_choice") is not None]
        chances = [r["chance_choice"] for r in choices if r.get("chance_choice") is not None]
        answered_items = sum(bool(r["answered"]) for r in items)
        answered = answered_items > 0 and low > 0.5
        rows.append(
            {
                "family": family,
                "kind": kind,
                "domain": items[0].get("domain") or "",
                "n": len(items),
                "clusters": clusters,
                "accuracy": significant(accuracy),
                "low": significant(low),
                "high": significant(high),
                "choice_n": len(choices),
                "choice_accuracy": significant(sum(bool(r["correct_by_choice"]) for r in choices) / len(choices))
                if choices
                else None,
                "choice_chance": significant(sum(chances) / len(chances)) if chances else None,
                "answered_items": answered_items,
                "answered": answered,
                "word": "answered" if answered else "not answered",
                "left_out": sum(bool(r.get("reason")) for r in items),
                "onsets": onsets.get((kind, family), {}),
            }
        )
    return {"rule": RULE, "interval": INTERVAL, "rows": rows}


def _onsets(run: RunTables) -> dict[tuple[str, str], Json]:
    """Per family the onset of the main probe and of the logit lens, as the locations table has them."""
    found: dict[tuple[str, str], Json] = {}
    for row in run.locations or []:
        if row.get("family") is None or row["instrument"] not in ("probe.linear", "lens.logit"):
            continue
        mine = found.setdefault((row["kind"], row["family"]), {})
        short = row["instrument"].split(".")[0]
        if short not in mine or row.get("measure") == "onset":
            mine[short] = {
                "layer": row.get("layer"),
                "depth": significant(row.get("depth")),
                "low": significant(row.get("low")),
                "high": significant(row.get("high")),
                "axis": row.get("axis") or "stream",
                "n": row.get("n"),
                "method": row.get("method") or "",
            }
    return found
