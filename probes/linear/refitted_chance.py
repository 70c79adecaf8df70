"""How often would a probe be right if the labels meant nothing? Labels dealt anew and probed in the same way, item by item."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float
from torch import Tensor

from strata.probes.errors import StrataError
from strata.probes.linear.held_out import Precision
from strata.probes.linear.probe_streams import PENALTIES, ProbeResult, probe_streams
from strata.probes.linear.shuffled_labels import shuffled_labels
from strata.probes.statistics.bootstrap import cluster_codes

STREAMS_READ = 8
"""Streams that shuffles are probed at, evenly spaced: without meaning accuracy changes slowly with the stream."""


def refitted_chance(
    x: Float[Tensor, "item stream d_model"],
    result: ProbeResult,
    clusters: Sequence[object],
    *,
    shuffles: int = 5,
    seed: int = 0,
    probe: Literal["linear", "mass_mean"] = "linear",
    penalties: Sequence[float] = PENALTIES,
    precision: Precision | None = None,
) -> Float[np.ndarray, "kept stream"]:
    """Share of `shuffles` in which each item that `result` kept was named rightly while held out, under labels dealt anew.

    Folds, penalties and fits are made again for every shuffle, by the rule that made those of `result`. A majority label is no
    substitute: where few clusters share a label, whatever is held out is rare in training, and both a majority and a probe of
    meaningless labels fall below the rate of the commonest label (1909.03368 compares with refitted labels likewise).
    Shuffles are probed at eight streams or all there are, with the values between them interpolated.

    `x` holds the items that `result` was made of, `clusters` theirs. Raises StrataError for fewer than one shuffle.
    """
    if shuffles < 1:
        raise StrataError(f"shuffles is {shuffles}", "Give 1 or more")
    n_streams = x.shape[1]
    read = np.unique(np.linspace(0, n_streams - 1, min(STREAMS_READ, n_streams)).round().astype(int))
    values, names = x[result.kept.tolist()][:, read.tolist()], [clusters[item] for item in result.kept]
    code = cluster_codes(names)
    right, asked = np.zeros((len(code), len(read))), np.zeros((len(code), 1))
    for number in range(shuffles):
        # Far from the seeds of folds and control labels.
        labels = shuffled_labels(result.truth, code, 1_000_003 * (seed + 1) + number)
        made = probe_streams(
            values, [f"{label:09d}" for label in labels], names, ["0"] * len(names), scheme="cluster", seed=seed, probe=probe,
            penalties=penalties, n_folds=len(result.n_test), precision=precision,
        )  # fmt: skip
        right[made.kept] += made.correct
        asked[made.kept] += 1
    # An item whose label was dealt to no other cluster in any shuffle says nothing: it counts as the others do.
    share = np.divide(
        right, asked, out=np.full(right.shape, right.sum() / max(1.0, asked.sum() * len(read))), where=asked > 0
    )
    return np.stack([np.interp(np.arange(n_streams), read, row) for row in share])


def commonest(result: ProbeResult) -> Bool[np.ndarray, " kept"]:
    """Whether each kept item has the most frequent label of all of them: what naming that one always would get right."""
    return np.asarray(result.truth == np.bincount(result.truth).argmax())
