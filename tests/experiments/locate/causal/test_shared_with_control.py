"""Does a control pass through the kind's blocks? Shown, shown not, or open: and said so."""

from __future__ import annotations

import numpy as np
import pytest

from strata.dashboards.sentences.localisation import _control_clause
from strata.dashboards.sentences.stage_maps import control_says
from strata.experiments.locate.causal.kind_decision import _shared
from strata.experiments.results.kinds import Located, SharedWithControl
from strata.experiments.statistics.family_samples import Sampled


def sampled(low: float, high: float) -> Sampled:
    return Sampled((low + high) / 2, np.linspace(low, high, 1_001))


@pytest.mark.parametrize(
    ("control", "excess", "says"),
    [
        ((0.4, 0.6), (-0.1, 0.1), "shared"),
        ((0.4, 0.6), (0.2, 0.4), "shared"),
        ((-0.1, 0.1), (0.3, 0.6), "less"),
        ((-0.5, 0.5), (-0.9, 1.5), "open"),
    ],
)
def test_only_what_is_shown_is_said(
    control: tuple[float, float], excess: tuple[float, float], says: SharedWithControl
) -> None:
    assert _shared(sampled(*control), sampled(*excess)) == says


def located(says: object) -> Located:
    return Located.model_validate(
        {
            "layer": 3, "depth": 0.5, "interval": (3, 3), "first": 3, "last": 3, "cell": "enrich", "extent": "blocks", "families": 3,
            "of": 3, "general": True, "shared_with_control": says,
        }
    )  # fmt: skip


def test_an_open_one_is_neither_shared_nor_apart_in_words() -> None:
    clause = _control_clause("knowledge", located("open"), {})
    assert clause.startswith("whether its control") and "stays open" in clause
    assert "passes through the same blocks" in _control_clause("knowledge", located("shared"), {})
    assert control_says({}, "open").endswith("stays open")


def test_what_earlier_files_say_is_read() -> None:
    assert [located(said).shared_with_control for said in (True, False, None)] == ["shared", "less", None]
