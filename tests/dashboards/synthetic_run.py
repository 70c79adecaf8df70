"""A run directory made up by seed: what would a finished `strata locate` leave on disk? Hostile texts included."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from safetensors.numpy import save_file
from synthetic_causal import add_first_rule, add_localisation, causal_curves, causal_profiles, prompts_of
from synthetic_localisation import localisation, made_up_head_rows, without_interventions

from strata.experiments.results.locate_tables import CURVES, HEADS, PROFILES
from strata.probes.lens.emergence import ABOVE_NULL, SETTLED

RLO = chr(0x202E)  # right-to-left override: turns the rest of a naive table row around
HOSTILE = [
    (" </script><script>window.pwned=1</script>", " <img src=x onerror=window.pwned=1>"),
    (" \"quoted\" & 'single'", " <b>bold</b>"),
    (f" {RLO}abc العربية", " 東京 😀"),
    (" a\x00b\tc\nd", " `${window.pwned=1}`"),
]
HOSTILE_TOKENS = [
    "<s>", "<think>", " the", " the", " ", "\u00a0 ", "\n", "\t", "", "</s>", "<b>", "&amp;", "\x00", " \"q\"",
    "</script>", f"{RLO}x", " the",
]  # fmt: skip


@dataclass(frozen=True)
class Family:
    """How one made-up family behaves."""

    name: str  # family name in every table
    kind: str  # knowledge, reasoning, composite or control
    domain: str  # free text
    decodable: float  # stream (as a share of all) at which the probe rises
    readable: float  # stream (as a share of all) at which the lens rises
    ceiling: float  # accuracy the probe ends at; under 0.3 the family is not answered
    pairs: tuple[tuple[str, str], ...]  # answer, foil


FAMILIES = (
    Family("capital", "knowledge", "geography", 0.5, 0.72, 0.93, ((" Paris", " Rome"), (" Oslo", " Bern"))),
    Family("chemical_symbol", "knowledge", "chemistry", 0.46, 0.7, 0.9, ((" Fe", " Au"), (" Na", " Pb"))),
    Family("currency", "knowledge", "geography", 0.6, 0.8, 0.7, ((" yen", " euro"), (" won", " peso"))),
    Family("drug_class", "knowledge", "medicine", 0.62, 0.0, 0.15, ((" opioid", " statin"),)),
    Family("addition", "reasoning", "arithmetic", 0.66, 0.84, 0.88, ((" 7", " 4"), (" 9", " 2"))),
    Family("comparison", "reasoning", "arithmetic", 0.58, 0.8, 0.8, ((" yes", " no"),)),
    Family("ordering", "reasoning", "logic", 0.7, 0.0, 0.12, ((" Ann", " Bob"), (" Cid", " Dan"))),
    Family("bridge_capital", "composite", "geography", 0.7, 0.86, 0.55, ((" Lima", " Quito"),)),
    Family("copy", "control", "none", 0.3, 0.5, 0.98, ((" zib", " wug"),)),
    Family("capital_stated", "control", "geography", 0.3, 0.5, 0.97, ((" Paris", " Rome"), (" Oslo", " Bern"))),
    Family("addition_stated", "control", "arithmetic", 0.3, 0.5, 0.96, ((" 7", " 4"), (" 9", " 2"))),
)


def write_synthetic_run(
    run: Path,
    *,
    seed: int = 0,
    n_layers: int = 12,
    items_per_family: int = 8,
    without: Collection[str] = (),
    hostile: bool = True,
    limited: bool = False,
    long_tokens: int = 0,
    n_maps: int = 6,
    quick: bool = False,
    first_rule: bool = False,
) -> Path:
    """Writes every table of the run-directory contract under `run` and returns it.

    `without` may name: probes, tuned, lens, lens_maps, emergence, locations, format_check, curves, causal.
    `first_rule`: its summary is a `strata.summary/1`.
    """
    rng = np.random.default_rng(seed)
    run.mkdir(parents=True, exist_ok=True)
    rows = _behaviour(rng, items_per_family, hostile)
    _table(run / "behaviour.parquet", rows)
    causal = not {"causal", "curves"} & set(without)
    if "curves" not in without:
        curves = _curves(rng, rows, n_layers, without)
        if causal:
            made_up = [{**r, "component": None} for r in curves] + causal_curves(rows, FAMILIES, n_layers)
            pq.write_table(CURVES.of_rows(made_up), run / "curves.parquet")
        else:
            _table(run / "curves.parquet", curves)
    if causal:
        pq.write_table(PROFILES.of_rows(causal_profiles(rows, FAMILIES, n_layers)), run / "profiles.parquet")
    if "emergence" not in without:
        _table(run / "emergence.parquet", _emergence(rng, rows, n_layers))
    if "locations" not in without:
        _table(run / "locations.parquet", _locations(rows, n_layers))
    if "lens_maps" not in without:
        _lens_maps(run, rng, rows, n_layers, n_maps, hostile, long_tokens)
    if "format_check" not in without:
        contrasts = [
            {"name": "knowledge vs reasoning", "accuracy": 0.97, "low": 0.93, "high": 0.99, "n": 56, "contains_chance": False},
            {"name": "bridge_capital vs capital", "accuracy": 0.52, "low": 0.37, "high": 0.66, "n": 16, "contains_chance": True},
        ]  # fmt: skip
        _json(run / "format_check.json", {"contrasts": contrasts})
    with (run / "items.jsonl").open("w", encoding="utf-8") as out:
        for row in rows:
            asked = {"id": row["item"], "answer": row["answer_token"], **prompts_of(row)}
            out.write(json.dumps(asked) + "\n")
    summary = _summary(rows, n_layers, without)
    if first_rule:
        _json(run / "summary.json", add_first_rule(summary, n_layers, quick))
    else:
        made = localisation(n_layers)
        if causal:
            pq.write_table(HEADS.of_rows(made_up_head_rows(made)), run / "heads.parquet")
        _json(run / "summary.json", add_localisation(summary, made if causal else without_interventions(made), quick))
    _json(run / "manifest.json", _manifest(rows, n_layers, limited))
    return run


def _json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False, indent=1), encoding="utf-8")


def _table(path: Path, rows: list[dict[str, Any]]) -> None:
    pq.write_table(pa.Table.from_pylist(rows), path)


def _behaviour(rng: np.random.Generator, per_family: int, hostile: bool) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for family in FAMILIES:
        for i in range(per_family):
            answer, foil = family.pairs[i % len(family.pairs)]
            item = f"{family.name}-{i:03d}"
            if hostile and family.name == "capital" and i < len(HOSTILE):
                answer, foil = HOSTILE[i]
                item = f"capital-{i:03d}-{answer.strip()[:12]}"
            able = family.ceiling > 0.3
            difference = float(rng.normal(3.0 if able else 0.0, 1.4))
            excluded = family.name == "currency" and i == per_family - 1
            right = difference > 0.5 if i % 2 else difference > 0
            rows.append(
                {
                    "item": item, "kind": family.kind, "family": family.name, "domain": family.domain,
                    "template": f"w{i % 3}", "cluster": f"{family.name}:{i // 2 if family.name == 'comparison' else i}", "hops": 1,
                    "n_tokens": int(rng.integers(6, 30)), "n_fed": int(family.name == "addition"), "logit_difference": difference,
                    "answer_logprob": -abs(float(rng.normal(0.8 if able else 5.0, 0.5))),
                    "foil_logprob": -abs(float(rng.normal(4.5, 0.8))),
                    "rank": int(rng.integers(0, 2)) if able else int(rng.integers(5, 900)),
                    "correct_by_likelihood": difference > 0, "correct_by_choice": difference > 0.5 if i % 2 else None,
                    "chance_choice": 0.25 if i % 2 else None, "answered": right,
                    "aligned": not excluded, "reason": _reason(excluded, able, right),
                    "answer_token": answer, "foil_token": foil,
                }
            )  # fmt: skip
            if excluded:  # the model never saw it: all its numbers are null
                rows[-1] |= dict.fromkeys(("logit_difference", "answer_logprob", "foil_logprob", "rank", "answered",
                                           "correct_by_likelihood", "correct_by_choice", "chance_choice", "aligned"))  # fmt: skip
    return rows


def _reason(excluded: bool, able: bool, right: bool) -> str | None:
    if excluded:
        return "the answer tokenises to nothing"
    if not right:
        return "not answered right"
    return None if able else "its family is not answered above chance"


def _rise(n_layers: int, at: float, low: float, high: float) -> np.ndarray:
    stream = np.arange(n_layers + 1)
    return low + (high - low) / (1.0 + np.exp(-(stream - at * n_layers) * 1.6))


def _curves(
    rng: np.random.Generator, rows: list[dict[str, Any]], n_layers: int, without: Collection[str]
) -> list[dict[str, Any]]:
    out: list[dict[str, Any]] = []
    groups: list[tuple[str, str | None, list[Family]]] = []
    for kind in ("knowledge", "reasoning", "composite", "control"):
        groups.append((kind, None, [f for f in FAMILIES if f.kind == kind]))
    groups += [(f.kind, f.name, [f]) for f in FAMILIES]

    def add(
        kind: str, family: str | None, instrument: str, measure: str, values: np.ndarray, width: float, **where: Any
    ) -> None:
        chosen = [r for r in rows if r["kind"] == kind and family in (None, r["family"])]
        wide = width * (1.6 if family else 1.0)
        for layer, value in enumerate(values):
            mean = float(value)
            out.append(
                {
                    "instrument": instrument, "measure": measure, "kind": kind, "family": family,
                    "target": where.get("target"), "scheme": where.get("scheme"), "position": where.get("position", "last"),
                    "axis": "stream", "layer": layer, "mean": mean,
                    "low": mean - wide if width else None, "high": mean + wide if width else None,
                    "n_items": len(chosen), "n_clusters": len({r["cluster"] for r in chosen}),
                    "method": "cluster bootstrap, 10000 draws, 95 %",
                }
            )  # fmt: skip

    flat = np.zeros(n_layers + 1)
    for kind, family, members in groups:
        able = [f for f in members if f.ceiling > 0.3] or members
        mean_of = lambda pick, fs=able: float(np.mean([pick(f) for f in fs]))  # noqa: E731
        wobble = lambda: rng.normal(0, 0.008, n_layers + 1)  # noqa: E731
        decodable, ceiling = mean_of(lambda f: f.decodable), mean_of(lambda f: f.ceiling)
        if "probes" not in without:
            for scheme in ("cluster", "template"):
                where = {"target": "answer", "scheme": scheme}
                accuracy = np.clip(_rise(n_layers, decodable, 0.09, ceiling) + wobble(), 0.02, 0.98)
                control = 0.08 + 0.1 * np.linspace(0, 1, n_layers + 1) + wobble()
                add(kind, family, "probe.linear", "accuracy", accuracy, 0.06, **where)
                add(kind, family, "probe.linear", "control_accuracy", control, 0.03, **where)
                add(kind, family, "probe.linear", "selectivity", accuracy - control, 0.07, **where)
                add(kind, family, "probe.linear", "chance", flat + 0.08, 0.0, **where)
                add(kind, family, "probe.linear", "embedding_only", flat + 0.11, 0.0, **where)
                add(
                    kind,
                    family,
                    "probe.linear",
                    "random_init",
                    0.1 + 0.05 * np.sin(np.arange(n_layers + 1)),
                    0.02,
                    **where,
                )
                add(kind, family, "probe.linear", "log_loss", 2.6 - 2.2 * accuracy, 0.2, **where)
            if family in (None, "addition"):
                add(
                    kind,
                    family,
                    "probe.linear",
                    "accuracy",
                    _rise(n_layers, 0.2, 0.1, 0.95),
                    0.05,
                    target="operand",
                    scheme="cluster",
                )
            add(kind, family, "probe.mass_mean", "accuracy", accuracy * 0.9, 0.07, target="answer", scheme="cluster")
            add(kind, family, "probe.mass_mean", "chance", flat + 0.08, 0.0, target="answer", scheme="cluster")
        if "lens" in without:
            continue
        reads = mean_of(lambda f: f.readable)
        quiet = reads == 0.0
        for instrument, shift in (("lens.logit", 0.0), ("lens.tuned", -0.12), ("lens.bias", 0.05)):
            if "tuned" in without and instrument != "lens.logit":
                continue
            at = max(reads + shift, 0.05)
            high = -7.5 if quiet else -0.9
            answer = _rise(n_layers, at, -10.8, high) + wobble()
            add(kind, family, instrument, "answer_logprob", answer, 0.4)
            add(kind, family, instrument, "null_logprob", _rise(n_layers, at, -10.7, -7.6), 0.0)
            add(kind, family, instrument, "logit_difference", _rise(n_layers, at, 0, 0.1 if quiet else 3.1), 0.5)
            add(kind, family, instrument, "rank", 10 ** _rise(n_layers, at, 4.2, 2.5 if quiet else 0.1) - 1, 0.0)
            add(kind, family, instrument, "above_null", _rise(n_layers, at, 0.5, 0.55 if quiet else 0.97), 0.09)
            add(kind, family, instrument, "top1", _rise(n_layers, at, 0.0, 0.01 if quiet else 0.8), 0.05)
            add(kind, family, instrument, "entropy", _rise(n_layers, at, 9.8, 2.0), 0.3)
    return out


def _emergence(rng: np.random.Generator, rows: list[dict[str, Any]], n_layers: int) -> list[dict[str, Any]]:
    out = []
    for row in rows:
        family = next(f for f in FAMILIES if f.name == row["family"])
        never = family.readable == 0.0 or not row["answered"]
        stream = int(np.clip(rng.normal(family.readable * n_layers, 0.8), 1, n_layers))
        early = int(rng.integers(0, stream + 1))  # an answer may be above an unrelated one long before it settles
        for name, first_stream in ((SETTLED, None if never else stream), (ABOVE_NULL, early)):
            out.append(
                {"item": row["item"], "instrument": "lens.logit", "position": "last", "stream": first_stream, "definition": name}
            )  # fmt: skip
    return out


def _locations(rows: list[dict[str, Any]], n_layers: int) -> list[dict[str, Any]]:
    out = []
    for family in FAMILIES:
        n = sum(r["family"] == family.name for r in rows)
        for instrument, at in (("probe.linear", family.decodable), ("lens.logit", family.readable)):
            layer = round(at * n_layers) if at and family.ceiling > 0.3 else None
            out.append(
                {
                    "kind": family.kind, "family": family.name, "instrument": instrument, "measure": "onset",
                    "layer": layer, "axis": "stream", "depth": None if layer is None else layer / n_layers,
                    "low": None if layer is None else layer - 1.0, "high": None if layer is None else layer + 1.0,
                    "p": None, "n": n, "method": "lower bound above every baseline at three streams in a row",
                }
            )  # fmt: skip
    return out


def _families(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Shares with made-up intervals: the page must show them as they stand."""
    entries = []
    for kind, family in dict.fromkeys((r["kind"], r["family"]) for r in rows):
        able = next(f for f in FAMILIES if f.name == family).ceiling > 0.3
        entry: dict[str, Any] = {"family": family, "kind": kind, "chance": 0.375, "answered": able}
        for name, column in (
            ("accuracy", "answered"),
            ("by_likelihood", "correct_by_likelihood"),
            ("by_choice", "correct_by_choice"),
        ):
            seen = [bool(r[column]) for r in rows if r["family"] == family and r[column] is not None]
            share = sum(seen) / len(seen) if seen else 0.0
            entry[name] = (
                {
                    "value": share, "low": max(0.0, share - 0.2), "high": min(1.0, share + 0.1), "n_items": len(seen),
                    "n_clusters": len(seen), "method": "made up",
                }
                if seen else None
            )  # fmt: skip
        of_family = [r for r in rows if r["family"] == family]
        entry |= {"n": len(of_family), "decided_by": {"by_choice": len(of_family)}}
        entries.append(entry)
    return entries


