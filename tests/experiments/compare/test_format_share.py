"""The share of a drop that format explains: what it must say of made-up drops, whatever their size."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from strata.experiments.compare.format_share import format_share
from strata.experiments.results.comparison import FormatShare
from strata.experiments.results.estimates import Estimated

DRAWS = 200
sizes = st.floats(0.05, 20.0)
seeds = st.integers(0, 10_000)


def drops(seed: int, items: int = 24) -> tuple[np.ndarray, list[str]]:
    """A clear drop of every item, two items a cluster."""
    return np.random.default_rng(seed).uniform(0.5, 1.5, items), [str(item // 2) for item in range(items)]


def of(drop: np.ndarray, at_best: np.ndarray, clusters: list[str]) -> FormatShare:
    return format_share(drop, at_best, clusters, draws=DRAWS, seed=0)


def shared(result: FormatShare) -> Estimated:
    assert result.share is not None and result.why is None
    assert result.share.low is not None and result.share.high is not None
    return result.share


def code(result: FormatShare) -> str:
    assert result.share is None and result.why is not None
    return result.why.code


@settings(max_examples=40, deadline=None)
@given(seed=seeds, left=st.floats(-0.5, 1.5))
def test_what_is_left_of_every_drop_is_what_format_does_not_explain(seed: int, left: float) -> None:
    drop, clusters = drops(seed)
    share = shared(of(drop, left * drop, clusters))
    assert np.allclose([share.value, share.low, share.high], 1 - left)


@settings(max_examples=40, deadline=None)
@given(seed=seeds, size=sizes)
def test_neither_units_nor_the_order_of_items_matter(seed: int, size: float) -> None:
    drop, clusters = drops(seed)
    at_best = drop * np.random.default_rng(seed + 1).uniform(0, 1, len(drop))
    share = shared(of(drop, at_best, clusters))
    assert np.allclose([share.value, share.low], [shared(of(size * drop, size * at_best, clusters)).value, share.low])
    # Clusters keep their order, items within them don't.
    order = np.arange(len(drop)).reshape(-1, 2)[:, ::-1].ravel()
    turned = shared(of(drop[order], at_best[order], clusters))
    assert np.allclose([share.value, share.low, share.high], [turned.value, turned.low, turned.high])
    assert share.low is not None and share.value is not None and share.high is not None
    assert share.low <= share.value <= share.high


@settings(max_examples=40, deadline=None)
@given(seed=seeds)
def test_without_a_sure_drop_nothing_is_shared_out(seed: int) -> None:
    drop, clusters = drops(seed)
    assert code(of(-drop, drop, clusters)) == "no-drop"
    assert code(of(np.zeros_like(drop), drop, clusters)) == "no-drop"
    noise = np.where(np.arange(len(drop)) % 4 < 2, drop, -drop)
    assert code(of(noise, drop, clusters)) == "no-drop"


def test_too_few_clusters_and_no_values_say_so() -> None:
    drop, clusters = drops(0, items=12)
    assert code(of(drop, drop, clusters)) == "too-few-clusters"
    drop, clusters = drops(0)
    assert code(of(np.full_like(drop, np.nan), drop, clusters)) == "not-measured"


def test_items_that_lack_a_value_count_in_neither_drop() -> None:
    drop, clusters = drops(0)
    holes = drop.copy()
    holes[:4] = np.nan
    assert shared(of(holes, drop / 4, clusters)) == shared(of(drop[4:], drop[4:] / 4, clusters[4:]))
