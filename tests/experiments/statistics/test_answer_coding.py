"""Does the slope say 1 for answers, 0 for inputs, and how often does chance reach the threshold?"""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from strata.experiments.statistics.answer_coding import (
    LEVEL,
    Couples,
    answer_agreement,
    couples_of,
    normalised,
    permutation_p,
    slopes,
)

ANSWERS = [(0, 1), (1, 2), (2, 0), (0, 2), (1, 0), (2, 1), (0, 1), (2, 0), (1, 2), (0, 2), (2, 1), (1, 0)]


def couples(inputs: np.ndarray | None = None) -> Couples:
    n = len(ANSWERS)
    names = [frozenset({("clean", k), ("foil", k)}) for k in range(n)]
    vectors = np.random.default_rng(0).normal(size=(n, 40)) if inputs is None else inputs
    unit = normalised(vectors)
    return couples_of(ANSWERS, names, unit @ unit.T)


def similarity(vectors: np.ndarray, of: Couples) -> np.ndarray:
    unit = normalised(vectors)
    return (unit @ unit.T)[None, of.left, of.right]


def test_agreement_is_the_cosine_of_one_hot_differences() -> None:
    eye = np.eye(5)
    for (a, b), (c, d) in product(product(range(3), range(3)), repeat=2):
        if a != b and c != d:
            expected = (eye[a] - eye[b]) @ (eye[c] - eye[d]) / 2
            assert answer_agreement((a, b), (c, d)) == expected


def test_a_window_that_adds_the_answer_has_slope_one_and_one_that_adds_its_input_none() -> None:
    of, codes = couples(), np.random.default_rng(1).normal(size=(3, 400))
    codes = np.linalg.qr(codes.T)[0].T
    answers = np.stack([codes[a] - codes[b] for a, b in ANSWERS])
    assert slopes(similarity(answers, of), of)[0, 0] == pytest.approx(1, abs=0.01)
    own = np.random.default_rng(2).normal(size=(len(ANSWERS), 400))
    assert abs(slopes(similarity(own, of), of)[0, 0]) < 0.1
    assert permutation_p(similarity(answers, of), of, permutations=199, seed=0)[0] == 1 / 200


def test_what_goes_with_the_inputs_is_not_counted_for_the_answer() -> None:
    """Inputs that are alike where answers are: the covariate takes what is theirs."""
    rng = np.random.default_rng(3)
    codes = np.linalg.qr(rng.normal(size=(300, 3)))[0].T
    answers = np.stack([codes[a] - codes[b] for a, b in ANSWERS])
    inputs = answers + 0.5 * normalised(rng.normal(size=answers.shape))
    of = couples(inputs)
    assert slopes(similarity(inputs, of), of)[0, 0] == pytest.approx(0, abs=1e-9)


def test_slopes_are_those_of_least_squares() -> None:
    of = couples()
    rng = np.random.default_rng(4)
    values = rng.normal(size=(2, len(of.left)))
    design = np.stack([np.ones(len(of.left)), of.agreement[of.left, of.right], of.inputs], axis=1)
    expected = np.linalg.lstsq(design, values.T, rcond=None)[0][1]
    np.testing.assert_allclose(slopes(values, of)[0], expected)
    weights = rng.integers(0, 3, size=(1, len(ANSWERS))).astype(float)
    of_couple = (weights[0, of.left] * weights[0, of.right]) ** 0.5
    weighted = np.linalg.lstsq(design * of_couple[:, None], (values * of_couple).T, rcond=None)[0][1]
    np.testing.assert_allclose(slopes(values, of, weights)[0], weighted)


def test_couples_share_no_input_and_few_of_them_can_not_tell() -> None:
    inputs = [frozenset({("a",), ("b",)}), frozenset({("b",), ("c",)}), frozenset({("d",), ("e",)})]
    of = couples_of([(0, 1), (1, 0), (0, 1)], inputs, np.eye(3))
    assert list(zip(of.left.tolist(), of.right.tolist(), strict=True)) == [(0, 2), (1, 2)]
    assert of.telling == 2 and not of.testable
    assert couples().testable
    alone = couples_of([(k, k + 100) for k in range(12)], [frozenset({(k,)}) for k in range(12)], np.eye(12))
    assert alone.telling == 0 and not alone.testable


def test_chance_reaches_the_level_as_often_as_it_says() -> None:
    of = couples()
    rng = np.random.default_rng(5)
    p = [
        permutation_p(similarity(rng.normal(size=(len(ANSWERS), 30)), of), of, permutations=99, seed=seed)[0]
        for seed in range(400)
    ]
    assert np.mean(np.array(p) <= 0.1) < 0.15 and np.mean(np.array(p) <= LEVEL) < 0.03
