"""At which layer does each family show something? Layer × family maps with limits, centre and dimming decided here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from strata.dashboards.text import number, significant
from strata.dashboards.view.labels import INSTRUMENTS, instrument_label, kind_order

Json = dict[str, Any]


@dataclass(frozen=True)
class _Recipe:
    """How one measure becomes a map."""

    measure: str  # the series it starts from
    baselines: tuple[str, ...]  # series subtracted: the largest of them at each layer
    constant: float  # baseline where there is no such series
    title: str  # heading
    unit: str  # what a colour means
    caption: str  # one line: what a cell is and when it is dimmed
    ends: tuple[str, str]  # words at the low and the high end of the colour bar


_PROBE = _Recipe(
    "accuracy",
    ("chance", "shuffled", "control_accuracy"),
    0.0,
    "accuracy above baseline",
    "held-out accuracy − largest of commonest label, shuffled labels and control task",
    "A cell is the probe's held-out accuracy minus the largest of the commonest label's rate, that of shuffled labels and control accuracy; "
    "dimmed where the accuracy's 95 % interval reaches down to that baseline.",
    ("below baseline", "above baseline"),
)
_SELECTIVITY = _Recipe(
    "selectivity",
    (),
    0.0,
    "selectivity",
    "accuracy − control-task accuracy",
    "A cell is accuracy minus control-task accuracy; dimmed where its 95 % interval covers 0.",
    ("control task better", "task better"),
)
_ABOVE = _Recipe(
    "above_null",
    (),
    0.5,
    "share above an unrelated answer",
    "share of items, minus one half",
    "A cell is the share of items whose answer stands further above an unrelated answer than in another item's prompt, minus one half; "
    "dimmed where its 95 % interval covers one half.",
    ("further above in the other prompt", "further above in its own"),
)
_LOGPROB = _Recipe(
    "answer_logprob",
    ("null_logprob",),
    0.0,
    "log-probability above an unrelated answer",
    "nats above an unrelated answer",
    "A cell is the answer's mean log-probability minus that of an unrelated answer of the same family; "
    "dimmed where the answer's 95 % interval covers it.",
    ("unrelated answer higher", "answer higher"),
)
_DIFFERENCE = _Recipe(
    "logit_difference",
    (),
    0.0,
    "logit difference",
    "logit of answer − logit of foil",
    "A cell is the mean logit difference between answer and foil; dimmed where its 95 % interval covers 0.",
    ("foil higher", "answer higher"),
)
_RECIPES = {"probe": (_PROBE, _SELECTIVITY), "lens": (_ABOVE, _LOGPROB, _DIFFERENCE)}


def build_maps(series: list[Json], behaviour: list[Json]) -> list[Json]:
    """One map for each instrument and recipe that has at least one family with values, most telling first."""
    lines: dict[tuple[str, str, str, str], Json] = {
        (s["instrument"], s["measure"], s["kind"], s["family"]): s for s in series if s["family"] is not None
    }
    present = {s["instrument"] for s in series if s["family"] is not None}
    out = []
    for instrument in (name for name in INSTRUMENTS if name in present and name.split(".")[0] in _RECIPES):
        for recipe in _RECIPES[instrument.split(".")[0]]:
            built = _map(instrument, recipe, lines, behaviour)
            if built is not None:
                out.append(built)
    return out


def _map(
    instrument: str, recipe: _Recipe, lines: dict[tuple[str, str, str, str], Json], behaviour: list[Json]
) -> Json | None:
    selected = [s for (i, m, _, _), s in lines.items() if i == instrument and m == recipe.measure]
    if not selected:
        return None
    layers = sorted({layer for s in selected for layer in s["layer"]})
    rows = []
    for fam in sorted(behaviour, key=lambda b: (kind_order(b["kind"]), b["family"])):
        line = lines.get((instrument, recipe.measure, fam["kind"], fam["family"]))
        baselines = [lines.get((instrument, name, fam["kind"], fam["family"])) for name in recipe.baselines]
        rows.append(_row(fam, line, [b for b in baselines if b], recipe, layers))
    limit, clipped = symmetric_limit([v for r in rows for v in r["value"]])
    title = f"{instrument_label(instrument)}: {recipe.title}"
    axis = selected[0]["axis"]
    return {
        "id": f"{instrument}.{recipe.measure}",
        "instrument": instrument,
        "measure": recipe.measure,
        "title": title,
        "unit": recipe.unit,
        "caption": recipe.caption,
        "axis": axis,
        "layers": layers,
        "centre": 0.0,
        "limits": [-limit, limit],
        "ends": list(recipe.ends),
        "clipped": clipped,
        "rows": rows,
        "aria": describe(title, axis, rows, layers),
    }


def symmetric_limit(values: Sequence[float | None], share: float = 0.99) -> tuple[float, int]:
    """Half the colour range of a map centred at 0 (it holds `share` of the cells), and how many cells lie beyond it."""
    known = np.array([abs(v) for v in values if v is not None])
    limit = max(float(np.quantile(known, share)) if known.size else 1.0, 1e-3)
    rounded = significant(limit, 2) or 1.0
    return rounded, int((known > max(rounded, limit)).sum())


def _row(fam: Json, line: Json | None, baselines: list[Json], recipe: _Recipe, layers: list[int]) -> Json:
    note = "" if fam["answered"] else unanswered_note(fam)
    row: Json = {
        "family": fam["family"],
        "kind": fam["kind"],
        "n": line["n_items"] if line else fam["n"],
        "label": f"{fam['family']} · n {line['n_items'] if line else fam['n']}",
        "note": note if line or note else f"no curve for {fam['n']} items",
    }
    cells: dict[str, list[float | None]] = {name: [None] * len(layers) for name in ("value", "low", "high", "base")}
    dim = [0] * len(layers)
    at = {layer: i for i, layer in enumerate(line["layer"])} if line else {}
    for column, layer in enumerate(layers):
        if line is None or layer not in at or line["mean"][at[layer]] is None:
            continue
        i = at[layer]
        base = _baseline(baselines, layer, recipe.constant)
        low, high = line["low"][i], line["high"][i]
        cells["value"][column] = significant(line["mean"][i] - base)
        cells["low"][column], cells["high"][column], cells["base"][column] = low, high, significant(base)
        dim[column] = int(low is None or high is None or low <= base <= high)
    return {**row, **cells, "dim": dim}


def unanswered_note(fam: Json) -> str:
    """Why a family's row counts for nothing: the accuracy that decided, beside the chance it was held against."""
    decides = fam["decides"]
    if decides is None:
        return "not asked"
    chance = "" if decides["chance"] is None else f", chance {number(decides['chance'])}"
    return f"not answered: {decides['label']} {number(decides['value'])}{chance}"


