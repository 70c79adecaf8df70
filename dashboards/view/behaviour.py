"""Does the model answer the items at all? One row a family: the accuracy that decides, its chance, and the word."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from strata.dashboards.text import significant
from strata.dashboards.view.labels import kind_order
from strata.dashboards.view.localised import behaviour_of
from strata.dashboards.view.tables import RunTables
from strata.experiments.results.answer_measures import (
    BY_CHOICE,
    BY_LIKELIHOOD,
    DECIDING_RULE,
    USED,
    AnswerMeasure,
    Name,
    decided_by,
    deciding_label,
    value_of,
)

Json = dict[str, Any]

RULE = (
    f"An item is answered right {DECIDING_RULE}. A family is answered where the share of items that are answered right lies "
    "above chance with its whole interval; chance is what guessing, or always giving the commonest answer, would reach. "
    f"Items that are used further down: {USED}."
)
INTERVAL = "95 % Wilson interval with the number of clusters as n (items of one cluster count once)"


def build_behaviour(run: RunTables) -> Json:
    """Rows by kind, then family name; a family the model cannot do stays, with the word `not answered`."""
    families: dict[tuple[str, str], list[Json]] = {}
    for row in run.behaviour:
        families.setdefault((row["kind"], row["family"]), []).append(row)
    onsets, known = _onsets(run), behaviour_of(run.summary)
    ordered = sorted(families.items(), key=lambda e: (kind_order(e[0][0]), e[0]))
    rows = [
        _family(
            kind,
            family,
            items,
            known.get((kind, family), {}),
            onsets.get((kind, family), {}),
        )
        for (kind, family), items in ordered
    ]
    return {"rule": RULE, "interval": INTERVAL, "rows": rows}


def _family(kind: str, family: str, items: list[Json], known: Json, onsets: Json) -> Json:
    # An item that was excluded before the model saw it has nulls, which count neither as right nor as wrong.
    accuracy, low, high = _estimate(known.get("by_likelihood"))
    choice, choice_low, choice_high = _estimate(known.get("by_choice"))
    used = sum(bool(r.get("answered")) and not r.get("reason") for r in items)
    answered = bool(known.get("answered", used > 0))
    counts = decided_by(items)
    decides = _deciding(known, counts) if counts else None
    return {
        "family": family,
        "kind": kind,
        "domain": items[0].get("domain") or "",
        "n": len(items),
        "clusters": _clusters(items),
        "decides": decides,
        "accuracy": accuracy,
        "low": low,
        "high": high,
        "likelihood_n": _known(items, BY_LIKELIHOOD),
        "choice_n": _known(items, BY_CHOICE),
        "choice_accuracy": choice,
        "choice_low": choice_low,
        "choice_high": choice_high,
        "choice_chance": decides["chance"] if decides and decides["measures"] == [BY_CHOICE.name] else None,
        "answered_items": sum(bool(r.get("answered")) for r in items),
        "used_items": used,
        "answered": answered,
        "word": "answered" if answered else "not answered",
        "excluded": sum(bool(r.get("reason")) for r in items),
        "onsets": onsets,
    }


def _deciding(known: Json, counts: Mapping[Name, int]) -> Json:
    """The accuracy by which the family was held against chance, and that chance. `counts`: items by the measure that decided."""
    value, low, high = _estimate(known.get("accuracy"))
    return {
        "label": deciding_label(counts),
        "measures": list(counts),
        "value": value,
        "low": low,
        "high": high,
        "chance": significant(known.get("chance")),
    }


def _known(rows: list[Json], measure: AnswerMeasure) -> int:
    return sum(value_of(row, measure) is not None for row in rows)


def _clusters(rows: list[Json]) -> int:
    return len({r.get("cluster") or r["item"] for r in rows})


def _estimate(raw: Json | None) -> tuple[float | None, float | None, float | None]:
    raw = raw or {}
    return significant(raw.get("value")), significant(raw.get("low")), significant(raw.get("high"))


def _onsets(run: RunTables) -> dict[tuple[str, str], Json]:
    """Per family the onset of the main probe and of the logit lens, as the locations table has them."""
    onsets: dict[tuple[str, str], Json] = {}
    for row in run.locations or []:
        if row.get("family") is None or row["instrument"] not in ("probe.linear", "lens.logit"):
            continue
        of_family = onsets.setdefault((row["kind"], row["family"]), {})
        short = row["instrument"].split(".")[0]
        if short not in of_family or row.get("measure") == "onset":
            of_family[short] = {
                "layer": row.get("layer"),
                "depth": significant(row.get("depth")),
                "low": significant(row.get("low")),
                "high": significant(row.get("high")),
                "axis": row.get("axis") or "stream",
                "n": row.get("n"),
                "method": row.get("method") or "",
            }
    return onsets
