"""Are columns whose text has parts read back as they were written?"""

from __future__ import annotations

import pytest

from strata.experiments.results.comparison_columns import direction_into, dominant_dimensions, dominant_text
from strata.experiments.results.roles import ROLES


@pytest.mark.parametrize(("dimensions", "text"), [((), None), ((7,), "7"), ((3, 19), "3, 19")])
def test_dominant_dimensions_are_read_back(dimensions: tuple[int, ...], text: str | None) -> None:
    assert dominant_text(dimensions) == text and dominant_dimensions(text) == dimensions


def test_directions_are_those_of_tables_that_are_written_already() -> None:
    assert [direction_into(role) for role in ROLES] == ["into base", "into distilled", "into control"]