def _summary(rows: list[dict[str, Any]], n_layers: int, without: Collection[str]) -> dict[str, Any]:
    def onset(stream: int | None, n: int, definition: str) -> dict[str, Any]:
        interval = None if stream is None else [stream - 1, min(stream + 1, n_layers)]
        depth = None if stream is None else stream / n_layers
        return {"layer": stream, "depth": depth, "interval": interval, "n": n, "definition": definition}

    kinds: dict[str, Any] = {}
    streams = {"knowledge": (6, 9), "reasoning": (8, 10), "composite": (9, 11), "control": (4, None)}
    for kind, (probe, lens) in streams.items():
        of_kind = [r for r in rows if r["kind"] == kind]
        used = sum(bool(r["answered"]) and not r["reason"] for r in of_kind)
        instruments: dict[str, Any] = {}
        if "probes" not in without:
            instruments["probe"] = {
                "onset": onset(probe, used, "lower bound above every baseline at three streams in a row")
            }
        if "lens" not in without:
            instruments["lens"] = {
                "onset": onset(lens, used, "share above an unrelated answer over one half at three streams in a row")
            }
        kinds[kind] = {
            "items": len(of_kind), "used": used,
            "accuracy": sum(bool(r["answered"]) for r in of_kind) / sum(r["answered"] is not None for r in of_kind),
            "decided_by": {"by_choice": len(of_kind)}, "excluded": {}, "instruments": instruments,
        }  # fmt: skip
    return {
        "schema": "strata.summary/1", "checkpoint": {"spec": "synthetic-12", "sha256": "ab" * 32}, "n_layers": n_layers,
        "seed": 0, "kinds": kinds, "families": _families(rows),
        "warnings": ["The reasoning probe reaches its onset 2 streams before the lens does: a copy nobody reads is possible"],
    }  # fmt: skip


