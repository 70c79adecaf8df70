"""The format check finds a difference in form that is there, none that isn't, and reports what it counts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import Ridge
from toy_encoders import PieceEncoder

from strata.experiments.items.alignment import encode_items
from strata.experiments.items.format_check import contrasts_from_format, format_report, kind_from_format
from strata.experiments.items.format_classifier import format_accuracy, ridge_scores
from strata.experiments.items.schema import Item, Kind

WORDS = ("river", "stone", "cloud", "grass", "flame", "smoke", "light", "night", "storm", "earth")
PLAIN = Item(id="0", kind="knowledge", family="f", domain="d", prompt="a b", answer=" x", foil=" y")


def scattered(n: int, seed: int, **fields: object) -> list[Item]:
    """Items whose prompts are random words and tell nothing; two to a cluster."""
    rng = np.random.default_rng(seed)
    return [
        replace(
            PLAIN,
            id=str(index),
            prompt=" ".join(rng.choice(WORDS, size=8)),
            cluster=str(index // 2),
            **fields,
        )
        for index in range(n)
    ]


def accuracy_of(items: list[Item], labels: list[str], seed: int = 0) -> tuple[float, bool]:
    encoder = PieceEncoder()
    encoded, _ = encode_items(items, encoder)
    result = format_accuracy(encoded, labels, encoder, seed=seed)
    assert result.low <= result.accuracy <= result.high
    return result.accuracy, result.contains_chance


@pytest.mark.parametrize("change", ["length", "word", "answer", "choices", "source"])
def test_a_planted_difference_in_form_is_found(change: str) -> None:
    items = scattered(120, seed=0)
    labels = ["one" if index % 2 else "two" for index in range(len(items))]
    planted: dict[str, dict[str, object]] = {
        "length": {},
        "word": {},
        "answer": {"answer": " 7", "foil": " 5"},
        "choices": {"choices": (" x", " y", " z")},
        "source": {"source": "elsewhere"},
    }
    for index, item in enumerate(items):
        if labels[index] == "one":
            prompt = {"length": f"{item.prompt} river stone", "word": f"{item.prompt[:-5]}zebra"}.get(
                change, item.prompt
            )
            items[index] = replace(item, prompt=prompt, **planted[change])
    accuracy, contains_chance = accuracy_of(items, labels)
    assert accuracy > 0.9 and not contains_chance


def test_labels_that_form_does_not_know_stay_at_chance() -> None:
    verdicts = []
    for seed in range(8):
        labels = list(np.random.default_rng(seed + 50).permutation(["one", "two"] * 60))
        verdicts.append(accuracy_of(scattered(120, seed), labels, seed)[1])
    assert sum(verdicts) >= 7


def test_a_word_that_gives_a_cluster_away_gives_no_label_away_on_other_clusters() -> None:
    items = [
        replace(PLAIN, id=f"{cluster}-{turn}", prompt=f"{'abcdefghij'[cluster % 10]}{'klmn'[cluster // 10]} is", cluster=str(cluster))
        for cluster in range(40)
        for turn in range(4)
    ]  # fmt: skip
    labels = ["one" if int(item.cluster) * 7919 % 13 % 2 else "two" for item in items]
    assert accuracy_of(items, labels)[1]


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 2**20), st.integers(2, 4), st.sampled_from([0.01, 0.3, 10.0]))
def test_the_classifier_is_ridge_regression(seed: int, n_classes: int, penalty: float) -> None:
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(20, 30)) + 3
    target = rng.integers(n_classes, size=20)
    train, test = np.arange(14), np.arange(14, 20)
    ours = ridge_scores(features @ features.T, target, train, test, n_classes, (penalty,))[0]
    centred = features[train] - features[train].mean(axis=0)
    alpha = penalty * float((centred**2).sum()) / len(train)
    reference = Ridge(alpha=alpha).fit(features[train], np.eye(n_classes)[target[train]])
    np.testing.assert_allclose(ours, reference.predict(features[test]), atol=1e-8)


def test_the_result_depends_on_the_seed_alone() -> None:
    encoder = PieceEncoder()
    items = scattered(60, 3)
    encoded, _ = encode_items(items, encoder)
    labels = ["one", "two"] * 30
    assert format_accuracy(encoded, labels, encoder, seed=1) == format_accuracy(encoded, labels, encoder, seed=1)


def test_large_sets_are_cut_down_by_whole_clusters() -> None:
    encoder = PieceEncoder()
    encoded, _ = encode_items(scattered(1400, 0), encoder)
    result = format_accuracy(encoded, ["one", "two"] * 700, encoder)
    assert result.n <= 1000 and result.n == 2 * result.n_clusters


def test_a_report_counts_lengths_alignment_collisions_and_what_is_excluded() -> None:
    items = [
        replace(PLAIN, id="a", answer=" 12", foil=" 13", foil_prompt="a c"),
        replace(PLAIN, id="b", answer=" 14", foil=" 3", prompt="a b c d", foil_prompt="a b"),
        replace(PLAIN, id="c", answer=" 15", foil=" 3", prompt="a b c"),
        replace(PLAIN, id="d", answer=" 3", foil=" 3"),
        replace(PLAIN, id="e", family="other", answer=" 3", foil=" 4", prompt="long " * 50),
    ]
    report = format_report(items, PieceEncoder(), max_context=20)
    first, second = report.families
    assert (first.family, first.n, first.scored, first.answers) == ("f", 4, 3, 4)
    # The first is scored after `1`, where its foil parts from it: the prompt then has four tokens with what is fed.
    assert (first.shortest, first.median_length, first.longest) == (4, 4.0, 5)
    assert first.aligned_share == pytest.approx(1 / 3)
    assert dict(first.unaligned) == {"the pair's prompts differ in length": 1, "no counterfactual prompt": 1}
    # 14 and 15 are both scored on `1` after the space; 12 is scored on its second digit.
    assert first.collisions == ((" 14", " 15"),)
    assert dict(first.excluded) == {"answer and foil are the same tokens": 1}
    assert (second.scored, second.aligned_share) == (0, 0.0)
    assert dict(second.excluded) == {"the prompt is longer than the model's context": 1}
    assert report.contrasts == () and report.kinds is None


def test_only_items_of_different_kinds_that_share_a_match_make_a_contrast() -> None:
    def side(kind: Kind, match: bool) -> list[Item]:
        return [
            replace(item, id=f"{kind}{index}", kind=kind, extra={"match": index} if not match else {
                "match": f"m{index}", "contrast": "K-C"})
            for index, item in enumerate(scattered(20, 0))
        ]  # fmt: skip

    encoder = PieceEncoder()
    matched, _ = encode_items(side("knowledge", True) + side("control", True), encoder)
    (contrast,) = contrasts_from_format(matched, encoder)
    assert contrast.contrast == "K-C" and contrast.families == (("control", "f"), ("knowledge", "f"))
    assert contrast.result.n == 40 and contrast.result.chance == 0.5
    single, _ = encode_items(side("knowledge", True), encoder)
    assert contrasts_from_format(single, encoder) == ()


def test_kinds_are_told_apart_by_form_only_when_both_are_there() -> None:
    encoder = PieceEncoder()
    knowledge = scattered(40, 0)
    reasoning = [
        replace(item, id=f"r{item.id}", kind="reasoning", prompt=f"{item.prompt} 3 + 4 =", cluster=f"r{item.cluster}")
        for item in scattered(40, 1)
    ]
    assert kind_from_format(knowledge, encoder) is None
    result = kind_from_format(knowledge + reasoning, encoder)
    assert result is not None and result.accuracy > 0.95 and not result.contains_chance
    assert result.labels == ("knowledge", "reasoning")
