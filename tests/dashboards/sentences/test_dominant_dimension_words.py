"""Do the words of dominant dimensions follow from a line's numbers, and never round a share up to what is dominant?"""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from strata.dashboards.sentences.dominant_dimensions import dimensions_told, dominance_words
from strata.dashboards.sentences.instruction_contrasts import NOT_ASKED, no_contrasts
from strata.probes.model_diff.dominant_dimensions import Of


@dataclass(frozen=True)
class Line:
    dominant: tuple[str | None, ...]
    shares: tuple[float | None, ...]
    of: Of = "variance"
    axis: str = "stream"
    layer: tuple[int, ...] = (0, 1, 2)
    mean: tuple[float | None, ...] = (1.0, 0.5, 0.9)
    low: tuple[float | None, ...] = (None, None, None)
    high: tuple[float | None, ...] = (None, None, None)
    n_items: int = 24


@pytest.mark.parametrize(("share", "words"), [(0.0971, "9.7 %"), (0.09996, "9.996 %"), (0.05, "5 %")])
def test_the_share_of_a_dimension_that_is_not_dominant_is_not_rounded_up_to_the_threshold(
    share: float, words: str
) -> None:
    line = Line(dominant=(None, None, None), shares=(0.02, share, None))
    assert dominance_words(line) == f"no dimension is dominant (the largest holds {words} of the variance)"


def test_a_dimension_is_told_with_what_it_makes_and_hides() -> None:
    line = Line(dominant=(None, "7", "7"), shares=(0.1, 0.5, 0.6), of="length")
    holds = "dimension 7 holds up to 60 % of the squared length (streams 1–2)"
    assert dimensions_told(line, None) == holds
    assert dimensions_told(line, {}) == f"{holds}; without it the line is the same to 0.02"
    assert dimensions_told(line, {1: (0.5, 0.9), 2: (0.9, 0.85)}) == (
        f"{holds}; most of the fall at stream 1 goes with it (0.900 instead of 0.500 without it at stream 1); "
        "a part of the fall at stream 2 is hidden by it (0.850 instead of 0.900 without it at stream 2)"
    )


def test_a_reason_for_no_contrasts_is_told_once() -> None:
    assert no_contrasts([]) == NOT_ASKED
    assert no_contrasts([("base", "", "a"), ("base", "", "a"), ("control", "knowledge", "b")]) == "base: a; control knowledge: b."  # fmt: skip
