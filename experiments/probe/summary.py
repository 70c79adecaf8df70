"""What does a probe run say in a few numbers? The best stream and how sure it is, its controls, and where it rises above them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from strata.experiments.probe.config import ProbeConfig
from strata.experiments.probe.labelled import LabelledSet
from strata.experiments.probe.streams import Readable
from strata.experiments.results.file_versions import PROBE_SCHEMA
from strata.experiments.run.directory import RunDirectory
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.linear import ProbeScores
from strata.probes.statistics.bootstrap import Estimate
from strata.probes.statistics.onset import DEFINITION


def position_summary(
    scores: ProbeScores, config: ProbeConfig, lacking: Mapping[str, int], probe_file: str
) -> dict[str, Any]:
    """One position's entry in summary.json."""
    best, n_streams = scores.best_stream, len(scores.accuracy)
    template = scores.template
    return {
        "items": len(scores.kept),
        "clusters": len(set(scores.clusters)),
        "classes": [
            {"label": label, "items": int((scores.truth == code).sum())} for code, label in enumerate(scores.classes)
        ],
        "best": _estimate(scores.accuracy[best])
        | {"stream": best, "depth": best / max(1, n_streams - 1), "p": scores.p, "shuffles": len(scores.shuffled)},
        "majority": scores.majority,
        "embedding": None if scores.embedding is None else _estimate(scores.embedding),
        "random_init": _best_of(scores.random_init),
        "shuffled": _null(scores),
        "template": None
        if template is None
        else {
            name: _estimate(values[best])
            for name, values in (
                ("accuracy", template.accuracy), ("control", template.control), ("selectivity", template.selectivity)
            )
        },
        "rises": rise(scores, config),
        "excluded": {**lacking, **scores.excluded},
        "notes": list(scores.notes),
        "probe": probe_file,
    }  # fmt: skip


def rise(scores: ProbeScores, config: ProbeConfig) -> dict[str, Any]:
    """The first stream from which on accuracy stands above every control, with the interval of that stream."""
    rise_onset = scores.onset(draws=config.draws, seed=config.seed)
    has_interval = rise_onset.lower_bound is not None
    return {
        "stream": rise_onset.stream,
        "depth": rise_onset.depth,
        "interval": [rise_onset.low, rise_onset.high] if has_interval else None,
        "above": list(scores.controls),
        "definition": DEFINITION,
        "sought": has_interval and len(scores.streams) >= 3,
    }


def summarise(
    run: RunDirectory,
    checkpoint: Checkpoint,
    config: ProbeConfig,
    labelled: LabelledSet,
    asked: Readable,
    positions: Mapping[str, dict[str, Any]],
) -> dict[str, Any]:
    """summary.json."""
    if len(positions) > 1:
        run.warn(
            f"{len(positions)} positions are probed, each with a p of its own: picking the best position afterwards is not corrected for"
        )
    return {
        "schema": PROBE_SCHEMA,
        "run": run.run_id,
        "target": config.target,
        "checkpoint": {
            "spec": checkpoint.identity.spec,
            "sha256": checkpoint.identity.weights_sha256,
            "n_layers": checkpoint.n_layers,
        },
        "seed": config.seed,
        "items": len(labelled.items),
        "labels": dict(Counter(str(item.label) for item in asked.items).most_common()),
        "clustered": labelled.clustered,
        "limited": labelled.limited,
        "excluded": dict(asked.excluded),
        "positions": dict(positions),
        "warnings": list(run.manifest.warnings),
    }


def _estimate(estimate: Estimate) -> dict[str, Any]:
    known = asdict(estimate)
    interval = None if known["low"] is None else [known["low"], known["high"]]
    return {"value": known["value"], "interval": interval}


def _best_of(estimates: tuple[Estimate, ...] | None) -> dict[str, Any] | None:
    if estimates is None:
        return None
    best = int(np.argmax([estimate.value for estimate in estimates]))
    return _estimate(estimates[best]) | {"stream": best}


def _null(scores: ProbeScores) -> dict[str, Any] | None:
    """What the best stream reaches on labels that mean nothing, and on the true ones on the same folds."""
    if scores.unshuffled is None:
        return None
    return {
        "true_labels_best": float(scores.unshuffled.max()),
        "mean": float(scores.shuffled.mean()),
        "best_mean": float(scores.best_by_chance.mean()),
        "best_95": float(np.quantile(scores.best_by_chance, 0.95)),
    }
