"""The excess is gone where its interval no longer lies on its side, and without a family where the excess itself doesn't."""

from __future__ import annotations

import pytest

from strata.experiments.compare.excess_explained import excess_left
from strata.experiments.results.intervals import side_of


def test_only_streams_whose_interval_leaves_0_out_can_lose_it() -> None:
    left = excess_left(
        {3: 1, 1: -1, 2: 0}, {1: 0, 2: 1, 3: 1}, {"colour": {1: -0.1, 2: 0.2, 3: -0.2}, "plus": {3: 0.0}}
    )
    assert left.there == [1, 3] and left.gone_trimmed == [1]
    assert left.gone_without == {"colour": [3], "plus": [3]}


def test_a_stream_that_the_trimmed_line_lacks_is_gone_and_no_trimmed_line_says_nothing() -> None:
    assert excess_left({1: 1}, {}, {}).gone_trimmed == [1]
    assert excess_left({1: 1}, None, {}).gone_trimmed is None


@pytest.mark.parametrize(
    ("low", "high", "value", "side"),
    [
        (0.1, 0.2, 0.0, 1),
        (-0.2, -0.1, 0.0, -1),
        (0.0, 0.2, 0.0, 0),
        (-0.2, 0.0, 0.0, 0),
        (0.3, 0.4, 0.5, -1),
        (0.3, None, 0.0, 0),
    ],
)
def test_an_interval_that_holds_the_value_or_is_not_there_is_on_no_side(
    low: float, high: float | None, value: float, side: int
) -> None:
    assert side_of(low, high, value) == side
