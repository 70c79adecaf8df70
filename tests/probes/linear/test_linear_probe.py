"""`LinearProbe`: scikit-learn's optimum in the units of the activations, labels of any type, files that come back the same."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from plain_sklearn import standardise
from sklearn.linear_model import LogisticRegression

import strata
from strata.probes.errors import DamagedError, StrataError
from strata.probes.linear import LinearProbe


def activations(n_labels: int, *, n_items: int = 90, n_streams: int = 3, d_model: int = 20, seed: int = 0) -> Any:
    """Streams of unequal scale with an outlier dimension far from 0 and a constant one, as real ones have."""
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(n_items) % n_labels)
    x = rng.normal(size=(n_items, n_streams, d_model)) * rng.uniform(0.1, 5, size=d_model)
    x += rng.normal(size=(n_labels, n_streams, d_model))[labels]
    x[:, :, 3] += 800
    x[:, :, 4] = 7.5
    return x.astype(np.float32), labels


def reference(x: np.ndarray, y: np.ndarray, penalty: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weights and offsets in the units of `x`, one row a label with mean 0 over labels, and probabilities."""
    x = x.astype(np.float64)
    z, _ = standardise(x, x)
    n_labels = len(np.unique(y))
    model = LogisticRegression(C=(2 if n_labels == 2 else 1) / (len(y) * penalty), tol=1e-10, max_iter=20_000).fit(z, y)
    w, b = (np.stack([-v / 2, v / 2])[:, 0] if n_labels == 2 else v for v in (model.coef_, model.intercept_))
    spread = x.std(0)
    spread[x.max(0) == x.min(0)] = 1
    w = w / spread
    return w - w.mean(0), b - w @ x.mean(0), model.predict_proba(z)


@pytest.mark.parametrize("n_labels", [2, 4])
@pytest.mark.parametrize("penalty", [10.0, 0.1, 0.003])
def test_every_stream_is_scikit_learns_optimum_in_the_units_of_the_activations(n_labels: int, penalty: float) -> None:
    x, y = activations(n_labels)
    probe = LinearProbe(penalty).fit(x, y)
    assert probe.coef_.shape == (3, n_labels, 20) and probe.intercept_.shape == (3, n_labels)
    p = probe.predict_proba(x)
    for stream in range(3):
        coef, intercept, expected = reference(x[:, stream], y, penalty)
        np.testing.assert_allclose(p[:, stream], expected, atol=1e-4)
        np.testing.assert_allclose(probe.coef_[stream], coef, atol=1e-4 * np.abs(coef).max())
        ours = probe.intercept_[stream].numpy()
        # Offsets share a gauge with nothing: only their differences are read.
        np.testing.assert_allclose(
            ours - ours.mean(), intercept - intercept.mean(), atol=1e-3 * (1 + np.abs(intercept).max())
        )
        assert float(probe.coef_[stream].mean(0).abs().max()) < 1e-6


@pytest.mark.parametrize("n_labels", [2, 3])
def test_activations_times_coefficients_are_the_logits(n_labels: int) -> None:
    x, y = activations(n_labels)
    probe = LinearProbe(0.1).fit(torch.from_numpy(x), y)
    for stream in range(3):
        logits = torch.from_numpy(x[:, stream]) @ probe.coef_[stream].T + probe.intercept_[stream]
        np.testing.assert_allclose(torch.softmax(logits, 1), probe.predict_proba(x)[:, stream], atol=1e-4)


def test_one_stream_without_its_axis_is_the_same_fit(tmp_path: Path) -> None:
    x, y = activations(3)
    flat, whole = LinearProbe(0.1).fit(x[:, 1], y), LinearProbe(0.1).fit(x, y)
    torch.testing.assert_close(flat.coef_[0], whole.coef_[1], rtol=1e-5, atol=1e-7)
    assert flat.predict(x[:, 1]).shape == (90,) and flat.predict_proba(x[:, 1]).shape == (90, 3)
    assert whole.predict(x).shape == (90, 3) and whole.score(x, y).shape == (3,)
    assert flat.score(x[:, 1], y) == pytest.approx(whole.score(x, y)[1])


def test_captured_activations_are_read_through_their_streams() -> None:
    x, y = activations(2)
    captured: Any = SimpleNamespace(streams=torch.from_numpy(x), model={"weights": "abc"})
    probe = LinearProbe(0.1).fit(captured, y)
    torch.testing.assert_close(probe.coef_, LinearProbe(0.1).fit(x, y).coef_)
    assert probe.model_ == {"weights": "abc"}