def _manifest(rows: list[dict[str, Any]], n_layers: int, limited: bool) -> dict[str, Any]:
    by_kind = {k: sum(r["kind"] == k for r in rows) for k in ("knowledge", "reasoning", "composite", "control")}
    return {
        "schema": "strata.manifest/1", "run_id": "3f9c2ab17d04", "verb": "locate",
        "command": ["strata", "locate", "/home/someone/models/synthetic-12", "--out", "/home/someone/runs/one"],
        "config": {"seed": 0, "items": "/home/someone/items.jsonl", "folds": 5, "penalties": 10, "lens": {"tuned": True, "top_k": 5}},
        "seed": 0, "versions": {"strata": "0.1.0", "torch": "2.13.0", "transformers": "5.23.0", "python": "3.11.4"},
        "device": "cpu", "dtype": "float32", "attention": "sdpa",
        "checkpoint": {
            "spec": "synthetic-12", "source": "/home/someone/models/synthetic-12", "weights_sha256": "ab" * 32,
            "tokenizer_sha256": "cd" * 32, "n_layers": n_layers, "d_model": 576, "vocab_size": 49152,
        },
        "items": {"sha256": "ef" * 32, "n": len(rows), "by_kind": by_kind},
        "stages": {
            "behaviour": {"seconds": 11.2, "peak_memory_bytes": 812_000_000},
            "capture": {"seconds": 31.5, "peak_memory_bytes": 990_000_000},
            "probes": {"seconds": 48.1, "peak_memory_bytes": 1_300_000_000},
            "lens": {"seconds": 22.0, "peak_memory_bytes": 1_100_000_000},
        },
        "self_tests": [
            {"name": "lens at the last stream is the model's own logits", "passed": True, "value": 1.1e-5, "tolerance": 1e-3},
            {"name": "embedding plus all block outputs is the last stream", "passed": True, "value": 3.8e-6, "tolerance": 1e-4},
        ],
        "excluded": {"the answer tokenises to nothing": 1}, "warnings": [],
        "started": "2026-03-02T09:12:44Z", "ended": "2026-03-02T09:14:41Z", "status": "done", "limited": limited,
        "git": {"commit": "0123abc", "dirty": False},
    }  # fmt: skip


