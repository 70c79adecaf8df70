"""What a probed target reports: held-out numbers that don't depend on batches, leaks or the test fold."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from planted_items import Planted, planted

from strata.probes.errors import StrataError
from strata.probes.linear import ProbeResult, Scheme, control_labels, probe_streams

GRID = (10.0, 1.0, 0.1, 0.01)


def _probe(items: Planted, **options: object) -> ProbeResult:
    given = {"penalties": GRID, "n_folds": 4} | options
    return probe_streams(items.x, items.labels.tolist(), items.clusters, items.templates, **given)


@pytest.mark.parametrize("scheme", ["cluster", "template", "random"])
def test_the_planted_stream_is_decoded_and_noise_is_not(scheme: Scheme) -> None:
    result = _probe(planted(n_streams=3, first=2), scheme=scheme)
    accuracy = result.correct.mean(0)
    assert accuracy[2] > 0.9
    assert (accuracy[:2] < 0.55).all()
    assert result.log_likelihood[:, 2].mean() > np.log(1 / 3) + 0.3


@pytest.mark.parametrize("scheme", ["cluster", "template", "random"])
def test_results_do_not_depend_on_how_many_streams_are_solved_together(scheme: Scheme) -> None:
    items = planted(n_streams=5, strength=0.5)
    one_at_a_time, all_at_once = _probe(items, scheme=scheme, chunk=1), _probe(items, scheme=scheme, chunk=5)
    assert np.array_equal(one_at_a_time.predicted, all_at_once.predicted)
    assert one_at_a_time.penalty is not None and all_at_once.penalty is not None
    assert np.array_equal(one_at_a_time.penalty, all_at_once.penalty)
    np.testing.assert_allclose(one_at_a_time.log_likelihood, all_at_once.log_likelihood, atol=1e-3)


def test_a_stream_is_probed_alike_alone_and_among_others() -> None:
    items = planted(n_streams=4, strength=0.5)
    among = _probe(items)
    alone = probe_streams(
        items.x[:, 2:3], items.labels.tolist(), items.clusters, items.templates, penalties=GRID, n_folds=4
    )
    assert np.array_equal(alone.predicted[:, 0], among.predicted[:, 2])


def test_the_seed_alone_decides_folds_and_numbers() -> None:
    items = planted(strength=0.6)
    first, again, other = _probe(items, seed=3), _probe(items, seed=3), _probe(items, seed=4)
    assert first.log_likelihood.tobytes() == again.log_likelihood.tobytes()
    assert first.predicted.tobytes() == again.predicted.tobytes()
    assert not np.array_equal(first.folds, other.folds)
    assert not np.array_equal(first.log_likelihood, other.log_likelihood)


@pytest.mark.parametrize("probe", ["linear", "mass_mean"])
def test_summaries_are_the_means_of_the_items(probe: str) -> None:
    items = planted(strength=0.6)
    result = _probe(items, scheme="template", probe=probe)
    assert result.control_correct is not None and result.control_accuracy is not None
    for fold in range(3):
        test = result.folds == fold
        assert result.n_test[fold] == test.sum() and result.n_train[fold] == (~test).sum()
        np.testing.assert_allclose(result.accuracy[:, fold], result.correct[test].mean(0))
        np.testing.assert_allclose(result.control_accuracy[:, fold], result.control_correct[test].mean(0))
        np.testing.assert_allclose(result.log_loss[:, fold], -result.log_likelihood[test].mean(0))
        most_frequent = np.bincount(result.truth[~test]).argmax()
        assert result.majority[fold] == (result.truth[test] == most_frequent).mean()
    assert np.array_equal(result.correct, result.predicted == result.truth[:, None])
    assert [result.labels[c] for c in result.truth] == [str(v) for v in items.labels]
    assert (result.penalty is None) == (probe == "mass_mean")


# -- the choice of the penalty -------------------------------------------------------------------------------------


def _mixed(seed: int = 0) -> tuple[torch.Tensor, np.ndarray, np.ndarray]:
    """Groups that hold all labels, so that labels can be exchanged within a group without another assignment of folds."""
    rng = np.random.default_rng(seed)
    groups = np.repeat(np.arange(12), 6)
    labels = np.tile(np.arange(3), 24)
    x = rng.normal(size=(72, 4, 10)) + 0.7 * rng.normal(size=(3, 4, 10))[labels]
    return torch.from_numpy(x).float(), labels, groups


def _of_groups(x: torch.Tensor, labels: np.ndarray, groups: np.ndarray) -> ProbeResult:
    return probe_streams(x, labels.tolist(), groups, groups, penalties=GRID, n_folds=4)


@pytest.mark.parametrize("fold", range(4))
def test_the_penalty_of_a_fold_never_sees_its_test_items(fold: int) -> None:
    x, labels, groups = _mixed()
    before = _of_groups(x, labels, groups)
    test = before.folds == fold
    rng = np.random.default_rng(9)
    spoiled_x, spoiled_labels = x.clone(), labels.copy()
    spoiled_x[torch.from_numpy(test)] = torch.from_numpy(rng.normal(size=(int(test.sum()), 4, 10)) * 50).float()
    for group in np.unique(groups[test]):
        spoiled_labels[groups == group] = np.roll(labels[groups == group], 1)
    after = _of_groups(spoiled_x, spoiled_labels, groups)
    assert np.array_equal(before.folds, after.folds)
    assert before.penalty is not None and after.penalty is not None
    assert np.array_equal(before.penalty[:, fold], after.penalty[:, fold])
    assert not np.array_equal(before.penalty, after.penalty)
    assert not np.allclose(before.log_likelihood[~test], after.log_likelihood[~test], atol=0.05)


def test_an_item_is_predicted_alike_whatever_its_fellow_test_items_are() -> None:
    x, labels, groups = _mixed()
    before = _of_groups(x, labels, groups)
    test = np.flatnonzero(before.folds == 2)
    spoiled, untouched = test[::2], test[1::2]
    x = x.clone()
    x[torch.from_numpy(spoiled)] *= -100
    after = _of_groups(x, labels, groups)
    assert np.array_equal(before.predicted[untouched], after.predicted[untouched])
    np.testing.assert_allclose(before.log_likelihood[untouched], after.log_likelihood[untouched], atol=1e-5)
    assert not np.allclose(before.log_likelihood[spoiled], after.log_likelihood[spoiled], atol=0.5)


def test_the_chosen_penalties_come_from_the_grid_and_are_strong_for_noise() -> None:
    items = planted(n_streams=2, first=1, strength=2.0)
    result = _probe(items)
    assert result.penalty is not None
    assert set(result.penalty.ravel().tolist()) <= set(GRID)
    assert result.penalty[0].min() > result.penalty[1].max()


def test_two_templates_still_choose_a_penalty_by_entities() -> None:
    result = _probe(planted(n_templates=2), scheme="template")
    assert len(result.n_test) == 2
    assert result.correct[:, 1].mean() > 0.9


# -- leakage and controls ------------------------------------------------------------------------------------------


def test_a_random_split_displays_the_leakage_that_clusters_prevent() -> None:
    items = planted(n_labels=2, strength=0.0, identity=3.0, d_model=40)
    leaked, honest = _probe(items, scheme="random"), _probe(items, scheme="cluster")
    assert leaked.correct.mean() > 0.85
    assert honest.correct.mean() < 0.65


def test_selectivity_is_accuracy_minus_control_accuracy_on_the_same_split() -> None:
    result = _probe(planted(strength=1.0), scheme="template")
    assert result.control_accuracy is not None and result.selectivity is not None
    np.testing.assert_array_equal(result.selectivity, result.accuracy - result.control_accuracy)


def test_memorised_types_have_no_selectivity_and_a_shared_direction_has() -> None:
    memorised = _probe(planted(strength=0.0, identity=3.0, d_model=40), scheme="template")
    shared = _probe(planted(strength=2.0, identity=0.0), scheme="template")
    assert memorised.selectivity is not None and shared.selectivity is not None
    assert memorised.accuracy.mean() > 0.95 and abs(memorised.selectivity.mean()) < 0.05
    assert shared.selectivity[1].mean() > 0.4


@pytest.mark.parametrize("scheme", ["cluster", "random"])
def test_there_is_no_control_where_types_are_held_out(scheme: Scheme) -> None:
    result = _probe(planted(), scheme=scheme)
    assert result.control_correct is None and result.control_accuracy is None and result.selectivity is None


def test_shuffled_labels_do_not_beat_the_majority() -> None:
    above = []
    for seed in range(30):
        items = planted(n_clusters=24, n_templates=2, n_labels=2, d_model=20, strength=2.0, first=0, seed=seed)
        y = control_labels(items.labels, items.clusters, seed + 500)
        result = probe_streams(
            items.x, y.tolist(), items.clusters, items.templates, penalties=(10.0, 0.1), n_folds=4, seed=seed
        )
        above.append(result.correct.mean() - 0.5)
    assert np.mean(above) - 2 * np.std(above) / np.sqrt(len(above)) <= 0


# -- what is excluded and what is refused --------------------------------------------------------------------------


def test_a_label_of_one_cluster_is_excluded_and_counted() -> None:
    items = planted()
    labels = items.labels.astype(str)
    labels[items.clusters == 5] = "alone"
    result = probe_streams(items.x, labels.tolist(), items.clusters, items.templates, penalties=GRID)
    assert "alone" not in result.labels
    assert dict(result.excluded) == {"label found in one group only": 3}
    assert result.kept.tolist() == [i for i in range(72) if items.clusters[i] != 5]
    assert len(result.truth) == len(result.folds) == len(result.predicted) == 69
    rest = torch.from_numpy(result.kept)
    without = probe_streams(
        items.x[rest], labels[result.kept].tolist(), items.clusters[result.kept], items.templates[result.kept],
        penalties=GRID,
    )  # fmt: skip
    assert np.array_equal(without.predicted, result.predicted) and not without.excluded


def test_one_label_is_refused() -> None:
    items = planted()
    with pytest.raises(StrataError, match=r"Only 1 label\(s\) occur in two or more groups") as error:
        probe_streams(items.x, ["yes"] * 72, items.clusters, items.templates)
    assert error.value.remedy


def test_labels_that_no_two_clusters_share_are_refused() -> None:
    items = planted()
    with pytest.raises(StrataError, match=r"Only 0 label\(s\)") as error:
        probe_streams(items.x, items.clusters.tolist(), items.clusters, items.templates)
    assert "fold scheme" in error.value.remedy


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_activations_that_are_not_finite_are_refused_by_item_and_stream(value: float) -> None:
    items = planted()
    items.x[7, 1, 3] = value
    with pytest.raises(StrataError, match="item 7 at stream 1 is not finite") as error:
        _probe(items)
    assert "float32" in error.value.remedy


def test_one_template_cannot_be_held_out() -> None:
    items = planted(n_templates=1)
    with pytest.raises(StrataError) as error:
        _probe(items, scheme="template")
    assert error.value.remedy
    assert "template" in str(error.value)


def test_fewer_clusters_than_folds_are_refused() -> None:
    with pytest.raises(StrataError, match="4 folds need at least 4 groups") as error:
        probe_streams(torch.randn(6, 1, 4), [0, 1] * 3, [0, 0, 1, 1, 2, 2], [0] * 6, n_folds=4)
    assert error.value.remedy


def test_unequal_lengths_are_refused() -> None:
    items = planted()
    with pytest.raises(StrataError, match="72 activations, 71 labels") as error:
        probe_streams(items.x, items.labels.tolist()[1:], items.clusters, items.templates)
    assert error.value.remedy


@pytest.mark.parametrize("penalties", [(), (0.0,), (1.0, -1.0)])
def test_a_penalty_that_is_not_positive_is_refused(penalties: tuple[float, ...]) -> None:
    with pytest.raises(StrataError, match="above 0") as error:
        _probe(planted(), penalties=penalties)
    assert error.value.remedy


@pytest.mark.parametrize("probe", ["linear", "mass_mean"])
def test_identical_activations_leave_the_shares_of_the_training_labels(probe: str) -> None:
    items = planted(n_labels=2)
    constant = Planted(torch.full_like(items.x, 3.7), items.labels, items.clusters, items.templates)
    result = _probe(constant, probe=probe)
    for fold in range(4):
        test = result.folds == fold
        share = np.bincount(result.truth[~test]) / (~test).sum()
        for stream in range(2):
            np.testing.assert_allclose(
                result.log_likelihood[test, stream], np.log(share[result.truth[test]]), atol=1e-3
            )
