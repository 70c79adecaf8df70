"""A comparison directory made up by seed: what would a finished `strata compare` leave on disk? Hostile texts included."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from synthetic_cells import cell_comparison, cell_rows, place_rows
from synthetic_run import write_synthetic_run

from strata.dashboards.page.comparison_page import comparison_body
from strata.dashboards.view.comparison.build import build_comparison
from strata.dashboards.view.comparison.files import read_comparison
from strata.experiments.compare.decision import hypothesis_of
from strata.experiments.compare.headline import headline_of
from strata.experiments.compare.measure_agreement import agreement, claimed
from strata.experiments.items.jsonl import write_items
from strata.experiments.items.schema import Item
from strata.experiments.results.caveats import Caveat
from strata.experiments.results.cell_changes import LocationChange
from strata.experiments.results.comparison import (
    AnswerChange,
    BaseCheck,
    ComparedKind,
    ComparedModel,
    Comparison,
    FamilyChange,
    FormatApart,
    FormatShare,
    Generated,
    GeneratedFamily,
    GeneratedSplit,
    Halves,
    MeasureInWays,
    Warned,
)
from strata.experiments.results.comparison_reasons import (
    ExcludedPart,
    WhyNoHalf,
    WhyNoShare,
    WhyNotCompared,
    WhyNotMoved,
    WhyNoValue,
)
from strata.experiments.results.comparison_tables import (
    CELL_CHANGES,
    CHANGES,
    COMPARISON_TABLES,
    CONTRASTS,
    CROSSED,
    LAYER_SWAPS,
    LIKENESS,
    PLACE_CHANGES,
    SIMILARITY,
    TRANSFER,
    WEIGHTS,
)
from strata.experiments.results.estimates import Contrasted, Estimated
from strata.experiments.results.generated_tables import ANSWERS, ASKED
from strata.experiments.results.kinds import Located, Order
from strata.experiments.results.lineage_check import LineageCheck
from strata.experiments.results.locate_tables import LOCATE_TABLES
from strata.experiments.results.reasons import WhyNotOrdered
from strata.experiments.results.table import RUN_KEY
from strata.experiments.results.ways_of_asking import WAYS
from strata.probes.weights.lineage import Closeness

Rows = list[dict[str, Any]]
HOSTILE = "</script><script>window.pwned=1</script><img src=x onerror=window.pwned=1>"
RUN_ID = "c0ffee123456"
METHOD = "95 % percentile interval over 2000 draws of clusters"
KINDS = ("knowledge", "reasoning", "composite", "control")
HARDLY = WhyNoValue(code="hardly-differ", value=0.02, least=0.1)
SUPPORT = {"n_items": 24, "n_clusters": 12, "method": METHOD}


def write_synthetic_comparison(
    run: Path, *, n_layers: int = 12, control: bool = True, without: Collection[str] = (), hostile: bool = True, quick: bool = False
) -> Path:  # fmt: skip
    """Writes a comparison whose changed block is the one at three quarters, and returns its directory.

    `without` may name tables, which then lie there without a row, "generated", and "recovery" (the models hardly differ).
    """
    rng = np.random.default_rng(0)
    roles = ["base", "distilled", *(["control"] if control else [])]
    for role in roles:
        write_synthetic_run(run / role, n_layers=n_layers, items_per_family=4, n_maps=2, quick=quick)
        _tag(
            run / role,
            [table.name for table in LOCATE_TABLES],
            json.loads((run / role / "manifest.json").read_text())["run_id"],
        )
    _gain_less(run / "distilled", block=3 * n_layers // 4)
    others = roles[1:]
    made = {
        "changes": (list(_changes(rng, n_layers, control)), CHANGES),
        "layer_swaps": (list(_layer_swaps(n_layers, others, "recovery" not in without)), LAYER_SWAPS),
        "generated_layer_swaps": (list(_generated_layer_swaps(n_layers)), LAYER_SWAPS),
        "likeness": (list(_likeness(control)), LIKENESS),
        "cell_changes": (list(cell_rows(n_layers)), CELL_CHANGES),
        "place_changes": (list(place_rows(n_layers, others)), PLACE_CHANGES),
        "crossed": (list(_crossed(n_layers, others)), CROSSED),
        "weights": (list(_weights(n_layers, others)), WEIGHTS),
        "similarity": (list(_similarity(n_layers, others)), SIMILARITY),
        "contrasts": (list(_contrasts(n_layers, roles)), CONTRASTS),
        "transfer": (list(_transfer(n_layers, others, hostile)), TRANSFER),
    }
    for name, (rows, table) in made.items():
        pq.write_table(table.of_rows([] if name in without else rows), run / f"{name}.parquet")
    written = _items_and_answers(run, roles, hostile)
    _tag(run, [*(table.name for table in COMPARISON_TABLES), *written], RUN_ID)
    comparison = _comparison(roles, n_layers, without, hostile, quick)
    _json(run / "comparison.json", comparison.model_dump(mode="json"))
    _json(run / "families.json", [family.model_dump(mode="json") for family in _families(control, hostile)])
    close = Closeness(
        matrices=84, median_cosine=0.9991, lowest_cosine=0.9871, lowest="layers.9.mlp.down_proj.weight", close=1.0, identical=0.9, distance=0.02,
    )  # fmt: skip
    checks = {
        role: LineageCheck(**dict(check), judged_by="weights", closeness=close)
        for role, check in comparison.pair_check.items()
    }
    _json(run / "pair_check.json", {role: check.model_dump(mode="json") for role, check in checks.items()})
    models = {role: {"weights_sha256": model.sha256} for role, model in comparison.models.items()}
    tests = [
        {
            "name": "distilled: swapping layers everything gives the donor",
            "passed": True,
            "value": 0.0,
            "tolerance": 1e-5,
        }
    ]
    _json(run / "manifest.json", {
        "schema": "strata.manifest/1", "run_id": RUN_ID, "verb": "compare", "status": "done", "started": "2026-11-21T10:00:00+00:00",
        "ended": "2026-11-21T10:20:00+00:00", "command": ["strata", "compare", "/home/someone/models/base", "think"], "seed": 0,
        "config": {"models": models, "swap_pairs": 24, "items_sha256": "ab" * 32}, "device": "cpu", "self_tests": tests,
        "stages": {"pair check": {"seconds": 1.5, "peak_memory_bytes": 1 << 29}}, "warnings": [], "versions": {"strata": "0.1"}, "git": None,
    })  # fmt: skip
    return run


def _gain_less(run: Path, block: int) -> None:
    """The n-th item of the table loses n tenths of what the MLP at the last token brings at one block."""
    file = run / "profiles.parquet"
    table = pq.read_table(file)
    less = {f"chemical_symbol-{n:03d}": 0.1 * (n + 1) for n in range(4)}
    rows = table.to_pylist()
    for row in rows:
        if (row["measure"], row["component"], row["position"], row["layer"]) == ("gained", "mlp_out", "last", block):
            row["value"] -= less.get(row["item"], 0.0)
    pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), file)


def _items_and_answers(run: Path, roles: list[str], hostile: bool) -> list[str]:
    """Four items in every way and three problems, of each model; names of the tables."""
    prompt = f"{HOSTILE if hostile else 'Paris'} is in"
    items = [
        Item(id=f"chemical_symbol-{n:03d}", kind="knowledge", family="capital", domain="geography", prompt=prompt, answer=f" a{n}", foil=" b", cluster=f"c{n}")
        for n in range(4)
    ]  # fmt: skip
    write_items(run / "items.jsonl", items)
    names = []
    for role in roles:
        asked = [
            {
                "model": role, "way": way, "item": item.id, "kind": item.kind, "family": item.family, "rank": 0, "opening": 0.1,
                # Of the distilled model the first is lost in every way, the second as asked only, the third gained.
                "answered": n != 2 if role == "base" else n >= 2 or (n == 1 and way != "as_asked"),
                "correct_by_choice": None, "correct_by_likelihood": True, "logit_difference": float(n), "answer_logprob": -1.0,
            }
            for way in WAYS
            for n, item in enumerate(items)
        ]  # fmt: skip
        answers = [
            {
                "model": role, "prompt": "question_only", "split": "other", "family": "modular", "item": f"p{n}", "cluster": f"{n}",
                "question": f"{n} + 1 =", "expected": "3", "text": f"<think> {HOSTILE} </think> {n}" * (100 if n == 2 else 1),
                "answer": str(n) if n else None, "reason": None if n else "never closes its think block", "difficulty": 1, "draw": 0,
                "right": role != "base", "counts": True,
            }
            for n in range(3)
        ]  # fmt: skip
        for table, rows in ((ASKED, asked), (ANSWERS, answers)):
            names.append(f"{table.name}_{role}")
            pq.write_table(table.of_rows(rows), run / f"{names[-1]}.parquet")
    return names


def body_of(run: Path) -> str:
    """What stands on the page of a comparison without its scripts and figures."""
    return comparison_body(build_comparison(read_comparison(run)))


def view_of(run: Path) -> dict[str, Any]:
    """view.json of a comparison."""
    return build_comparison(read_comparison(run)).model_dump(mode="json")


def _json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False), encoding="utf-8")


def _tag(run: Path, names: Collection[str], run_id: str) -> None:
    summary = run / "summary.json"
    if summary.exists():
        _json(summary, {**json.loads(summary.read_text()), "run": run_id})
    for name in names:
        file = run / f"{name}.parquet"
        table = pq.read_table(file) if file.exists() else pa.table({"item": pa.array([], pa.string())})
        pq.write_table(table.replace_schema_metadata({RUN_KEY: run_id.encode()}), file)


def _bump(n_layers: int, at: float, height: float, wide: float = 0.08) -> np.ndarray:
    depth = (np.arange(n_layers) + 0.5) / n_layers
    return height * np.exp(-(((depth - at) / wide) ** 2))


def _changes(rng: np.random.Generator, n_layers: int, control: bool) -> Iterator[dict[str, Any]]:
    readings = [("patching", m, c, p, "block") for m in ("denoise", "noise") for c in ("mlp_out", "attn_out") for p in ("last", "spans")]  # fmt: skip
    readings += [("ablation", "mean", c, None, "block") for c in ("mlp_out", "attn_out")]
    readings += [("lens.logit", m, None, "last", "stream") for m in ("answer_logprob", "logit_difference")]
    for contrast, size in (("change", 0.3), ("control_change", 0.05), ("difference_in_differences", 0.25)):
        if not control and contrast != "change":
            continue
        for instrument, measure, component, position, axis in readings:
            for kind in KINDS:
                count = n_layers + (axis == "stream")
                before = _bump(count, 0.4 if kind == "knowledge" else 0.7, 0.8) - (
                    5 if measure == "answer_logprob" else 0
                )
                moved = _bump(count, 0.75, size if kind == "reasoning" else size / 6) + rng.normal(0, 0.01, count)
                for layer in range(count):
                    yield {
                        "contrast": contrast, "instrument": instrument, "measure": measure, "component": component,
                        "position": position or "all", "kind": kind, "axis": axis, "layer": layer, "before": before[layer],
                        "after": before[layer] + moved[layer], "difference": moved[layer], "low": moved[layer] - 0.06,
                        "high": moved[layer] + 0.06, **SUPPORT,
                    }  # fmt: skip


def _layer_swaps(n_layers: int, others: list[str], recovered: bool) -> Iterator[dict[str, Any]]:
    cut = round(0.75 * n_layers)
    for role in (*others, "random"):
        for way in ("base", role):
            if way == "random":
                continue
            for kind in ("knowledge", "reasoning"):
                whole = {"distilled": 1.5, "control": 0.4, "random": 0.1}[role] * (1 if kind == "reasoning" else -0.4)
                for measure in ("logit_difference", "accuracy"):
                    common = {"contrast": role, "direction": f"into {way}", "kind": kind, "measure": measure, **SUPPORT}
                    shares = [("nothing", None, 0.0)] + ([("everything", None, 1.0)] if role != "random" else [])
                    for layer in range(n_layers):
                        shares += [("prefix", layer, float(layer >= cut)), ("suffix", layer, float(layer <= cut)), ("single", layer, float(layer == cut))]  # fmt: skip
                    for sweep, layer, share in shares:
                        value = 2 + whole * share
                        known = recovered and role != "random"
                        reason = (
                            None
                            if known
                            else HARDLY.as_column()
                            if role != "random"
                            else WhyNoValue(code="no-model-of-its-own").as_column()
                        )
                        yield {
                            **common, "sweep": sweep, "layer": layer, "value": value, "low": value - 0.3, "high": value + 0.3,
                            "recovery": share if known else None, "recovery_low": share - 0.1 if known else None,
                            "recovery_high": share + 0.1 if known else None, "reason": reason,
                        }  # fmt: skip


def _generated_layer_swaps(n_layers: int) -> Iterator[dict[str, Any]]:
    """Two cuts; the upper quarter brings it all."""
    common = {"contrast": "distilled", "direction": "into base", "kind": "reasoning", "measure": "generated", **SUPPORT}
    shares = [("nothing", None, 0.0), ("everything", None, 1.0)]
    for cut in (n_layers // 2, 3 * n_layers // 4):
        shares += [("prefix", cut - 1, 0.0), ("suffix", cut, 1.0)]
    for sweep, layer, share in shares:
        value = 0.25 + 0.45 * share
        yield {
            **common, "sweep": sweep, "layer": layer, "value": value, "low": value - 0.15, "high": value + 0.15,
            "recovery": share, "recovery_low": share - 0.2, "recovery_high": share + 0.2, "reason": None,
        }  # fmt: skip


def _likeness(control: bool) -> Iterator[dict[str, Any]]:
    readings = [("lens.logit", "logit_difference", "resid", "stream"), ("patching", "denoise", "mlp_out", "block")]
    readings += [("patching", "noise", "mlp_out", "block"), ("ablation", "mean", "attn_out", "block")]
    for contrast, between in (("change", 0.41), ("control_change", 0.83), ("difference_in_differences", 0.44)):
        if not control and contrast != "change":
            continue
        for instrument, measure, component, axis in readings:
            for kind in KINDS:
                few = kind == "composite"
                yield {
                    "contrast": contrast, "kind": kind, "instrument": instrument, "measure": measure, "component": component,
                    "position": "last", "axis": axis, "between": None if few else between,
                    "ceiling": None if few else 0.86, "n_clusters": 3 if few else 12,
                    "reason": WhyNoValue(code="refused", said="3 clusters carry both profiles").as_column() if few else None,
                }  # fmt: skip


def _crossed(n_layers: int, others: list[str]) -> Iterator[dict[str, Any]]:
    for role in others:
        for way in ("base", role):
            for component, position in (
                ("block_out", "last"),
                ("attn_out", "last"),
                ("mlp_out", "last"),
                ("block_out", "all"),
            ):
                for layer, value in enumerate(_bump(n_layers, 0.75, 0.8)):
                    yield {
                        "contrast": role, "direction": f"into {way}", "component": component, "position": position, "kind": "reasoning",
                        "layer": layer, "value": value, "low": value - 0.1, "high": value + 0.1, "reason": None, **SUPPORT,
                    }  # fmt: skip
                    if role == "distilled":
                        yield {
                            "contrast": "random", "direction": f"into {way}", "component": component, "position": position, "kind": "reasoning",
                            "layer": layer, "value": 0.01, "low": -0.1, "high": 0.1, "reason": None, **SUPPORT,
                        }  # fmt: skip
            yield {
                "contrast": role, "direction": f"into {way}", "component": "mlp_out", "position": "last", "kind": "knowledge", "layer": None,
                "n_items": 0, "n_clusters": 0, "reason": WhyNoValue(code="hardly-differ-anywhere", least=0.1, items=24).as_column(),
            }  # fmt: skip


def _weights(n_layers: int, others: list[str]) -> Iterator[dict[str, Any]]:
    for role in others:
        yield {"contrast": role, "block": None, "matrix": "embedding", "relative_norm": 0.0, "cosine": 1.0, "n": 1}
        for block in range(n_layers):
            for matrix in ("q", "o", "gate", "up", "down"):
                size = 0.02 + (
                    0.2 if block == round(0.75 * n_layers) and matrix == "down" and role == "distilled" else 0
                )
                yield {"contrast": role, "block": block, "matrix": matrix, "relative_norm": size, "cosine": 1 - size**2 / 2,
                       "stable_rank": 8.0 + block, "top_share": 0.6, "n": 1}  # fmt: skip


def _similarity(n_layers: int, others: list[str]) -> Iterator[dict[str, Any]]:
    """CKA of distilled reasoning at `last` dips from stream 3 to 5: dimension 7 makes it, and of the families `binding`."""
    for role in others:
        for measure in ("cka", "cosine"):
            for kind in ("knowledge", "reasoning"):
                for position in ("last", "subject"):
                    planted = (role, measure, kind, position) == ("distilled", "cka", "reasoning", "last")
                    names = {"contrast": role, "measure": measure, "kind": kind, "position": position,
                             "n_appended": 12 if kind == "reasoning" and position == "last" else 0}  # fmt: skip
                    for stream in range(n_layers + 1):
                        dips = planted and 3 <= stream <= 5
                        value = 1 - 0.2 * (stream / n_layers) ** 2 * (2 if role == "distilled" else 1)
                        at = {"stream": stream, "share_base": 0.77 if dips else 0.02, "share_other": 0.24 if dips else 0.02,
                              "dominant": "7" if dips else None}  # fmt: skip
                        for dimensions in ("all", "trimmed"):
                            here = value - (0.3 if dips and dimensions == "all" else 0)
                            yield {**names, **at, "dimensions": dimensions, "excluded": None, "value": here, "low": here - 0.02,
                                   "high": min(1.0, here + 0.02), **SUPPORT}  # fmt: skip
                            for family in ("addition", "binding", HOSTILE):
                                less = here + (0.3 if here < value and family == "binding" else 0)
                                yield {
                                    **names,
                                    **at,
                                    **SUPPORT,
                                    "dimensions": dimensions,
                                    "excluded": family,
                                    "value": less,
                                    "n_items": 16,
                                }


def _contrasts(n_layers: int, roles: list[str]) -> Iterator[dict[str, Any]]:
    """Fast and slow part by 0.1 at the end, and half as much by another next token; the control could be asked one kind only.

    The base's excess for reasoning goes with dimension 7, the distilled model's with the family `binding`.
    """
    falls = {"fast_slow": 0.1, "fast_fast": 0.02, "slow_slow": 0.02, "fast_other": 0.05}
    for role in roles:
        for kind in ("knowledge", "reasoning"):
            if (role, kind) == ("control", "knowledge"):
                yield {
                    "model": role,
                    "kind": kind,
                    "reason": WhyNoValue(code="too-few-items", items=3, needed=8).as_column(),
                }
                continue
            for stream in range(n_layers + 1):
                values = {name: 1 - fall * stream / n_layers for name, fall in falls.items()}
                carried = (role, kind) == ("base", "reasoning")
                for name, value in {**values, "excess": values["fast_other"] - values["fast_slow"]}.items():
                    common = {"model": role, "kind": kind, "contrast": name, "site": "stream", "stream": stream, "reason": None, **SUPPORT,
                              "onset": 3 if name == "excess" else None, "onset_low": 2 if name == "excess" else None, "share": 0.6 if carried else 0.02, "dominant": "7" if carried else None}  # fmt: skip
                    for dimensions in ("all", "trimmed"):
                        here = 0.0 if carried and (name, dimensions) == ("excess", "trimmed") else value
                        yield {
                            **common,
                            "dimensions": dimensions,
                            "value": here,
                            "low": here - 0.01,
                            "high": here + 0.01,
                        }
                        for family in ("addition", "binding"):
                            gone = (role, kind, name, family) == ("distilled", "reasoning", "excess", "binding")
                            yield {
                                **common,
                                "dimensions": dimensions,
                                "excluded": family,
                                "value": 0.0 if gone else here,
                            }

                    if stream < n_layers:
                        yield {
                            **common, "site": "attention", "dimensions": "all", "share": None, "dominant": None, "value": value / 2,
                            "low": value / 2 - 0.01, "high": value / 2 + 0.01, "onset": None, "onset_low": None,
                        }  # fmt: skip


def _transfer(n_layers: int, others: list[str], hostile: bool) -> Iterator[dict[str, Any]]:
    for role in others:
        for kind, family in (("knowledge", HOSTILE if hostile else "capital"), ("reasoning", "addition")):
            for direction in ("forth", "back"):
                for measure, top in (("own", 0.9), ("direct", 0.5), ("procrustes", 0.85)):
                    for stream in range(n_layers + 1):
                        value = 0.2 + (top - 0.2) * stream / n_layers
                        yield {"contrast": role, "kind": kind, "family": family, "direction": direction, "measure": measure,
                               "stream": stream, "value": value, "low": value - 0.1, "high": value + 0.1, "majority": 0.2, "n_appended": 9 * (kind == "reasoning"), **SUPPORT}  # fmt: skip
        yield {
            "contrast": role,
            "kind": "reasoning",
            "family": "ordering",
            "reason": WhyNoValue(code="refused", said=f"too few labels {HOSTILE if hostile else ''}").as_column(),
        }


def _estimate(value: float, half: float = 0.08) -> Estimated:
    return Estimated(value=value, low=value - half, high=value + half, n_items=24, n_clusters=12, method=METHOD)


def _estimates(base: float, change: float, control_change: float | None) -> Contrasted:
    from_base = Contrasted(base=_estimate(base), distilled=_estimate(base + change), change=_estimate(change))
    if control_change is None:
        return from_base
    beside = {
        "control": _estimate(base + control_change), "control_change": _estimate(control_change),
        "difference_in_differences": _estimate(change - control_change),
    }  # fmt: skip
    return from_base.model_copy(update=beside)


def _answers(base: float, change: float, control: bool) -> AnswerChange:
    beside = 0.03 if control else None
    counted = AnswerChange(
        items=40, asked=38, excluded=2, decided_by={"by_choice": 38},
        accuracy=_estimates(base, change, beside), by_choice=_estimates(base, change, beside),
        by_likelihood=_estimates(base + 0.1, change / 2, beside), logit_difference=_estimates(3 * base, 4 * change, beside),
        answer_logprob=_estimates(-2, change, beside),
    )  # fmt: skip
    return counted.model_copy(update={"agreement": agreement(counted)})


def _families(control: bool, hostile: bool) -> list[FamilyChange]:
    knowledge = [
        FamilyChange(kind="knowledge", family=name, **dict(_answers(0.6, -0.1, control)))
        for name in (HOSTILE if hostile else "capital", "currency")
    ]
    reasoning = [
        FamilyChange(kind="reasoning", family=name, **dict(_answers(0.6, 0.2, control)))
        for name in ("addition", "ordering")
    ]
    return [*knowledge, *reasoning]


def _location(difference: float, verdict: Any, why: WhyNotMoved | None) -> LocationChange:
    return LocationChange(
        verdict=verdict, families=4, difference=difference, interval=(difference - 0.04, difference + 0.04),
        interval90=(difference - 0.03, difference + 0.03), p=0.012, method=METHOD, why=why,
    )  # fmt: skip


def _format(answers: AnswerChange) -> FormatApart:
    """Of which log-probability alone fell, by its format."""
    measures = {}
    for name in ("accuracy", "by_choice", "by_likelihood", "logit_difference", "answer_logprob"):
        measure = answers.measure(name)
        explained = (
            FormatShare(share=_estimate(0.62))
            if name == "answer_logprob"
            else FormatShare(why=WhyNoShare(code="no-drop"))
        )
        measures[name] = MeasureInWays(
            ways=dict.fromkeys(WAYS, measure), format=explained,
            chosen={"base": ("as_asked", "as_asked"), "distilled": ("empty_block", "examples")},
        )  # fmt: skip
    opening = {way: Contrasted(base=_estimate(0.0), distilled=_estimate(0.9)) for way in WAYS}
    return FormatApart(measures=measures, best=answers, opening=opening, claimed=claimed(answers))


def _comparison(roles: list[Any], n_layers: int, without: Collection[str], hostile: bool, quick: bool) -> Comparison:
    control, others = "control" in roles, roles[1:]
    located = Located(
        layer=5, depth=0.42, interval=(3, 7), first=4, last=6, cell="move", extent="blocks", families=4, of=5, general=True,
        shared_with_control="less",
    )  # fmt: skip
    order = Order(verdict="undetermined", why=WhyNotOrdered(code="not-located", kinds=("reasoning",)))
    half = Halves(cut=n_layers // 2, whole=_estimate(1.5), upper_minus_lower=_estimate(0.9))
    none = half.model_copy(update={"upper_minus_lower": None, "why": WhyNoHalf(code="no-difference")})
    kinds: dict[Any, ComparedKind] = {}
    changes: tuple[tuple[Any, float], ...] = (
        ("knowledge", -0.02),
        ("reasoning", 0.25),
        ("composite", 0.1),
        ("control", 0.0),
    )
    for kind, change in changes:
        moved = (
            _location(0.01, "unchanged", None)
            if kind == "knowledge"
            else _location(0.13, "undetermined", WhyNotMoved(code="not-located", models=("control",)))
        )
        answers = _answers(0.5, change, control)
        kinds[kind] = ComparedKind(
            **dict(answers), claimed=claimed(answers), format=_format(answers),
            located=dict.fromkeys(roles, located if kind == "knowledge" else None),
            location_change=dict.fromkeys(others, moved),
            upper_minus_lower={
                role: {"accuracy": half if kind == "reasoning" else none, "logit_difference": none} for role in others
            },
        )  # fmt: skip
    split = GeneratedSplit(
        accuracy=_estimates(0.2, 0.4, 0.05 if control else None), prompt=dict.fromkeys(roles, ("question", "question")),
        no_answer={"base": {"never closes its think block": 3}, "distilled": {}},
    )  # fmt: skip
    generated = (
        Generated(why="not-asked-for")
        if "generated" in without
        else Generated(
            splits={"other": split},
            fixed={"distilled": "question_only"},
            families=(
                GeneratedFamily(
                    split="other",
                    family="modular",
                    problems=3,
                    right={"base": 0, "distilled": 3},
                    no_answer={"base": 1, "distilled": 1},
                ),
            ),
        )
    )
    orders = dict.fromkeys(roles, order)
    too_wide = WhyNotCompared(code="other-width", here=8, base=4)
    return Comparison(
        models={role: ComparedModel(spec=f"/home/someone/models/{role}", sha256=f"{role[0]}0" * 32, run=role) for role in roles},
        n_layers=n_layers, seed=0, quick=quick,
        pair_check={
            role: BaseCheck(
                verdict="base" if role == "distilled" else "not the base",
                ok=role == "distilled", reasons=(f"Cosine 0.999 {HOSTILE if hostile else ''}",),
                hint=None if role == "distilled" else "Its base is another-model.",
            )
            for role in others
        },
        kinds=kinds, order=orders, cells=dict.fromkeys(others, cell_comparison(n_layers)), generated=generated, verdict=hypothesis_of(kinds, generated, orders), headline=headline_of(kinds, generated),
        not_comparable=(ExcludedPart(part="streams", model="control", why=too_wide),) if "similarity" in without else (),
        warnings=(
            Warned(model=None, caveat=Caveat(code="said", text=f"An item file said {HOSTILE}" if hostile else "A caveat")),
            Warned(model="base", caveat=Caveat(code="said", text="two families are not answered")),
        ),
    )  # fmt: skip