def _read_maps(
    rows: list[dict[str, Any]], whole: Collection[str], streams: int, tensors: dict[str, np.ndarray]
) -> dict[str, Any]:
    """Of every other item that was asked, at its subject, which some lack, and its last token. After stream s the likeliest is token 10 + s."""
    others = [row for row in rows if row["item"] not in whole and row["rank"] is not None]
    shape = (len(others), streams, 2)
    ids = 10 + np.arange(streams)[None, :, None, None] + np.zeros((*shape, 5), int)
    tensors |= {
        "read.top_ids": (ids + np.arange(5)).astype(np.int32), "read.top_logprobs": np.log(np.broadcast_to([0.5, 0.2, 0.1, 0.05, 0.01], (*shape, 5))).astype(np.float32),
        "read.entropy": np.ones(shape, np.float32), "read.kl_to_final": np.ones(shape, np.float32),
        "read.answer_logprob": np.full(shape, -2.0, np.float32), "read.answer_rank": np.full(shape, 3, np.int32),
    }  # fmt: skip
    prompts = []
    for number, row in enumerate(others):
        at = {"subject": 2, "last": row["n_tokens"] - 1} if number % 3 else {"last": row["n_tokens"] - 1}
        tokens = {name: HOSTILE_TOKENS[number % len(HOSTILE_TOKENS)] for name in at}
        prompts.append({"item": row["item"], "at": at, "tokens": tokens, "token_ids": dict.fromkeys(at, 7)})
    return {"positions": ["last", "subject"], "items": prompts}


