"""Which curves can the comparison page draw? Rows of its tables gathered into lines over layers, numbers untouched."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from strata.dashboards.text import count, interval, number, significant, visible
from strata.dashboards.view.causal_labels import COMPONENTS, measure_meta, order_measures, split_window
from strata.dashboards.view.comparison_run import ComparisonRun
from strata.dashboards.view.labels import MEASURES, instrument_label, kind_order
from strata.dashboards.view.maps import runs_text, symmetric_limit
from strata.dashboards.view.tables import Rows
from strata.experiments.results.answer_measures import BY_LIKELIHOOD, GENERATED, LOGIT_DIFFERENCE
from strata.experiments.results.excluded_measures import (
    CROSSED,
    EXCHANGE,
    GENERATED_LAYER_SWAPS,
    LAYER_SWAPS,
    LAYERS,
    STREAMS,
)
from strata.experiments.results.excluded_measures import WEIGHTS as WEIGHTS_EXCLUDED

Json = dict[str, Any]

CONTRASTS = {
    "change": "distilled − base",
    "control_change": "control − base",
    "difference_in_differences": "distilled − control",
}
SOURCES = {"distilled": "distilled", "control": "control", "random": "random change of the same size"}
SWEEPS = {
    "prefix": "Blocks 0 to this one",
    "suffix": "This block to the last",
    "single": "This block alone",
}
WHOLE = {
    "nothing": "nothing exchanged",
    "everything": "everything exchanged",
    "embedding": "embedding alone",
    "final_norm": "final norm alone",
    "unembedding": "unembedding alone",
}
SCORES = {
    # Layer swaps are scored on the logit difference alone: their accuracy is its sign.
    "logit_difference": {"label": LOGIT_DIFFERENCE.label, "unit": LOGIT_DIFFERENCE.unit},
    "accuracy": {"label": BY_LIKELIHOOD.label, "unit": BY_LIKELIHOOD.unit},
    "generated": {"label": f"{GENERATED}, share right", "unit": "share of problems"},
}
_SHORT = {"mlp_out": "MLP", "attn_out": "attention", "block_out": "whole block"}
_READING = ("instrument", "measure", "position")


def gathered(
    rows: Rows,
    key: Sequence[str],
    values: tuple[str, str, str] = ("value", "low", "high"),
    axis: str = "block",
    layer: str = "layer",
    extra: Sequence[str] = (),
) -> list[Json]:
    """One line for each `key`, in layer order; rows without a layer or a number make no point, a line without one is excluded."""  # fmt: skip
    groups: dict[tuple[Any, ...], Rows] = {}
    for row in rows:
        if row[layer] is not None and row[values[0]] is not None:
            groups.setdefault(tuple(row[name] for name in key), []).append(row)
    lines = []
    for where, members in groups.items():
        ordered = sorted(members, key=lambda r: int(r[layer]))
        lines.append(
            {
                **dict(zip(key, where, strict=True)),
                "axis": axis,
                "layer": [int(r[layer]) for r in ordered],
                **{name: [significant(r[column]) for r in ordered] for name, column in zip(("mean", "low", "high"), values, strict=True)},
                **{name: [significant(r[name]) for r in ordered] for name in extra},
                "n": [int(r["n_items"] or 0) for r in ordered],
                "n_items": max(int(r["n_items"] or 0) for r in ordered),
                "n_clusters": max(int(r["n_clusters"] or 0) for r in ordered),
                "method": next((str(r["method"]) for r in ordered if r.get("method")), ""),
            }
        )  # fmt: skip
    return lines


def spoken(name: str, line: Json) -> str:
    """A line as a sentence: first, middle and last layer with their intervals."""
    picks = sorted({0, len(line["layer"]) // 2, len(line["layer"]) - 1})
    parts = []
    for i in picks:
        band = interval(line["low"][i], line["high"][i])
        parts.append(f"{number(line['mean'][i])}{' ' + band if band else ''} at {line['axis']} {line['layer'][i]}")
    return f"{name} ({line['n_items']} items): " + ", ".join(parts)


def covers_zero(line: Json) -> list[int]:
    """1 where the interval covers 0 or is absent, so that nothing is shown there."""
    return [
        int(low is None or high is None or low <= 0 <= high)
        for low, high in zip(line["low"], line["high"], strict=True)
    ]


def state_of(lines: list[Json], run: ComparisonRun, measures: Sequence[str], otherwise: str) -> Json:
    """Ok, or the reasons why there is nothing to draw."""
    if lines:
        return {"state": "ok", "text": ""}
    excluded = [
        f"{entry['model']}: {entry['reason']}"
        for entry in run.comparison.get("not_comparable") or []
        if entry["measure"] in measures
    ]
    text = "; ".join(dict.fromkeys(excluded))
    return {"state": "incomparable" if text else "not_run", "text": f"{text}." if text else otherwise}


def build_changes(run: ComparisonRun) -> Json:
    """Lens and interventions by layer in both models and their difference; `readings` are what can be chosen."""
    rows = run.tables["changes"] or []
    lines: list[Json] = []
    for axis in ("stream", "block"):
        of_axis = [row for row in rows if row["axis"] == axis]
        key = ("contrast", *_READING, "component", "kind")
        lines += gathered(of_axis, key, ("difference", "low", "high"), axis, extra=("before", "after"))
    for line in lines:
        line["dim"] = covers_zero(line)
        apart = [layer for layer, dim in zip(line["layer"], line["dim"], strict=True) if not dim]
        where = f"leaves 0 out at {line['axis']}s {runs_text(apart)}" if apart else "leaves 0 out nowhere"
        line["aria"] = f"{CONTRASTS[line['contrast']]}, {line['kind']} ({line['n_items']} items): the interval {where}"
    lines.sort(
        key=lambda entry: (
            kind_order(entry["kind"]),
            list(COMPONENTS).index(entry["component"]) if entry["component"] in COMPONENTS else 9,
        )
    )
    state = state_of(
        lines,
        run,
        (LAYERS,),
        "The models' tables hold no reading that both have.",
    )
    return {**state, "contrasts": CONTRASTS, "components": COMPONENTS, "readings": _readings(lines), "lines": lines}  # fmt: skip


def _readings(lines: list[Json]) -> list[Json]:
    groups: dict[tuple[str, ...], list[Json]] = {}
    for line in lines:
        groups.setdefault(tuple(line[name] for name in _READING), []).append(line)
    readings = []
    for (instrument, measure, position), members in groups.items():
        lens = instrument.startswith("lens.")
        meta = MEASURES.get(measure, {"label": measure, "unit": ""}) if lens else measure_meta(instrument, measure)
        values = [v for line in members for name in ("before", "after") for v in line[name] if v is not None]
        limit, clipped = symmetric_limit([v for line in members for v in line["mean"]])
        sequential = measure == "answer_logprob"
        high, beyond = (max(values), 0) if sequential else symmetric_limit(values)
        readings.append(
            {
                "id": f"{instrument}|{measure}|{position}", "instrument": instrument, "measure": measure,
                "position": position, "axis": members[0]["axis"], "label": meta["label"], "unit": meta["unit"],
                "instrument_label": instrument_label(instrument),
                "sequential": sequential, "limits": [min(values) if sequential else -high, high], "clipped": beyond,
                "change_limits": [-limit, limit], "change_clipped": clipped,
                "components": list(dict.fromkeys(str(line["component"]) for line in members if line["component"])),
            }
        )  # fmt: skip
    orders = {
        name: order_measures(name, {r["measure"] for r in readings if r["instrument"] == name})
        for name in {r["instrument"] for r in readings}
    }
    places = {"patching": 0, "ablation": 1}
    positions = ("spans", "last", "all")

    def place(reading: Json) -> tuple[int, int, int]:
        at = positions.index(reading["position"]) if reading["position"] in positions else len(positions)
        return places.get(reading["instrument"], 2), orders[reading["instrument"]].index(reading["measure"]), at

    return sorted(readings, key=place)


def first_to_leave(reading: Json) -> tuple[bool, bool]:
    """How soon a reading may go when the page grows too large: windows first, then all but denoise, excess and the lens."""
    main = reading["instrument"].startswith("lens.") or reading["measure"] in ("denoise", "excess")
    return split_window(reading["measure"])[1] > 1, not main


def _direction(row: Json) -> str:
    return "into_base" if row["direction"] == "into base" else "out_of_base"


def build_layer_swaps(run: ComparisonRun) -> Json:
    """Scores and recoveries by how many blocks were exchanged, the whole models beside them, and why a recovery is absent."""
    rows = [
        {**row, "direction": _direction(row)}
        for name in ("layer_swaps", "generated_layer_swaps")
        for row in run.tables[name] or []
    ]
    key = ("contrast", "direction", "sweep", "kind", "measure")
    lines = [
        {**line, "score": "recovery"} for line in gathered(rows, key, ("recovery", "recovery_low", "recovery_high"))
    ]
    lines += [{**line, "score": "value"} for line in gathered(rows, key)]
    for line in lines:
        what = "recovery" if line["score"] == "recovery" else SCORES[line["measure"]]["label"]
        line["aria"] = spoken(f"{line['kind']}, {line['contrast']}, {SWEEPS[line['sweep']].lower()}, {what}", line)
    whole = [
        {name: row[name] for name in (*key, "n_items", "n_clusters", "method")}
        | {
            name: significant(row[name])
            for name in ("value", "low", "high", "recovery", "recovery_low", "recovery_high")
        }
        for row in rows
        if row["layer"] is None
    ]
    reasons = {
        (row["contrast"], row["direction"], row["kind"], row["measure"]): str(row["reason"])
        for row in rows
        if row["reason"] and row["contrast"] != "random"
    }
    return {
        **state_of(lines, run, (EXCHANGE, LAYER_SWAPS, GENERATED_LAYER_SWAPS), "No layer swaps were made (--swap-pairs 0)."),
        "sweeps": {name: text for name, text in SWEEPS.items() if any(line["sweep"] == name for line in lines)},
        "whole_names": WHOLE, "scores": SCORES, "sources": SOURCES, "lines": lines, "whole": whole,
        "reasons": [dict(zip(("contrast", "direction", "kind", "measure", "text"), (*k, text), strict=True)) for k, text in reasons.items()],
    }  # fmt: skip


def build_crossed(run: ComparisonRun) -> Json:
    """Share of the difference between two models that one block's contribution carries over, by component and position."""
    rows = [{**row, "direction": _direction(row)} for row in run.tables["crossed"] or []]
    key = ("contrast", "direction", "component", "position", "kind")
    lines = gathered(rows, key)
    for line in lines:
        line["aria"] = spoken(f"{line['kind']}, {line['contrast']}, {COMPONENTS[line['component']]} at {line['position']}", line)  # fmt: skip
    reasons = {
        (row["contrast"], row["direction"], row["kind"]): str(row["reason"])
        for row in rows
        if row["reason"] and row["contrast"] != "random"
    }
    return {
        **state_of(lines + [{}] * len(reasons), run, (EXCHANGE, CROSSED), "No contribution was exchanged (--swap-pairs 0)."),
        "parts": [
            {"component": c, "position": p, "label": f"{_SHORT[c]}{', everywhere' if p == 'all' else f' at {p}'}"}
            for c, p in sorted({(line["component"], line["position"]) for line in lines}, key=_part_order)
        ],
        "sources": SOURCES | {"random": "as far, in a random direction"}, "lines": lines,
        "reasons": [dict(zip(("contrast", "direction", "kind", "text"), (*k, text), strict=True)) for k, text in reasons.items()],
    }  # fmt: skip