@pytest.mark.parametrize(
    "names",
    [["cat", "dog"], [False, True], [3, -7], [0.5, 1.5], [("a", 1), ("b", 2)], [" Paris", "naïve"]],
)
def test_labels_of_any_type_come_back_as_they_were(names: list[Any], tmp_path: Path) -> None:
    x, y = activations(2)
    labels = [names[code] for code in y]
    probe = LinearProbe(0.01).fit(x, labels)
    assert set(probe.classes_) == set(names)
    predicted = probe.predict(x)[:, 0].tolist()
    assert (
        np.mean([prediction == label for prediction, label in zip(predicted, labels, strict=True)])
        == probe.score(x, labels)[0]
    )
    again = LinearProbe.load(probe.save(tmp_path / "probe.safetensors"))
    assert again.classes_ == probe.classes_ and again.predict(x)[:, 0].tolist() == predicted


def test_labels_of_mixed_types_are_told_apart() -> None:
    x, y = activations(3)
    labels: list[Any] = [(1, "1", "one")[code] for code in y]
    probe = LinearProbe(0.01).fit(x, labels)
    assert len(probe.classes_) == 3 and {type(prediction) for prediction in probe.predict(x)[:, 0]} == {int, str}


def test_a_saved_probe_predicts_the_same_to_the_last_bit(tmp_path: Path) -> None:
    x, y = activations(3)
    captured: Any = SimpleNamespace(streams=torch.from_numpy(x), model={"weights": "abc"})
    probe = LinearProbe(seed=3).fit(captured, y)
    again = LinearProbe.load(probe.save(tmp_path / "deep" / "probe.safetensors"))
    np.testing.assert_array_equal(again.predict_proba(x), probe.predict_proba(x))
    np.testing.assert_array_equal(again.penalty_, probe.penalty_)
    assert again.model_ == {"weights": "abc"} and again.classes_ == probe.classes_


@pytest.mark.parametrize(
    "penalty", [None, 0.1, (0.5, 0.01), np.array([0.1, 1]), torch.tensor([0.25, 1]), np.float32(0.5)]
)
def test_a_loaded_probe_is_fitted_again_as_it_was(penalty: Any, tmp_path: Path) -> None:
    x, y = activations(2)
    probe = LinearProbe(penalty, seed=3, folds=3).fit(x, y)
    again = LinearProbe.load(probe.save(tmp_path / "probe.safetensors"))
    assert (again.seed, again.folds) == (3, 3) and (again.penalty is None) == (penalty is None)
    if penalty is not None:
        np.testing.assert_array_equal(np.asarray(again.penalty), np.asarray(penalty))
    np.testing.assert_array_equal(again.fit(x, y).penalty_, probe.penalty_)
    torch.testing.assert_close(again.coef_, probe.coef_, rtol=0, atol=0)


def test_what_cannot_be_fitted_is_refused_for_its_own_reason() -> None:
    x, y = activations(2)
    with pytest.raises(StrataError, match="folds is 1"):
        LinearProbe(folds=1).fit(x, y)
    assert LinearProbe(0.1, folds=1).fit(x, y).penalty_.tolist() == [0.1] * 3
    for penalty in (np.array([[0.1]]), np.array([]), "much", [0.1, None]):
        with pytest.raises(StrataError, match="penalty is"):
            LinearProbe(penalty)
    lacking, overflown = x.copy(), x.copy()
    lacking[5], overflown[5, 1:] = np.nan, np.nan
    for given, remedy in ((lacking, "lack the position"), (overflown, "Capture in float32")):
        with pytest.raises(StrataError, match="item 5 at stream") as caught:
            LinearProbe(0.1).fit(given, y)
        assert remedy in caught.value.remedy


def test_a_damaged_or_foreign_file_is_refused(tmp_path: Path) -> None:
    x, y = activations(2)
    file = LinearProbe(1.0).fit(x, y).save(tmp_path / "probe.safetensors")
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(DamagedError):
        LinearProbe.load(file)
    from safetensors.torch import save_file

    save_file({"a": torch.zeros(1)}, file)
    with pytest.raises(StrataError, match="holds no linear probe"):
        LinearProbe.load(file)
    with pytest.raises(StrataError, match="There is no file"):
        LinearProbe.load(tmp_path / "nowhere")


def test_the_penalty_of_each_stream_is_chosen_by_held_out_items() -> None:
    rng = np.random.default_rng(0)
    y = np.arange(80) % 2
    x = rng.normal(size=(80, 2, 40))
    x[:, 1, 0] += 3 * y
    probe = LinearProbe().fit(x, y)
    assert probe.penalty_[0] > probe.penalty_[1]  # noise is shrunk, a clear direction is not
    assert LinearProbe((5.0,)).fit(x, y).penalty_.tolist() == [5.0, 5.0]


