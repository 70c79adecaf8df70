"""Whole commands fit the fewest probes that a run can do with."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from strata.experiments.locate import probing


@pytest.fixture(scope="module", autouse=True)
def one_shuffle() -> Iterator[None]:
    """Refitting probes on shuffled labels takes half of a small run's probing; what it gives is `test_refitted_chance.py`'s."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(probing, "SHUFFLES", 1)
        yield