def _lens_maps(
    run: Path,
    rng: np.random.Generator,
    rows: list[dict[str, Any]],
    n_layers: int,
    n_maps: int,
    hostile: bool,
    long_tokens: int,
) -> None:
    vocabulary = {
        0: "<unk>",
        1: "<think>",
        2: "</s>",
        3: " Paris",
        4: " Rome",
        5: "\n",
        6: " ",
        7: " the",
        8: " of",
        9: " \x00",
    }
    vocabulary |= {i: f" w{i}" for i in range(10, 400)}
    maps, tensors = [], {}
    streams = n_layers + 1
    whys = ["median", "largest", "failure", "random"]
    for number in range(n_maps):
        row = rows[(number * 11) % len(rows)]
        if number == 0 and hostile:
            tokens = list(HOSTILE_TOKENS)
        elif number == 1 and long_tokens:
            tokens = [f" t{i}" for i in range(long_tokens)]
        else:
            tokens = ["<s>", "The", " capital", " of", " France", " is", " the", " city", " of"][: 6 + number % 4]
        key, n = f"m{number:02d}", len(tokens)
        answer, foil = 300 + number, 350 + number
        vocabulary[answer], vocabulary[foil] = row["answer_token"], row["foil_token"]
        logprobs = np.sort(-rng.gamma(2.0, 1.4, (streams, n, 5)), axis=-1)[..., ::-1].astype(np.float32)
        sharp = np.linspace(2.2, 0.25, streams)[:, None, None]
        logprobs = (logprobs * sharp).astype(np.float32)
        ids = rng.integers(0, 290, (streams, n, 5)).astype(np.int32)
        ids[:, :, 1:] = (ids[:, :, :1] + np.arange(1, 5)) % 290
        answer_logprob = np.repeat(_rise(n_layers, 0.75, -11, -4)[:, None], n, 1).astype(np.float32)
        answer_logprob[:, -1] = _rise(n_layers, 0.75, -11, -0.2)
        ids[int(0.8 * n_layers) :, -1, 0] = answer
        logprobs[int(0.8 * n_layers) :, -1, 0] = answer_logprob[int(0.8 * n_layers) :, -1]
        rank = np.maximum(0, 10 ** (4.6 * (-answer_logprob / 11)) - 3).astype(np.int32)
        tensors |= {
            f"{key}.top_ids": ids, f"{key}.top_logprobs": logprobs,
            f"{key}.entropy": np.repeat(_rise(n_layers, 0.7, 9.5, 1.5)[:, None], n, 1).astype(np.float32) + rng.random((streams, n), np.float32),
            f"{key}.answer_logprob": answer_logprob, f"{key}.answer_rank": rank,
            f"{key}.kl_to_final": np.repeat(np.linspace(9, 0, streams)[:, None], n, 1).astype(np.float32),
        }  # fmt: skip
        maps.append(
            {
                "item": row["item"], "key": key, "tokens": tokens, "token_ids": [(i * 7) % 290 for i in range(n)],
                "positions": {"last": n - 1, "subject": min(4, n - 2)}, "why": whys[number % 4],
            }
        )  # fmt: skip
    read = _read_maps(rows, {one["item"] for one in maps}, streams, tensors) if n_maps else None
    save_file(tensors, run / "lens_maps.safetensors")
    metrics = ["top1", "answer", "rank", "entropy", "kl"]
    _json(
        run / "lens_maps.json",
        {
            "rule": "median, largest logit difference, failures and a draw by seed 0, in equal parts",
            "lens": "logit", "metrics": metrics, "maps": maps, "read": read, "vocabulary": {str(i): t for i, t in vocabulary.items()},
        },
    )  # fmt: skip
