"""Runs every probe target, one part file each, so that a kill loses at most the target it hit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float
from pydantic import JsonValue

from strata.experiments.items.alignment import EncodedItem
from strata.experiments.items.entity import entity_of
from strata.experiments.locate.activation_stores import kept_streams
from strata.experiments.locate.probe_targets import Target, targets_of
from strata.experiments.locate.reading_positions import Place
from strata.experiments.questions import Questions
from strata.experiments.results.locate_tables import ProbeRow
from strata.experiments.run.directory import RunDirectory
from strata.experiments.run.resumed_part import read_part, write_part
from strata.probes.errors import StrataError
from strata.probes.files.activation_store import ActivationStore
from strata.probes.linear import PENALTIES, Precision, ProbeResult, online_code_length, probe_streams
from strata.probes.linear.probe_streams import require_finite
from strata.probes.linear.refitted_chance import commonest, refitted_chance
from strata.probes.numerics.double_precision import with_float64
from strata.probes.numerics.threads import side_by_side, threads_for
from strata.probes.progress import Progress, silent

PRECISION = Precision(tolerance=1e-5, max_iterations=150)
"""In nats: far below what a few dozen held-out items can show, and several times faster than the benchmark's."""

_MOST_WORKERS = 8
"""Targets that are probed at a time, each by one thread."""

_ON_HOST = 400
"""Items of a family up to which its probes are fitted on the CPU, wherever the model is: on a GPU they are many small kernels.
Those of 36 items × 31 streams × 576 dimensions took 1.5 s a target on an H200, more than on two CPU cores."""
SHUFFLES = 5
"""Refits under labels dealt anew, behind the baseline of what decides an onset."""


@dataclass(frozen=True)
class Scored:
    """One target, item by item: everything that curves and onsets are made of."""

    target: Target
    items: tuple[int, ...]
    """Indices of the items that were probed."""
    correct: Bool[np.ndarray, "item stream"]
    """Right while held out."""
    log_likelihood: Float[np.ndarray, "item stream"]
    """Natural log of the probability of the true label while held out."""
    commonest: Bool[np.ndarray, " item"]
    """Whether the item's label is the most frequent one of all items probed."""
    shuffled_correct: Float[np.ndarray, "item stream"] | None
    """Share of refits under shuffled labels that named the item rightly; None where none were made."""
    control_correct: Bool[np.ndarray, "item stream"] | None
    """Right on the control task, under the template scheme."""
    compression: Float[np.ndarray, " stream"] | None
    """Of the online code; None where it wasn't measured."""


@dataclass(frozen=True)
class NotProbed:
    """A target that couldn't be probed."""

    target: Target
    said: str
    """Why, as the probes say it."""


@dataclass(frozen=True)
class Fitting:
    """How probes are fitted and scored."""

    folds: int
    """Outer ones."""
    seed: int
    """Of folds, control labels and shuffles."""
    device: torch.device


@dataclass(frozen=True)
class Probed:
    rows: list[ProbeRow]
    """Of the probes table."""
    scored: list[Scored]
    """In the targets' order."""
    not_probed: list[NotProbed]


def probe_targets(
    run: RunDirectory,
    questions: Questions,
    store: ActivationStore,
    fresh: ActivationStore | None,
    positions: Sequence[str],
    fitting: Fitting,
    *,
    progress: Progress = silent,
) -> Probed:
    """Probes every target of these items; finished ones are read from their part files.

    `fresh`: streams of the same architecture with fresh weights; `positions`: of the stored axis.
    """
    encoded = questions.encoded
    targets = targets_of(encoded, positions, random_init=fresh is not None)

    on_host = replace(fitting, device=torch.device("cpu"))

    def of_target(target: Target) -> tuple[list[ProbeRow], Scored | NotProbed]:
        source = fresh if target.source == "random-init" and fresh is not None else store
        members = [encoded[index] for index in target.items]
        # One family is read behind the start that all its answers have; families don't share one.
        place: Place = "as asked" if target.family is None else "common start"
        streams = partial(kept_streams, source, members, target.position, positions, last=place)
        return _one(run, target, members, streams, on_host if _is_small(target) else fitting)

    # A family's probes are too small to be worth more than one thread; those over all families have all threads to themselves.
    alone = [target for target in targets if not _is_small(target)]
    beside = [target for target in targets if _is_small(target)]
    workers = min(_MOST_WORKERS, torch.get_num_threads())
    progress("probes", 0, len(targets), "targets")
    results = side_by_side(of_target, beside, workers, lambda done: progress("probes", done, len(targets), "targets"))
    results += [of_target(target) for target in alone]
    found = {target.key: result for target, result in zip([*beside, *alone], results, strict=True)}
    probed = Probed([], [], [])
    for target in targets:
        rows, scored = found[target.key]
        probed.rows.extend(rows)
        if isinstance(scored, Scored):
            probed.scored.append(scored)
        else:
            probed.not_probed.append(scored)
    progress("probes", len(targets), len(targets), "targets")
    return probed


