"""What does the page show for this run? Puts the parts of the view together and checks them against the schema."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from strata.dashboards.text import without_paths
from strata.dashboards.view.behaviour import build_behaviour
from strata.dashboards.view.causal import build_causal, is_causal, shown_measures
from strata.dashboards.view.causal_labels import CAUSAL_INSTRUMENTS
from strata.dashboards.view.causal_maps import build_causal_maps
from strata.dashboards.view.emergence import emergence_state
from strata.dashboards.view.items import build_items
from strata.dashboards.view.labels import EXPECTED_INSTRUMENTS, INSTRUMENTS, KINDS, MEASURES, REFERENCES
from strata.dashboards.view.lens import pack_maps, read_lens_maps
from strata.dashboards.view.localised import localisation_of
from strata.dashboards.view.maps import build_maps
from strata.dashboards.view.provenance import asked_words, build_provenance
from strata.dashboards.view.read_at import read_at_words
from strata.dashboards.view.schema import SCHEMA_NAME, validate_view
from strata.dashboards.view.series import build_series, default_choice
from strata.dashboards.view.stages import build_stages
from strata.dashboards.view.tables import Json, RunTables, read_run
from strata.dashboards.view.verdict import build_verdict

SOURCES: Json = {
    "verdict.kinds[].onsets": "summary.json kinds.*.instruments.*.onset",
    "verdict.kinds[].items, used, accuracy": "summary.json kinds.*",
    "verdict.caveats": "summary.json warnings; behaviour.parquet; curves.parquet; format_check.json; manifest.json",
    "behaviour.rows[].accuracy, low, high": "summary.json families.*.behaviour.by_likelihood; behaviour.parquet correct_by_likelihood",
    "behaviour.rows[].decides": "summary.json families.*.behaviour.accuracy, chance, decided_by",
    "behaviour.rows[].choice_accuracy": "summary.json families.*.behaviour.by_choice; behaviour.parquet correct_by_choice",
    "behaviour.rows[].onsets": "locations.parquet layer, depth, low, high",
    "series[].mean, low, high": "curves.parquet mean, low, high",
    "maps[].rows[].value": "curves.parquet mean minus baseline mean (base)",
    "maps[].rows[].low, high": "curves.parquet low, high of the measure before the baseline is taken off",
    "verdict.sentences": "summary.json kinds.*.located, why_not_located, order, hypothesis; kinds.*.instruments",
    "verdict.kinds[].place, located, why": "summary.json kinds.*.located, why_not_located",
    "localisation": "summary.json families.*, kinds.*.cells, located, handover",
    "causal.lines[].mean, low, high": "curves.parquet mean, low, high of activation patching, ablation, damage, knockout, attribution",
    "causal.items[].values": "profiles.parquet value of activation patching",
    "causal.attribution": "summary.json families.*.attribution",
    "causal.pairs": "summary.json families.*.pairs, offered",
    "run.asked": "manifest.json config.framing",
    "items.columns": "behaviour.parquet; emergence from emergence.parquet, rows whose definition begins with settled",
    "emergence.kinds[].counts": "emergence.parquet stream, rows whose definition begins with settled",
    "lens_index": "lens_maps.json, lens_maps.safetensors",
    "provenance": "manifest.json",
    "run.read_at": "behaviour.parquet n_fed",
}


@dataclass(frozen=True)
class Report:
    """Everything `report.html` is made of."""

    view: Json  # a valid strata.view/2
    blobs: Mapping[str, bytes]  # lens-map key -> gzip of its planar arrays


def build_view(run_dir: Path) -> Json:
    """`view.json` of a run directory. Raises StrataError naming the file that is absent or broken."""
    return build_report(run_dir).view


def build_report(run_dir: Path) -> Report:
    """The view together with the bytes of its lens maps."""
    run = read_run(run_dir)
    packed, vocabulary = pack_maps(read_lens_maps(run))
    blobs = {p.entry["key"]: p.blob for p in packed}
    readings = [r for r in run.curves or [] if not is_causal(r)]
    series = build_series(readings)
    behaviour = build_behaviour(run)
    mapped = {p.entry["item"]: p.entry["key"] for p in reversed(packed)}
    localisation = localisation_of(run.summary)
    causal = build_causal(run, [p.entry["item"] for p in packed])
    view: Json = {
        "schema": SCHEMA_NAME,
        "run": _run(run),
        "models": [_model(run)],
        "axes": axes_of(run.n_layers),
        "labels": {
            "kinds": list(KINDS),
            "instruments": _instruments(causal),
            "expected": list(EXPECTED_INSTRUMENTS),
            "measures": MEASURES,
            "references": REFERENCES,
            "defaults": default_choice(readings),
        },
        "verdict": build_verdict(run, localisation, series, behaviour["rows"]),
        "localisation": build_stages(localisation),
        "comparability": [],
        "calibration": {"state": "not_run", "text": "This run carries no calibration record. `strata calibrate` measures the rule on "
                        "planted models whose truth is known."},
        "behaviour": behaviour,
        "series": series,
        "maps": build_causal_maps(causal, behaviour["rows"], run.n_layers) + build_maps(series, behaviour["rows"]),
        "causal": causal,
        "emergence": emergence_state(run),
        "items": build_items(run, mapped),
        "lens": _lens_state(run, len(packed)),
        "lens_index": [p.entry for p in packed],
        "lens_vocabulary": vocabulary,
        "format_check": (run.format_check or {}).get("contrasts"),
        "provenance": build_provenance(run),
        "sources": SOURCES,
        "sizes": {"lens_bytes": sum(map(len, blobs.values())), "lens_maps": len(packed)},
    }  # fmt: skip
    validate_view(view)
    return Report(view, blobs)


def axes_of(n_layers: int) -> Json:
    """Both layer axes with the depth of every index."""
    return {
        "n_layers": n_layers,
        "stream": {
            "label": "stream (0 = embedding)",
            "count": n_layers + 1,
            "depth": [round(s / n_layers, 5) for s in range(n_layers + 1)],
        },
        "block": {
            "label": "block",
            "count": n_layers,
            "depth": [round((b + 0.5) / n_layers, 5) for b in range(n_layers)],
        },
    }


def _instruments(causal: Json) -> Json:
    """Interventions first, each with the measures that it has in this run."""
    table: Json = {}
    for name, entry in CAUSAL_INSTRUMENTS.items():
        if name != "damage":
            table[name] = {**entry, "measures": shown_measures(causal, name), "references": []}
    return table | INSTRUMENTS


def _run(run: RunTables) -> Json:
    m = run.manifest
    badges = []
    if run.summary.get("quick"):
        badges.append({"code": "quick", "text": "QUICK"})
    if m.get("limited"):
        badges.append({"code": "limited", "text": "LIMITED"})
    if any(not t.get("passed") for t in m.get("self_tests") or []):
        badges.append({"code": "self_test", "text": "SELF-TEST FAILED"})
    if m.get("planted") or (m.get("checkpoint") or {}).get("planted"):
        badges.append({"code": "planted", "text": "PLANTED MODEL"})
    if str(m.get("status")) not in ("done", "finished", "ok", "complete", "completed"):
        badges.append({"code": "unfinished", "text": f"STATUS: {str(m.get('status')).upper()}"})
    return {
        "run_id": str(m.get("run_id") or ""),
        "verb": str(m.get("verb") or "locate"),
        "title": f"At which depth does {_label(run)} answer?",
        "started": str(m.get("started") or ""),
        "ended": str(m.get("ended") or ""),
        "status": str(m.get("status") or ""),
        "limited": bool(m.get("limited")),
        "asked": asked_words(m.get("config") or {}),
        "read_at": read_at_words(run.behaviour),
        "badges": badges,
    }


def _label(run: RunTables) -> str:
    spec = str(without_paths(str(run.manifest["checkpoint"].get("spec") or "this model")))
    return spec.removeprefix("…/")


def _model(run: RunTables) -> Json:
    c: dict[str, Any] = run.manifest["checkpoint"]
    return {
        "key": "A",
        "label": _label(run),
        "n_layers": run.n_layers,
        "d_model": c.get("d_model"),
        "vocab_size": c.get("vocab_size"),
        "weights_sha256": c.get("weights_sha256"),
        "dtype": run.manifest.get("dtype"),
        "device": run.manifest.get("device"),
    }


def _lens_state(run: RunTables, n: int) -> Json:
    rule = str((run.lens_maps or {}).get("rule") or "")
    if run.lens_maps is None:
        return {"state": "not_run", "text": "No lens maps were kept. Start the same `strata locate` command with the lens switched on.",
                "rule": rule}  # fmt: skip
    if n == 0:
        return {"state": "empty", "text": "The run kept no lens map (0 items).", "rule": rule}
    return {"state": "ok", "text": "", "rule": rule}
