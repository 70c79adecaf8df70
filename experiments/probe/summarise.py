"""What does a probe run say in a few numbers? The best stream and how sure it is, its controls, and where it rises above them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import cast

import numpy as np

from strata.experiments.probe.config import ProbeConfig
from strata.experiments.probe.labelled import LabelledSet
from strata.experiments.probe.streams import Readable
from strata.experiments.results.caveats import Caveat
from strata.experiments.results.file_versions import PROBE_SCHEMA
from strata.experiments.results.probe_summary import (
    AtStream,
    BestStream,
    HeldOutTemplates,
    LabelCount,
    PositionSummary,
    ProbedCheckpoint,
    ProbeSummary,
    Rise,
    Shuffled,
)
from strata.experiments.results.record import Interval, Measured
from strata.experiments.run.directory import RunDirectory
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.linear import ProbeScores
from strata.probes.statistics.bootstrap import Estimate
from strata.probes.statistics.onset import DEFINITION


def position_summary(
    scores: ProbeScores, config: ProbeConfig, lacking: Mapping[str, int], probe_file: str
) -> PositionSummary:
    """One position's entry in summary.json. `lacking`: items without the position, by reason."""
    best, n_streams = scores.best_stream, len(scores.accuracy)
    template = scores.template
    return PositionSummary(
        items=len(scores.kept),
        clusters=len(set(scores.clusters)),
        classes=tuple(
            LabelCount(label=cast(str | int | float | bool, label), items=int((scores.truth == code).sum()))
            for code, label in enumerate(scores.classes)
        ),
        best=BestStream(
            value=scores.accuracy[best].value,
            interval=_interval(scores.accuracy[best]),
            stream=best,
            depth=best / max(1, n_streams - 1),
            p=scores.p,
            shuffles=len(scores.shuffled),
        ),
        majority=scores.majority,
        embedding=None if scores.embedding is None else _measured(scores.embedding),
        random_init=_best_of(scores.random_init),
        shuffled=_null(scores),
        template=None
        if template is None
        else HeldOutTemplates(
            accuracy=_measured(template.accuracy[best]),
            control=_measured(template.control[best]),
            selectivity=_measured(template.selectivity[best]),
        ),
        rises=rise(scores, config),
        excluded={**lacking, **scores.excluded},
        notes=tuple(scores.notes),
        probe=probe_file,
    )


def rise(scores: ProbeScores, config: ProbeConfig) -> Rise:
    """The first stream from which on accuracy stands above every control, with the interval of that stream."""
    onset = scores.onset(draws=config.draws, seed=config.seed)
    has_interval = onset.lower_bound is not None
    return Rise(
        stream=onset.stream,
        depth=onset.depth,
        interval=(onset.low, onset.high) if has_interval else None,
        above=tuple(scores.controls),
        definition=DEFINITION,
        sought=has_interval and len(scores.streams) >= 3,
    )


def summarise(
    run: RunDirectory,
    checkpoint: Checkpoint,
    config: ProbeConfig,
    labelled: LabelledSet,
    asked: Readable,
    positions: Mapping[str, PositionSummary],
) -> ProbeSummary:
    """summary.json."""
    if len(positions) > 1:
        run.warn(Caveat(code="several-positions", positions=len(positions)))
    return ProbeSummary(
        schema=PROBE_SCHEMA,
        run=run.run_id,
        target=config.target,
        checkpoint=ProbedCheckpoint(
            spec=checkpoint.identity.spec, sha256=checkpoint.identity.weights_sha256, n_layers=checkpoint.n_layers
        ),
        seed=config.seed,
        items=len(labelled.items),
        labels=dict(Counter(str(item.label) for item in asked.items).most_common()),
        clustered=labelled.clustered,
        limited=labelled.limited,
        excluded=dict(asked.excluded),
        positions=dict(positions),
        warnings=run.manifest.warnings,
    )


def _measured(estimate: Estimate) -> Measured:
    return Measured(value=estimate.value, interval=_interval(estimate))


def _interval(estimate: Estimate) -> Interval | None:
    return None if estimate.low is None or estimate.high is None else (estimate.low, estimate.high)


def _best_of(estimates: Sequence[Estimate] | None) -> AtStream | None:
    if estimates is None:
        return None
    best = int(np.argmax([estimate.value for estimate in estimates]))
    return AtStream(value=estimates[best].value, interval=_interval(estimates[best]), stream=best)


def _null(scores: ProbeScores) -> Shuffled | None:
    if scores.unshuffled is None:
        return None
    return Shuffled(
        true_labels_best=float(scores.unshuffled.max()),
        mean=float(scores.shuffled.mean()),
        best_mean=float(scores.best_by_chance.mean()),
        best_95=float(np.quantile(scores.best_by_chance, 0.95)),
    )
