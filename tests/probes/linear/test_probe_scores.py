"""Cross-validation in one call: a planted direction is found where it was planted, noise is not, and every control is itself."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from planted_items import planted

from strata.probes.errors import StrataError
from strata.probes.linear import LinearProbe, probe_streams
from strata.probes.linear.cross_validation import NO_CLUSTERS, PRECISION
from strata.probes.linear.labels import labels_of
from strata.probes.linear.penalties import DECADES
from strata.probes.linear.shuffled_baseline import accuracy_of, best_by_chance
from strata.probes.linear.shuffled_labels import shuffled_labels
from strata.probes.statistics.bootstrap import cluster_bootstrap, cluster_codes
from strata.probes.statistics.share import cluster_share


def test_a_planted_direction_is_found_at_the_planted_stream() -> None:
    items = planted(n_clusters=60, n_templates=1, n_labels=2, n_streams=5, d_model=16, strength=0, seed=1)
    x = items.x.clone()
    x[:, 3, 2] += 5 * torch.from_numpy(items.labels)
    scores = LinearProbe().cross_validate(x, items.labels, items.clusters)
    assert scores.best_stream == 3 and scores.accuracy[3].value > 0.9
    assert scores.p == pytest.approx(1 / 20)
    assert scores.accuracy[3].low is not None and scores.accuracy[3].low > max(
        scores.majority, scores.shuffled.mean(0)[3]
    )
    assert all(abs(scores.accuracy[stream].value - 0.5) < 0.3 for stream in (0, 1, 2, 4))


def test_labels_of_pure_noise_come_out_as_such() -> None:
    p_values = []
    for seed in range(12):
        rng = np.random.default_rng(100 + seed)
        x, labels = rng.normal(size=(40, 6, 12)), rng.integers(0, 2, 40)
        scores = LinearProbe((1.0,), folds=4).cross_validate(x, labels, shuffles=9, draws=200)
        assert scores.p is not None
        p_values.append(scores.p)
    # The best of six streams is well above ½ in most of them; a null that takes the maximum isn't fooled.
    assert np.mean(p_values) > 0.3 and np.mean(np.array(p_values) <= 0.1) <= 0.35


def test_accuracies_are_those_of_the_one_probe_of_the_package() -> None:
    items = planted(n_labels=3, seed=4)
    scores = LinearProbe(seed=2).cross_validate(items.x, items.labels, items.clusters, shuffles=0)
    direct = probe_streams(
        items.x, items.labels.tolist(), items.clusters.tolist(), items.templates.tolist(), seed=2, penalties=DECADES, precision=PRECISION
    )  # fmt: skip
    np.testing.assert_array_equal(scores.correct, direct.correct)
    expected = cluster_bootstrap(direct.correct.astype(float), items.clusters.tolist(), seed=0)
    assert [estimate.value for estimate in scores.accuracy] == [estimate.value for estimate in expected]
    assert scores.p is None and scores.majority == np.bincount(scores.truth).max() / len(scores.truth)


def test_selectivity_tells_memory_from_a_property() -> None:
    # The streams name the cluster and nothing else: held-out templates can be told, but any other labels of clusters too.
    items = planted(n_clusters=12, n_templates=3, n_labels=2, strength=0, identity=3, d_model=24, seed=5)
    scores = LinearProbe().cross_validate(items.x, items.labels, items.clusters, items.templates, shuffles=0)
    assert scores.template is not None
    assert scores.template.accuracy[1].value > 0.9 and abs(scores.template.selectivity[1].value) < 0.15
    assert scores.accuracy[1].value < 0.8  # clusters held out: nothing to remember
    for difference, accuracy, control in zip(
        scores.template.selectivity, scores.template.accuracy, scores.template.control, strict=True
    ):
        assert difference.value == pytest.approx(accuracy.value - control.value)


def test_a_control_task_that_cannot_be_made_is_missing_with_its_reason() -> None:
    items = planted(seed=6)
    alone = LinearProbe().cross_validate(items.x, items.labels, None, items.templates, shuffles=0)
    assert alone.template is None and any(
        "No control task: no cluster is asked in two templates" in note for note in alone.notes
    )
    assert NO_CLUSTERS in alone.notes
    one_template = LinearProbe().cross_validate(
        items.x, items.labels, items.clusters, ["a"] * len(items.labels), shuffles=0
    )
    assert (
        one_template.template is None
        and any("one template" in note for note in one_template.notes)
        and NO_CLUSTERS not in one_template.notes
    )


def test_random_weights_are_probed_on_the_same_folds() -> None:
    items = planted(seed=7)
    other = torch.randn(items.x.shape, generator=torch.Generator().manual_seed(0))
    scores = LinearProbe().cross_validate(items.x, items.labels, items.clusters, random_init=other, shuffles=0)
    alone = LinearProbe().cross_validate(other, items.labels, items.clusters, shuffles=0)
    assert scores.random_init is not None
    assert [estimate.value for estimate in scores.random_init] == [estimate.value for estimate in alone.accuracy]
    np.testing.assert_array_equal(scores.fold, alone.fold)
    with pytest.raises(StrataError, match="random_init has"):
        LinearProbe().cross_validate(items.x, items.labels, random_init=other[:, :1])


def test_shuffles_are_probed_as_the_true_labels_are_and_a_longer_null_begins_with_the_same_ones() -> None:
    items = planted(n_clusters=24, n_templates=2, n_labels=2, n_streams=2, seed=8)
    scores = LinearProbe().cross_validate(items.x, items.labels, items.clusters, shuffles=3)
    more = LinearProbe().cross_validate(items.x, items.labels, items.clusters, shuffles=5)
    assert scores.shuffled.shape == (3, 2)
    np.testing.assert_array_equal(more.shuffled[:3], scores.shuffled)
    np.testing.assert_array_equal(scores.best_by_chance, scores.shuffled.max(1))
    # A shuffle of labels that streams don't know is a draw around chance, whatever is planted for the true ones.
    assert scores.accuracy[1].value > 0.8 and scores.shuffled.mean() < 0.7
    # The true labels are one labelling among the shuffles: probed alone they come out the same.
    _, truth = np.unique(items.labels, return_inverse=True)
    others = np.stack([truth, shuffled_labels(truth, items.clusters, 1)])
    together = accuracy_of(items.x, others, items.clusters, DECADES, n_folds=4, seed=0)
    np.testing.assert_array_equal(
        together[:1], accuracy_of(items.x, others[:1], items.clusters, DECADES, n_folds=4, seed=0)
    )


@given(st.integers(0, 10_000), st.booleans())
def test_shuffling_keeps_clusters_together_and_labels_about_as_frequent(seed: int, pure: bool) -> None:
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 4, 30)
    clusters = np.repeat(np.arange(30), sizes)
    labels = rng.integers(0, 3, 30)[clusters] if pure else rng.integers(0, 3, len(clusters))
    shuffled = shuffled_labels(labels, clusters, seed)
    if pure and (sizes == 1).sum() >= 8 and (sizes == 2).sum() >= 8 and (sizes == 3).sum() >= 8:
        assert np.bincount(shuffled, minlength=3).tolist() == np.bincount(labels, minlength=3).tolist()
    if pure:
        assert all(len(set(shuffled[clusters == c])) == 1 for c in range(30))
        firsts = np.array([np.flatnonzero(clusters == c)[0] for c in range(30)])
        assert sorted(shuffled[firsts]) == sorted(labels[firsts])
    else:

        def groups(values: np.ndarray) -> list[list[int]]:
            return sorted(sorted(values[clusters == c].tolist()) for c in range(30))

        assert groups(shuffled) == groups(labels)


def test_shuffles_keep_about_the_items_of_a_label_where_labels_go_with_sizes() -> None:
    moved = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        of_cluster = rng.permutation([0] * 10 + [1] * 6)
        sizes = np.where(of_cluster == 1, rng.integers(3, 7, 16), rng.integers(1, 4, 16))
        clusters, labels = np.repeat(np.arange(16), sizes), np.repeat(of_cluster, sizes)
        shuffles = [shuffled_labels(labels, clusters, seed + number) for number in range(5)]
        moved += [abs(int(shuffled.sum()) - int(labels.sum())) for shuffled in shuffles]
    assert np.mean(moved) < 2  # of about 47 items


def test_a_null_that_can_only_deal_the_true_labels_says_so() -> None:
    labels, clusters = np.repeat([0, 1], [20, 80]), np.repeat(np.arange(40), [1] * 20 + [4] * 20)
    x = np.random.default_rng(0).normal(size=(100, 2, 4))
    scores = LinearProbe((1.0,)).cross_validate(x, labels, clusters, shuffles=3, draws=100)
    assert scores.p == 1 and any("3 of the 3 shuffles leave the labels as they are" in note for note in scores.notes)


def test_clusters_and_templates_are_what_they_say_in_every_library() -> None:
    items = planted(seed=12, n_labels=2)
    expected = None
    for given_as in (list, np.array, torch.tensor, pd.Series):
        x_clusters, x_templates = given_as(items.clusters.tolist()), given_as(items.templates.tolist())
        scores = LinearProbe((1.0,)).cross_validate(
            items.x, items.labels, x_clusters, x_templates, shuffles=2, draws=100
        )
        fitted = LinearProbe((1.0, 0.1)).fit(items.x, items.labels, x_clusters)
        assert scores.accuracy[0].n_clusters == 24 and scores.template is not None
        numbers = [scores.to_pandas().to_numpy(), scores.fold, fitted.penalty_, cluster_codes(x_clusters)]
        if expected is not None:
            for one, other in zip(numbers, expected, strict=True):
                np.testing.assert_array_equal(one, other)
        expected = numbers


def test_an_item_without_a_cluster_is_its_own_and_one_that_cannot_be_compared_is_refused() -> None:
    items = planted(n_templates=1, n_labels=2, seed=13)
    for missing in (None, float("nan"), pd.NA):
        some: list[Any] = ["a", "a", "b", "b", *[missing] * 20]
        scores = LinearProbe((1.0,)).cross_validate(items.x, items.labels, some, shuffles=0, draws=100)
        assert scores.accuracy[0].n_clusters == 22 and scores.fold[0] == scores.fold[1]
    for unusable, kind in (([[1]] * 24, "list"), (torch.zeros(24, 1), "Tensor")):
        with pytest.raises(StrataError, match=f"The cluster of item 0 is a {kind}"):
            LinearProbe().cross_validate(items.x, items.labels, unusable)
        with pytest.raises(StrataError, match=f"The cluster of item 0 is a {kind}"):
            LinearProbe().fit(items.x, items.labels, unusable)
    worded: list[Any] = ["t", None] * 12
    with_gaps = LinearProbe((1.0,)).cross_validate(items.x, items.labels, None, worded, shuffles=0, draws=100)
    assert with_gaps.template is None and any("12 items have no template" in note for note in with_gaps.notes)


def test_texts_that_are_the_same_stay_on_one_side_of_a_fold() -> None:
    rng = np.random.default_rng(0)
    text = np.repeat(np.arange(15), 2)
    given_x: Any = SimpleNamespace(streams=torch.randn(30, 2, 4), token_ids=[(1, int(code)) for code in text])
    scores = LinearProbe((1.0,)).cross_validate(given_x, rng.permutation(15)[text] % 2, shuffles=0, draws=100)
    assert scores.accuracy[0].n_clusters == 15
    assert all(len(set(scores.fold[text == code])) == 1 for code in range(15))
    assert any("30 items with the tokens of another" in note for note in scores.notes)
    apart: Any = SimpleNamespace(streams=given_x.streams, token_ids=[(number,) for number in range(30)])
    assert NO_CLUSTERS in LinearProbe((1.0,)).cross_validate(apart, text % 2, shuffles=0, draws=100).notes


def test_the_embedding_is_claimed_only_where_the_first_stream_is_said_to_be_it() -> None:
    items = planted(n_labels=2, seed=14)
    claimed = {}
    for name, given_x in {
        "array": items.x, "streams 0, 1": SimpleNamespace(streams=items.x, numbers=(0, 1)),
        "streams 3, 4": SimpleNamespace(streams=items.x, numbers=(3, 4)),
    }.items():  # fmt: skip
        as_given: Any = given_x
        scores = LinearProbe((1.0,)).cross_validate(as_given, items.labels, items.clusters, shuffles=0, draws=100)
        claimed[name] = scores.embedding == scores.accuracy[0]
        assert ("embedding" in repr(scores)) == claimed[name]
    assert claimed == {"array": False, "streams 0, 1": True, "streams 3, 4": False}


def test_p_counts_shuffles_whose_best_stream_is_as_far_above_its_majority() -> None:
    shuffled = np.array([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7]])
    assert best_by_chance(np.array([0.5, 0.8]), 0.5, shuffled, np.full(3, 0.5)) == pytest.approx(3 / 4)
    assert best_by_chance(np.array([0.5, 0.8]), 0.5, shuffled, np.array([0.8, 0.8, 0.3])) == pytest.approx(2 / 4)


def test_an_interval_of_a_perfect_stream_has_a_width() -> None:
    x = np.zeros((40, 2, 3))
    labels = np.arange(40) % 2
    x[:, 1, 0] = 2 * labels - 1 + 0.01 * np.random.default_rng(0).normal(size=40)
    scores = LinearProbe().cross_validate(x, labels, shuffles=0)
    expected = cluster_share([1.0] * 40, range(40))
    assert scores.accuracy[1] == expected and expected.low is not None and 0.9 < expected.low < 1


def test_few_clusters_give_points_and_say_so() -> None:
    items = planted(n_clusters=6, n_templates=4, n_labels=2, seed=9)
    scores = LinearProbe().cross_validate(items.x, items.labels, items.clusters, shuffles=0)
    assert scores.accuracy[0].low is None and any("fewer than 8" in note for note in scores.notes)


def test_what_is_excluded_is_counted_and_items_keep_their_places() -> None:
    items = planted(n_labels=2, seed=10)
    labels: list[Any] = [
        None if item in (0, 5) else "rare" if item == 7 else str(code) for item, code in enumerate(items.labels)
    ]
    scores = LinearProbe().cross_validate(items.x, labels, items.clusters, shuffles=0)
    assert dict(scores.excluded) == {"no label": 2, "label found in one group only": 1}
    assert not {0, 5, 7} & set(scores.kept.tolist()) and scores.classes == ("0", "1")
    assert [scores.classes[code] for code in scores.truth] == [labels[item] for item in scores.kept]
    assert scores.confusion(1).sum() == len(scores.kept)
    assert np.trace(scores.confusion(1)) == scores.correct[:, 1].sum()


def test_more_than_ten_classes_keep_their_order() -> None:
    rng = np.random.default_rng(0)
    labels = np.arange(120) % 12
    scores = LinearProbe((1.0,)).cross_validate(rng.normal(size=(120, 1, 4)), labels, shuffles=0)
    assert scores.classes == tuple(range(12)) and scores.truth.tolist() == labels.tolist()
    assert scores.embedding is None


def test_the_frame_and_the_page_hold_every_stream_and_escape_labels() -> None:
    items = planted(n_labels=2, seed=11)
    labels = ["<b>one</b>" if code else "two" for code in items.labels]
    scores = LinearProbe().cross_validate(items.x, labels, items.clusters, items.templates, shuffles=2)
    frame = scores.to_pandas()
    assert isinstance(frame, pd.DataFrame) and frame["stream"].tolist() == [0, 1]
    assert frame["accuracy"].tolist() == [estimate.value for estimate in scores.accuracy]
    assert {"majority", "embedding", "shuffled", "selectivity", "low", "high"} <= set(frame.columns)
    shown = scores._repr_html_()
    assert shown.count("<tr>") == 3 and "<b>one" not in shown
    assert "accuracy" in repr(scores) and len(repr(scores)) < 400


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_items": 3}, "5 folds need at least 5 items with a label, and there are 3"),
        ({"clusters": [0, 0, 1, 1] * 10}, "5 folds need at least 5 clusters, and the items to probe have 2"),
        (
            {"clusters": list(range(2)) * 20, "labels": [0, 1] * 20},
            "Only 0 of the 2 labels is found in two or more clusters",
        ),
        ({"clusters": [0, 1]}, "40 items and 2 clusters"),
        ({"labels": ["a"] * 40}, "All 40 labels are 'a'"),
        ({"labels": np.random.default_rng(0).normal(size=40)}, "continuous target"),
    ],
)
def test_what_cannot_be_probed_is_refused_in_one_sentence(changes: dict[str, Any], message: str) -> None:
    n_items = changes.get("n_items", 40)
    x = np.random.default_rng(0).normal(size=(n_items, 2, 4))
    labels = changes.get("labels", np.arange(n_items) % 2)
    with pytest.raises(StrataError, match=message) as caught:
        LinearProbe().cross_validate(x, labels, changes.get("clusters"))
    assert caught.value.remedy


@pytest.mark.parametrize(("changes", "message"), [({"shuffles": -1}, "shuffles is -1"), ({"draws": 0}, "draws is 0")])
def test_numbers_of_draws_that_make_no_sense_are_refused(changes: dict[str, int], message: str) -> None:
    items = planted(n_labels=2)
    with pytest.raises(StrataError, match=message) as caught:
        LinearProbe((1.0,)).cross_validate(items.x, items.labels, **changes)
    assert caught.value.remedy


def test_the_sentence_says_what_its_interval_and_p_are_of() -> None:
    items = planted(n_labels=2, seed=15)
    scores = LinearProbe((1.0,)).cross_validate(items.x, items.labels, items.clusters, shuffles=2, draws=100)
    assert "interval of that stream alone; only p accounts for choosing it" in repr(scores) and "p = " in repr(scores)
    without = LinearProbe((1.0,)).cross_validate(items.x[:, 1], items.labels, items.clusters, shuffles=0, draws=100)
    assert "no p (shuffles = 0)" in repr(without) and "alone" not in repr(without)
    with pytest.raises(StrataError, match="Stream 99 was not probed") as caught:
        scores.confusion(99)
    assert "0, 1" in caught.value.remedy


def test_few_distinct_numbers_are_classes() -> None:
    assert labels_of([0.5, 1.5] * 10, 20).classes == (0.5, 1.5)
    assert labels_of(torch.tensor([3, 1] * 10), 20).classes == (1, 3)
    assert labels_of(pd.Series(["b", None, "a"] * 4), 12).excluded == {"no label": 4}


def test_the_majority_of_balanced_labels_is_their_share_whatever_the_folds() -> None:
    features = np.random.default_rng(0).normal(size=(24, 2, 4)).astype(np.float32)
    scores = LinearProbe(0.1).cross_validate(features, [item % 2 for item in range(24)], shuffles=0)
    assert scores.majority == 0.5


def test_accuracy_rises_above_its_controls_at_the_planted_stream_and_nowhere_in_noise() -> None:
    rng = np.random.default_rng(0)
    labels = np.arange(60) % 2
    features = rng.normal(size=(60, 6, 8)).astype(np.float32)
    noise = LinearProbe(0.1).cross_validate(features, labels, shuffles=0)
    features[:, 2:, 0] += 6.0 * labels[:, None]
    planted = LinearProbe(0.1).cross_validate(features, labels, shuffles=0)
    assert planted.onset(draws=500).stream == 2 and noise.onset(draws=500).stream is None
    assert set(planted.controls) == {"majority"}, "an array's first stream is not known to be the embedding"