def _baseline(baselines: list[Json], layer: int, constant: float) -> float:
    values = [
        b["mean"][b["layer"].index(layer)]
        for b in baselines
        if layer in b["layer"] and b["mean"][b["layer"].index(layer)] is not None
    ]
    return float(max(values)) if values else constant


def describe(title: str, axis: str, rows: list[Json], layers: list[int], above: str = "above baseline") -> str:
    """The map as a sentence: per family, from which layer on the cells stay undimmed to the end."""
    parts = []
    for row in rows:
        lit = [
            layer
            for layer, d, v in zip(layers, row["dim"], row["value"], strict=True)
            if v is not None and v > 0 and not d
        ]
        where = f"{axis}s {runs_text(lit)}" if lit else "no layer"
        parts.append(f"{row.get('name') or row['family']} ({row['kind']}, {row['n']} items) {above} at {where}")
    return f"{title}. " + "; ".join(parts) + "."


def runs_text(numbers: list[int]) -> str:
    """`3–5, 7` for [3, 4, 5, 7]."""
    runs: list[list[int]] = []
    for n in numbers:
        if runs and n == runs[-1][1] + 1:
            runs[-1][1] = n
        else:
            runs.append([n, n])
    return ", ".join(f"{a}–{b}" if b > a else str(a) for a, b in runs)
