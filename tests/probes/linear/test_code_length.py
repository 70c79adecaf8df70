"""The online code is the one a plain loop over blocks would send."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from plain_sklearn import probabilities
from planted_items import Planted, planted

from strata.probes.linear import online_code_length
from strata.probes.linear.code_length import cut_points, reading_order

GRID = (10.0, 0.3, 0.01)


def _by_hand(items: Planted, stream: int, n_labels: int, seed: int) -> float:
    """Bits of one stream: scikit-learn, block by block."""
    order, n = reading_order(items.clusters, seed), len(items.labels)
    x, y = items.x[order, stream].double().numpy(), items.labels[order]
    shares = (0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.0625, 0.125, 0.25, 0.5)
    cuts = [c for c in sorted({round(s * n) for s in shares}) if c >= 2 * n_labels] + [n]
    bits = cuts[0] * np.log2(n_labels)
    so_far = dict.fromkeys(GRID, 0.0)
    for read, until in pairwise(cuts):
        use = max(GRID) if not any(so_far.values()) else min(GRID, key=lambda v: so_far[v])
        cost = {}
        for penalty in GRID:
            p = probabilities(x[:read], y[:read], x[read:until], n_labels, penalty)
            mixed = (read * p[np.arange(until - read), y[read:until]] + 1 / n_labels) / (read + 1)
            cost[penalty] = -np.log2(mixed).sum()
        bits += cost[use]
        so_far = {penalty: so_far[penalty] + cost[penalty] for penalty in GRID}
    return float(bits)


@pytest.mark.parametrize(("n_labels", "strength"), [(2, 0.5), (3, 1.0), (5, 0.3)])
def test_it_is_the_code_of_a_plain_loop(n_labels: int, strength: float) -> None:
    items = planted(n_clusters=40, n_labels=n_labels, strength=strength, seed=n_labels)
    ours = online_code_length(items.x, items.labels, items.clusters, GRID, seed=4)
    reference = [_by_hand(items, stream, n_labels, 4) for stream in range(2)]
    np.testing.assert_allclose(ours.bits, reference, rtol=1e-3)
    np.testing.assert_allclose(ours.compression, len(items.labels) * np.log2(n_labels) / np.array(reference), rtol=1e-3)


def test_noise_is_not_compressed_and_a_planted_label_is() -> None:
    items = planted(n_clusters=60, n_labels=2, strength=2.0, d_model=8)
    code = online_code_length(items.x, items.labels, items.clusters, (100.0, 1.0, 0.03), seed=0)
    assert code.compression[0] == pytest.approx(1, abs=0.06)
    assert code.compression[1] > 2


def test_constant_features_send_the_labels_at_about_their_entropy() -> None:
    items = planted(n_clusters=200, n_templates=1, n_labels=2, n_streams=1)
    labels = np.where(np.arange(200) % 10 == 0, 1, 0)
    code = online_code_length(torch.ones_like(items.x), labels, items.clusters, (1.0,), seed=1)
    entropy = -(0.1 * np.log2(0.1) + 0.9 * np.log2(0.9))
    assert entropy * 200 <= code.bits[0] < entropy * 200 + 20


def test_a_label_that_was_not_read_yet_costs_finitely_many_bits() -> None:
    items = planted(n_clusters=30, n_templates=1, n_labels=2, n_streams=1)
    order = reading_order(items.clusters, 0)
    labels = np.zeros(30, dtype=np.int64)
    labels[order[-1]] = 1
    code = online_code_length(items.x, labels, items.clusters, (1.0,), seed=0)
    assert np.isfinite(code.bits).all()
    half = code.cuts[-2]
    assert code.bits[0] > np.log2(2 * (half + 1))


def test_bits_do_not_depend_on_the_chunk_and_come_from_the_seed() -> None:
    items = planted(n_streams=4, strength=0.5)

    def bits(seed: int, chunk: int) -> np.ndarray:
        return online_code_length(items.x, items.labels, items.clusters, GRID, seed=seed, chunk=chunk).bits

    assert bits(0, 4).tobytes() == bits(0, 4).tobytes()
    np.testing.assert_allclose(bits(0, 1), bits(0, 4), rtol=1e-3)
    assert not np.allclose(bits(0, 4), bits(1, 4), rtol=1e-3)


@given(st.integers(2, 40), st.integers(1, 5), st.integers(0, 2**32 - 1))
def test_clusters_are_read_in_one_piece_and_every_item_once(n_clusters: int, size: int, seed: int) -> None:
    clusters = np.tile(np.arange(n_clusters), size)
    order = reading_order(clusters, seed)
    assert sorted(order.tolist()) == list(range(len(clusters)))
    read = clusters[order]
    assert 1 + int((read[1:] != read[:-1]).sum()) == n_clusters


@given(st.integers(1, 5000), st.integers(2, 20))
def test_cuts_grow_to_all_items_and_leave_out_those_below_two_items_a_label(n_items: int, n_labels: int) -> None:
    cuts = cut_points(n_items, n_labels)
    assert cuts[-1] == n_items and list(cuts) == sorted(set(cuts))
    assert all(c >= 2 * n_labels for c in cuts[:-1])


def test_cuts_of_a_thousand_items_are_the_published_shares() -> None:
    assert cut_points(1000, 2) == (4, 8, 16, 32, 62, 125, 250, 500, 1000)


def test_too_few_items_to_fit_cost_the_uniform_code() -> None:
    items = planted(n_clusters=6, n_templates=1, n_labels=3)
    code = online_code_length(items.x, items.labels, items.clusters, GRID, seed=0)
    np.testing.assert_allclose(code.bits, 6 * np.log2(3), rtol=1e-6)
    np.testing.assert_allclose(code.compression, 1, rtol=1e-6)