def _part_order(part: tuple[str, str]) -> tuple[bool, int]:
    """MLP first: at `last` it alone says where a change is."""
    return part[1] == "all", ("mlp_out", "attn_out", "block_out").index(part[0])


def build_transfer(run: ComparisonRun) -> Json:
    """Accuracy of answer probes carried to the other model, by family; `majority` is what guessing reaches."""
    rows = run.tables["transfer"] or []
    key = ("contrast", "kind", "family", "direction", "measure")
    lines = gathered(rows, key, axis="stream", layer="stream", extra=("majority",))
    for line in lines:
        line["aria"] = spoken(f"{line['family']}, {line['contrast']}, {line['direction']}, {line['measure']}", line)
    families = sorted({(line["kind"], line["family"]) for line in lines}, key=lambda f: (kind_order(f[0]), f[1]))
    reasons = [
        {name: row[name] for name in ("contrast", "kind", "family")} | {"text": str(row["reason"])}
        for row in rows
        if row["reason"]
    ]
    reason_text = "; ".join(dict.fromkeys(f"{r['family']} ({r['contrast']}): {r['text']}" for r in reasons))
    none = (
        f"No probe could be carried over: {reason_text}."
        if reason_text
        else "No family that both models answer has labels a probe could learn."
    )
    return {
        **state_of(lines, run, (STREAMS,), none),
        "measures": {"own": "the scored model's own probe", "direct": "carried over directly", "procrustes": "carried over Procrustes-aligned"},
        "families": [{"kind": kind, "family": family} for kind, family in families], "lines": lines, "reasons": reasons,
        "told": _fed_families(rows),
    }  # fmt: skip


