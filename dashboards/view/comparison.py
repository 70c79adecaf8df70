"""What does the page of a comparison show? Puts the parts of its view together and checks them against the schema."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from strata.dashboards.view import comparison_lines as measured
from strata.dashboards.view import comparison_words as words
from strata.dashboards.view.build import axes_of
from strata.dashboards.view.comparison_contrasts import build_contrasts
from strata.dashboards.view.comparison_likeness import build_likeness
from strata.dashboards.view.comparison_run import ComparisonRun, read_comparison
from strata.dashboards.view.comparison_schema import SCHEMA_NAME, validate_comparison_view
from strata.dashboards.view.comparison_similarity import build_similarity
from strata.dashboards.view.labels import KINDS
from strata.dashboards.view.provenance import asked_words, code_words, framing_facts, from_manifest, shown_facts
from strata.dashboards.text import significant

Json = dict[str, Any]

SOURCES: Json = {
    "verdict.sentences, word, reason": "comparison.json verdict",
    "verdict.caveats": "comparison.json warnings, not_comparable, pair_check; manifest.json self_tests of every model",
    "run.asked": "manifest.json config.locate.framing",
    "pair_check": "comparison.json pair_check; pair_check.json",
    "answers.kinds[].measures": "comparison.json kinds.*.accuracy, by_choice, by_likelihood, logit_difference, answer_logprob",
    "answers.kinds[].agreed, disagreement, shown_by": "comparison.json kinds.*.claimed, agreement, disagreement, shown_by",
    "answers.families": "families.json",
    "answers.generated": "comparison.json generated; every answer in answers_ROLE.parquet",
    "changes.lines[].before, after, mean, low, high": "changes.parquet before, after, difference, low, high",
    "likeness[].contrasts.*.between, ceiling": "likeness.parquet between, ceiling",
    "locations.rows": "comparison.json kinds.*.located, location_change",
    "locations.orders": "comparison.json order",
    "halves": "comparison.json kinds.*.upper_minus_lower",
    "layer_swaps.lines[].mean, low, high": "layer_swaps.parquet and generated_layer_swaps.parquet value, low, high (score value) or recovery, recovery_low, recovery_high",
    "crossed.lines[].mean, low, high": "crossed.parquet value, low, high",
    "weights.maps[].values": "weights.parquet relative_norm, stable_rank, top_share, cosine",
    "similarity.lines[].mean, low, high, dominant, shares": "similarity.parquet value, low, high, dominant, share_base, share_other",
    "similarity.family_lines[].low, high": "similarity.parquet value where excluded names a family",
    "contrasts.lines[].mean, low, high, dominant, shares": "contrasts.parquet value, low, high, dominant, share",
    "contrasts.family_lines[].low, high": "contrasts.parquet value where excluded names a family",
    "transfer.lines[].mean, low, high, majority": "transfer.parquet value, low, high, majority",
    "not_comparable": "comparison.json not_comparable",
    "provenance": "manifest.json",
}


def build_comparison(run_dir: Path) -> Json:
    """`view.json` of a comparison. Raises StrataError naming the file that is absent or broken."""
    run = read_comparison(run_dir)
    view: Json = {
        "schema": SCHEMA_NAME,
        "run": _run(run),
        "models": [_model(run, role) for role in run.roles],
        "axes": axes_of(run.n_layers),
        "labels": {"kinds": list(KINDS), "measures": {}},
        "verdict": words.build_verdict(run),
        "pair_check": words.build_pair_check(run),
        "answers": words.build_answers(run),
        "changes": measured.build_changes(run),
        "likeness": build_likeness(run),
        "locations": words.build_locations(run),
        "halves": words.build_halves(run),
        "layer_swaps": measured.build_layer_swaps(run),
        "crossed": measured.build_crossed(run),
        "weights": measured.build_weights(run),
        "similarity": build_similarity(run),
        "contrasts": build_contrasts(run),
        "transfer": measured.build_transfer(run),
        "not_comparable": [
            {name: words.path_free(entry[name]) for name in ("measure", "model", "reason")}
            for entry in run.comparison.get("not_comparable") or []
        ],
        "provenance": _provenance(run),
        "sources": SOURCES,
        "sizes": {},
    }
    validate_comparison_view(view)
    return view


def _run(run: ComparisonRun) -> Json:
    m, limited = run.manifest, words.is_limited(run)
    names = [words.label_of(run, role) for role in run.roles[:2]]
    badges = []
    if run.comparison.get("quick"):
        badges.append({"code": "quick", "text": "QUICK"})
    if limited:
        badges.append({"code": "limited", "text": "LIMITED"})
    manifests = [m, *run.models.values()]
    if any(not test.get("passed") for manifest in manifests for test in manifest.get("self_tests") or []):
        badges.append({"code": "self_test", "text": "SELF-TEST FAILED"})
    if m.get("status") != "done":
        badges.append({"code": "unfinished", "text": f"STATUS: {str(m.get('status')).upper()}"})
    return {
        "run_id": str(m.get("run_id") or ""),
        "verb": "compare",
        "title": "What did training change" + (f" from {names[0]} to {names[1]}?" if len(set(names)) == 2 else "?"),
        "started": str(m.get("started") or ""),
        "ended": str(m.get("ended") or ""),
        "status": str(m.get("status") or ""),
        "limited": limited,
        "asked": asked_words(_located(m)),
        "badges": badges,
    }  # fmt: skip


def _model(run: ComparisonRun, role: str) -> Json:
    checkpoint = run.models[role].get("checkpoint") or {}
    page = f"{role}/report.html"
    return {
        "key": role,
        "label": words.label_of(run, role),
        "page": page if (run.run_dir / role / "manifest.json").exists() else None,
        "run_id": str(run.models[role].get("run_id") or ""),
        "n_layers": int(checkpoint.get("n_layers") or run.n_layers),
        "d_model": checkpoint.get("d_model"),
        "dtype": run.models[role].get("dtype"),
        "weights_sha256": str(run.comparison["models"][role].get("sha256") or ""),
        "tokenizer_sha256": str(checkpoint.get("tokenizer_sha256") or ""),
        "seconds": significant(sum(float(s.get("seconds") or 0) for s in (run.models[role].get("stages") or {}).values())),
    }  # fmt: skip


def _located(manifest: Json) -> Json:
    """How every model was asked: the part of the configuration that its own run shares."""
    return (manifest.get("config") or {}).get("locate") or {}


def _provenance(run: ComparisonRun) -> Json:
    m = run.manifest
    config = m.get("config") or {}
    facts: list[tuple[str, Any]] = [
        ("Run", m.get("run_id")),
        ("Status", m.get("status")),
        ("Started", m.get("started")),
        ("Ended", m.get("ended")),
        ("Device", m.get("device")),
        ("Seed", run.comparison.get("seed")),
        ("Items sha256", config.get("items_sha256")),
        *framing_facts(_located(m), (m.get("chat_template_sha256") or {}).get("distilled")),
        ("Code", code_words(m)),
    ]
    return {"facts": shown_facts(facts), **from_manifest(m)}
