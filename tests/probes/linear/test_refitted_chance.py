"""What a probe of labels that mean nothing reaches: below the commonest label where few clusters share one."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from strata.probes.errors import StrataError
from strata.probes.linear.held_out import Precision
from strata.probes.linear.probe_streams import ProbeResult, probe_streams
from strata.probes.linear.refitted_chance import commonest, refitted_chance

FAST = Precision(tolerance=1e-4, max_iterations=60)
STREAMS = 11


def items(n_clusters: int, n_labels: int, seed: int) -> tuple[torch.Tensor, list[int], list[int]]:
    """Four items of every cluster; streams know clusters and, from stream 6 on, labels."""
    generator = torch.Generator().manual_seed(seed)
    clusters = np.repeat(np.arange(n_clusters), 4)
    labels = clusters % n_labels
    of_cluster = torch.randn(n_clusters, STREAMS, 16, generator=generator)
    x = of_cluster[clusters] + 0.3 * torch.randn(len(clusters), STREAMS, 16, generator=generator)
    x[:, 6:, :n_labels] += 6 * torch.nn.functional.one_hot(torch.from_numpy(labels), n_labels)[:, None]
    return x, labels.tolist(), clusters.tolist()


def probed(x: torch.Tensor, labels: list[int], clusters: list[int], probe: str = "linear") -> ProbeResult:
    return probe_streams(x, labels, clusters, ["t"] * len(labels), probe=probe, precision=FAST)


@pytest.mark.parametrize("probe", ["linear", "mass_mean"])
def test_where_labels_are_written_the_shuffles_stay_below_and_elsewhere_the_probe_is_one_of_them(probe: str) -> None:
    above, below = [], []
    for seed in range(3):
        x, labels, clusters = items(12, 3, seed)
        result = probed(x, labels, clusters, probe)
        chance = refitted_chance(x, result, clusters, shuffles=4, probe=probe, precision=FAST)
        assert chance.shape == result.correct.shape and 0 <= chance.min() <= chance.max() <= 1
        excess = result.correct.mean(0) - chance.mean(0)
        above.append(excess[6:].min())
        below.append(excess[:6].mean())
    assert min(above) > 0.2
    assert abs(np.mean(below)) < 0.15


def test_a_refit_is_a_probe_of_the_same_clusters_under_other_labels() -> None:
    from strata.probes.linear.shuffled_labels import shuffled_labels
    from strata.probes.statistics.bootstrap import cluster_codes

    x, labels, clusters = items(12, 3, 0)
    x = x[:, :3]
    result = probed(x, labels, clusters)
    dealt = shuffled_labels(result.truth, cluster_codes(clusters), 1_000_003)
    by_hand = probed(x, [int(label) for label in dealt], clusters)
    assert np.array_equal(refitted_chance(x, result, clusters, shuffles=1, precision=FAST), by_hand.correct)


def test_meaningless_labels_of_few_clusters_are_named_less_often_than_the_commonest_one() -> None:
    shares = []
    for seed in range(3):
        x, labels, clusters = items(12, 4, seed)
        result = probed(x[:, :6], labels, clusters)
        shares.append(refitted_chance(x[:, :6], result, clusters, shuffles=4, precision=FAST).mean())
        assert commonest(result).mean() == 0.25
    assert np.mean(shares) < 0.25


def test_no_shuffle_is_no_baseline() -> None:
    x, labels, clusters = items(12, 3, 0)
    with pytest.raises(StrataError, match="shuffles is 0"):
        refitted_chance(x, probed(x, labels, clusters), clusters, shuffles=0)