def _fed_families(rows: Rows) -> list[Json]:
    """Families whose answers are scored behind a start: their probes are read behind what all of its answers share of it."""
    fed = {str(row["family"]): int(row["n_appended"]) for row in rows if row.get("n_appended")}
    return [
        {"family": family, "text": f"{visible(family)}: answer and foil of {count(items, 'item')} begin alike; probes are read behind no more of it than all answers of the family share."}
        for family, items in fed.items()
    ]  # fmt: skip


def build_weights(run: ComparisonRun) -> Json:
    """Change of every kind of matrix by block, one colour range for all models; what lies outside of the blocks apart."""
    rows = run.tables["weights"] or []
    inside = [row for row in rows if row["block"] is not None]
    matrices = list(dict.fromkeys(row["matrix"] for row in inside))
    blocks = sorted({int(row["block"]) for row in inside})
    at = {(row["contrast"], row["matrix"], int(row["block"])): row for row in inside}
    measures: dict[str, Json] = {}
    for name, label in (("relative_norm", "size of the change ÷ size of the weights"), ("stable_rank", "stable rank of the change"),
                        ("top_share", "share of the change in its largest singular values"), ("cosine", "cosine of weights before and after")):  # fmt: skip
        known = [float(row[name]) for row in inside if row[name] is not None]
        if known:
            ends = [min(known) if name == "cosine" else 0.0, max(known)]
            measures[name] = {"label": label, "limits": [significant(ends[0]), significant(ends[1] or 1.0)]}
    maps = [
        {
            "contrast": role,
            "n": [[(at.get((role, matrix, block)) or {}).get("n") for block in blocks] for matrix in matrices],
            "values": {
                name: [[significant((at.get((role, matrix, block)) or {}).get(name)) for block in blocks] for matrix in matrices]
                for name in measures
            },
        }
        for role in dict.fromkeys(row["contrast"] for row in inside)
    ]  # fmt: skip
    for entry in maps:
        entry["aria"] = _largest(entry, matrices, blocks)
    outside = [
        {name: row[name] for name in ("contrast", "matrix", "n")}
        | {name: significant(row[name]) for name in ("relative_norm", "cosine", "stable_rank")}
        for row in rows
        if row["block"] is None
    ]
    return {
        **state_of(rows, run, (WEIGHTS_EXCLUDED,), "No tensor of the two checkpoints could be compared: their weight files hold other shapes."),
        "blocks": blocks, "matrices": matrices, "measures": measures, "maps": maps, "outside": outside,
    }  # fmt: skip


def _largest(entry: Json, matrices: Sequence[str], blocks: Sequence[int]) -> str:
    cells = [
        (value, matrix, block)
        for matrix, row in zip(matrices, entry["values"].get("relative_norm", []), strict=False)
        for block, value in zip(blocks, row, strict=True)
        if value is not None
    ]
    if not cells:
        return f"{entry['contrast']}: nothing measured"
    value, matrix, block = max(cells, key=lambda cell: cell[0])
    if value == 0:
        return f"{entry['contrast']}: no weight of any block changed"
    return f"{entry['contrast']}: largest relative change {number(value, 4)}, {matrix} of block {block}"
