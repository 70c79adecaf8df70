"""Control and permuted labels: nothing but the marginal survives."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from strata.probes.linear import control_labels

LABEL_OF_TYPE = st.integers(2, 20).flatmap(
    lambda n: st.tuples(
        hnp.arrays(np.int64, n, elements=st.integers(0, 3)), st.integers(1, 4), st.integers(0, 2**32 - 1)
    )
)


def _types_of(label_of_type: np.ndarray, templates: int) -> tuple[np.ndarray, np.ndarray]:
    types = np.tile(np.arange(len(label_of_type)), templates)
    return label_of_type[types], types


@given(LABEL_OF_TYPE)
@settings(max_examples=60, deadline=None)
def test_control_labels_keep_the_marginal_and_are_constant_within_a_type(case: tuple[np.ndarray, int, int]) -> None:
    label_of_type, templates, seed = case
    labels, types = _types_of(label_of_type, templates)
    control = control_labels(labels, types, seed)
    assert np.array_equal(np.bincount(control, minlength=4), np.bincount(labels, minlength=4))
    for t in range(len(label_of_type)):
        assert len(set(control[types == t].tolist())) == 1
    assert np.array_equal(control, control_labels(labels.copy(), types.copy(), seed))


def test_control_labels_say_nothing_about_the_label() -> None:
    labels, types = _types_of(np.arange(400) % 4, 2)
    agreement = [(control_labels(labels, types, seed) == labels).mean() for seed in range(20)]
    assert abs(np.mean(agreement) - 0.25) < 0.03
    assert len(set(agreement)) > 5


def test_a_type_with_several_labels_counts_by_its_most_frequent_one() -> None:
    labels = np.array([0, 0, 1, 2, 2, 2])
    types = np.array([0, 0, 0, 1, 1, 1])
    for seed in range(5):
        control = control_labels(labels, types, seed)
        assert sorted({int(control[0]), int(control[3])}) == [0, 2]