def test_a_cluster_is_never_parted_when_the_penalty_is_chosen() -> None:
    # Every cluster has a direction and a label of its own: only a probe that is tested on other clusters sees that nothing is learnt.
    rng = np.random.default_rng(1)
    cluster = np.repeat(np.arange(16), 6)
    y = rng.permutation(np.arange(16) % 2)[cluster]
    x = (rng.normal(size=(16, 60))[cluster] + 0.05 * rng.normal(size=(96, 60)))[:, None]
    assert LinearProbe().fit(x, y, cluster).penalty_[0] > LinearProbe().fit(x, y).penalty_[0]


def test_items_without_a_label_are_excluded_and_counted() -> None:
    x, y = activations(2)
    labels: list[Any] = [None if item < 5 else float("nan") if item < 8 else str(code) for item, code in enumerate(y)]
    probe = LinearProbe(0.1).fit(x, labels)
    assert probe.excluded_ == {"no label": 8}
    torch.testing.assert_close(probe.coef_, LinearProbe(0.1).fit(x[8:], y[8:]).coef_)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (["a"] * 90, "All 90 labels are 'a'"),
        ([None] * 90, "None of the 90 items has a label"),
        ([f"name {i}" for i in range(90)], "All 90 labels are different"),
        (np.linspace(0, 1, 90), "a continuous target"),
        (list(range(90)), "a continuous target"),
        ([[1]] * 90, "The label of item 0 is a list"),
        (["a", "b"], "90 items and 2 labels"),
    ],
)
def test_labels_that_name_no_classes_are_refused_in_one_sentence(labels: Any, message: str) -> None:
    x, _ = activations(2)
    with pytest.raises(StrataError, match=message) as caught:
        LinearProbe().fit(x, labels)
    assert caught.value.remedy


def test_activations_that_cannot_be_read_are_refused() -> None:
    x, y = activations(2)
    broken = x.copy()
    broken[4, 1, 0] = np.inf
    for given, message in (
        (broken, "item 4 at stream 1"),
        (x[0, 0], "1 axes"),
        (x[:0], "hold nothing"),
        (np.array([["a"]]), "numbers"),
    ):
        with pytest.raises(StrataError, match=message):
            LinearProbe().fit(given, y)
    with pytest.raises(StrataError, match="has not been fitted"):
        LinearProbe().predict(x)
    with pytest.raises(StrataError, match="3 streams of width 20"):
        LinearProbe(1.0).fit(x[:, :2], y).predict(x)
    with pytest.raises(StrataError, match="penalty is"):
        LinearProbe(-1.0)


def test_it_is_handed_on_by_the_package() -> None:
    assert strata.LinearProbe is LinearProbe


def test_streams_keep_the_numbers_that_the_model_gives_them(tmp_path: Path, tiny_models: Any) -> None:
    checkpoint = tiny_models("llama")
    letters = "abcdefghijkl"
    captured = strata.capture(checkpoint, [f"{letter} is in" for letter in letters], sites=["streams"], layers=[1, 3])
    labels = [letter in "aeigkc" for letter in letters]
    scores = LinearProbe((1.0,), folds=3).cross_validate(captured, labels, shuffles=0)
    assert scores.streams == (1, 3) and scores.best_stream in (1, 3) and scores.embedding is None
    assert [row["stream"] for row in scores.rows()] == [1, 3]
    assert scores.confusion(3).sum() == 12
    probe = LinearProbe.load(LinearProbe((1.0,)).fit(captured, labels).save(tmp_path / "probe.safetensors"))
    assert probe.streams_ == (1, 3) and probe.model_["weights_sha256"] == captured.model.weights_sha256
    whole = strata.capture(checkpoint, [f"{letter} is in" for letter in letters], layers=[0, 3])
    with pytest.raises(StrataError, match="fitted on streams 1, 3, these are 0, 3"):
        probe.predict(whole)


@pytest.mark.parametrize("n_items", [30, 60, 130])
@pytest.mark.parametrize("strength", [0.0, 1.0, 6.0])
def test_a_weak_penalty_by_itself_is_solved_as_well(n_items: int, strength: float) -> None:
    """Separable labels, more items than dimensions: started at the weak penalty the fit would run away."""
    rng = np.random.default_rng(n_items)
    y = np.arange(n_items) % 2
    x = rng.normal(size=(n_items, 4, 32))
    x[:, :, 0] += strength * y[:, None]
    probe = LinearProbe(0.003).fit(x, y)
    for stream in range(4):
        np.testing.assert_allclose(probe.predict_proba(x)[:, stream], reference(x[:, stream], y, 0.003)[2], atol=1e-4)