def _is_small(target: Target) -> bool:
    return target.family is not None and len(target.items) <= _ON_HOST


def _one(
    run: RunDirectory,
    target: Target,
    members: Sequence[EncodedItem],
    streams: Callable[[], Float[torch.Tensor, "item stream d_model"]],
    fitting: Fitting,
) -> tuple[list[ProbeRow], Scored | NotProbed]:
    part = run.path / "parts" / "probes" / f"{target.key}.safetensors"
    stored = read_part(part, run.run_id)
    if stored is None:
        write_part(part, run.run_id, *_probe(target, members, streams(), fitting))
        stored = read_part(part, run.run_id)
        assert stored is not None
    tensors, notes = stored
    if notes["reason"]:
        return [], NotProbed(target, str(notes["reason"]))
    scored = Scored(
        target=target,
        items=tuple(target.items[index] for index in tensors["kept"]),
        correct=tensors["correct"].astype(bool),
        log_likelihood=tensors["log_likelihood"],
        commonest=tensors["commonest"].astype(bool),
        shuffled_correct=tensors.get("shuffled_correct"),
        control_correct=tensors["control_correct"].astype(bool) if "control_correct" in tensors else None,
        compression=tensors.get("compression"),
    )
    # The baseline's rows stand in the curves; the probes table is about the model.
    rows: Any = notes["rows"]
    return ([ProbeRow(**row) for row in rows] if target.source == "model" else []), scored


def _probe(
    target: Target, members: Sequence[EncodedItem], x: Float[torch.Tensor, "item stream d_model"], fitting: Fitting
) -> tuple[dict[str, np.ndarray], dict[str, JsonValue]]:
    x = x.to(with_float64(fitting.device))
    clusters, templates = (
        [entity_of(encoded_item.item) for encoded_item in members],
        [encoded_item.item.template for encoded_item in members],
    )
    require_finite(x)
    try:
        with threads_for(x.numel()):
            result = probe_streams(
                x,
                target.labels,
                clusters,
                templates,
                scheme=target.scheme,
                seed=fitting.seed,
                probe=target.probe,
                n_folds=fitting.folds,
                precision=PRECISION,
            )
    except StrataError as error:
        return {"none": np.zeros(1)}, {"reason": error.what, "rows": []}
    tensors: dict[str, np.ndarray] = {
        "kept": result.kept.astype(np.int64),
        "correct": result.correct.astype(np.uint8),
        "log_likelihood": result.log_likelihood.astype(np.float64),
        "commonest": commonest(result).astype(np.uint8),
    }
    if result.control_correct is not None:
        tensors["control_correct"] = result.control_correct.astype(np.uint8)
    if (target.name, target.position, target.scheme, target.source) == ("answer", "last", "cluster", "model"):
        with threads_for(x.numel()):
            tensors["shuffled_correct"] = refitted_chance(
                x, result, clusters, shuffles=SHUFFLES, seed=fitting.seed, probe=target.probe, precision=PRECISION
            )
    bits = None
    if (
        target.name == "answer"
        and target.position == "last"
        and target.scheme == "cluster"
        and target.probe == "linear"
    ):
        kept_rows = result.kept
        _, codes = np.unique(np.array(clusters, dtype=object)[kept_rows].astype(str), return_inverse=True)
        with threads_for(x.numel()):
            code = online_code_length(
                x[torch.from_numpy(kept_rows)], result.truth, codes, PENALTIES, seed=fitting.seed, precision=PRECISION
            )
        bits, tensors["compression"] = code.bits, np.asarray(code.compression, dtype=np.float64)
    rows = _rows(target, result, bits, tensors.get("compression"))
    return tensors, {"reason": "", "rows": [vars(row) for row in rows]}


def _rows(
    target: Target, result: ProbeResult, bits: np.ndarray | None, compression: np.ndarray | None
) -> list[ProbeRow]:
    n_streams, n_folds = result.accuracy.shape
    return [
        ProbeRow(
            target=target.name, kind=target.kind, family=target.family, scheme=target.scheme, probe=target.probe,
            position=target.position, layer=stream, fold=fold, n_train=int(result.n_train[fold]),
            n_test=int(result.n_test[fold]), accuracy=float(result.accuracy[stream, fold]),
            control_accuracy=_at(result.control_accuracy, stream, fold),
            selectivity=_at(result.selectivity, stream, fold), log_loss=float(result.log_loss[stream, fold]),
            majority=float(result.majority[fold]), penalty=_at(result.penalty, stream, fold),
            code_length_bits=None if bits is None else float(bits[stream]),
            compression=None if compression is None else float(compression[stream]),
        )
        for stream in range(n_streams)
        for fold in range(n_folds)
    ]  # fmt: skip


def _at(values: np.ndarray | None, stream: int, fold: int) -> float | None:
    return None if values is None else float(values[stream, fold])
