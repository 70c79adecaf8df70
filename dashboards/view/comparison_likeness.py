"""How alike are the models' layer profiles? A row a reading, beside the ceiling that a profile sets for itself."""

from __future__ import annotations

from typing import Any

from strata.dashboards.view.causal_labels import COMPONENTS, measure_meta
from strata.dashboards.view.comparison_run import ComparisonRun
from strata.dashboards.view.labels import MEASURES, instrument_label, kind_order
from strata.dashboards.text import significant

Json = dict[str, Any]
TELLING = ("logit_difference", "denoise", "mean")
"""Measures shown on the page, one an instrument; the others stay in the table."""


def build_likeness(run: ComparisonRun) -> list[Json]:
    """One entry a kind and reading; `contrasts` holds the agreement and its ceiling by contrast."""
    rows: dict[tuple[str, str, str], Json] = {}
    for row in run.tables["likeness"] or []:
        if row["measure"] not in TELLING:
            continue
        instrument, reading = _named(row)
        entry = rows.setdefault(
            (row["kind"], instrument, reading),
            {"kind": row["kind"], "instrument": instrument, "reading": reading, "axis": row["axis"], "contrasts": {}},
        )
        entry["contrasts"][row["contrast"]] = {
            "between": significant(row["between"]), "ceiling": significant(row["ceiling"]),
            "n_clusters": int(row["n_clusters"] or 0), "reason": str(row["reason"] or ""),
        }  # fmt: skip
    return sorted(rows.values(), key=lambda likeness: (kind_order(likeness["kind"]), likeness["instrument"]))


def _named(row: Json) -> tuple[str, str]:
    lens = row["instrument"].startswith("lens.")
    meta = (
        MEASURES.get(row["measure"], {"label": row["measure"]})
        if lens
        else measure_meta(row["instrument"], row["measure"])
    )
    part = "" if lens else COMPONENTS.get(row["component"], row["component"] or "")
    named = ", ".join(text for text in (str(meta["label"]), part) if text)
    instrument = instrument_label(row["instrument"])
    return instrument, named + (f", at {row['position']}" if row["position"] else "")
