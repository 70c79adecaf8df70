"""Are simulated families what they are said to be, and is coverage counted rightly?"""

from __future__ import annotations

import numpy as np
import pytest

from strata.experiments.calibrate.simulated_coverage import (
    NOISES,
    Noise,
    Profile,
    SimulatedFamily,
    drawn_family,
    drawn_profile,
    simulated_coverage,
    summed,
    tally,
)
from strata.experiments.locate.causal.cell_evidence import window_effects
from strata.experiments.locate.causal.family_decision import analyse
from strata.probes.statistics.bootstrap import cluster_codes

NOTHING = Noise(1e7, 0.0, 0.0)


def profile(shares: dict[int, float], prepares: int | None = None) -> Profile:
    values = np.full(8, 1e-4)
    values[0] = 0.0
    for block, share in shares.items():
        values[block] = share
    return Profile(8, values / values.sum(), prepares)


@pytest.mark.parametrize(
    ("shares", "place"),
    [
        ({4: 1.0}, (4, 4)),
        ({3: 0.5, 4: 0.5}, (3, 4)),
        ({3: 0.35, 5: 0.65}, (3, 5)),
        ({3: 0.1, 4: 0.85, 5: 0.05}, (4, 4)),  # one block alone reaches 80 %
        ({3: 0.45, 4: 0.05, 5: 0.45, 6: 0.05}, (3, 5)),
    ],
)
@pytest.mark.parametrize("prepares", [None, 2])
def test_the_true_place_is_the_rules_of_expected_effects(
    shares: dict[int, float], place: tuple[int, int], prepares: int | None
) -> None:
    true = profile(shares, prepares)
    assert true.place == place
    family, measured = drawn_family(true, NOTHING, np.random.default_rng(0))
    result = analyse(family, measured, draws=100, seed=0).result
    assert [locus.role for locus in result.loci] == (["prepares", "makes"] if prepares else ["makes"])
    found = result.place
    assert found is not None and found.cell == "enrich"
    assert (found.first, found.last) == found.interval == place


def test_effects_lie_about_what_is_expected() -> None:
    true = profile({3: 0.3, 4: 0.6, 5: 0.1})
    rng = np.random.default_rng(1)
    drawn = []
    for _ in range(40):
        family, measured = drawn_family(true, NOISES["middle"], rng)
        effects = window_effects(measured, "enrich", cluster_codes(family.entities))
        drawn.append(effects.effects()[0])
    expected = 0.85 * summed(true.shares[None], true.windows)[0]
    error = np.std(drawn, axis=0) / 40**0.5
    assert (np.abs(np.mean(drawn, axis=0) - expected) <= 4 * error + 1e-3).all()
    counts = np.bincount(cluster_codes(family.entities))
    assert len(family.pairs) == 48 and counts.min() < counts.max() and len(counts) >= 20
    assert np.std([one[true.windows.index((4, 4))] for one in drawn]) > 0.01


def test_window_sums() -> None:
    values = np.arange(12.0).reshape(2, 6) ** 2
    windows = [(1, 1), (0, 5), (2, 4)]
    expected = [[row[first : last + 1].sum() for first, last in windows] for row in values]
    np.testing.assert_allclose(summed(values, windows), expected)


def test_profiles_are_within_the_model() -> None:
    rng = np.random.default_rng(2)
    for _ in range(200):
        drawn = drawn_profile(rng)
        assert drawn.shares[0] == 0 and drawn.shares.sum() == pytest.approx(1)
        first, last = drawn.place
        assert 1 <= first <= last < drawn.n_layers and (drawn.prepares is None or 1 <= drawn.prepares < first)


def test_ends_are_counted_one_by_one() -> None:
    families = [
        SimulatedFamily("small", (3, 5), (3, 5), (3, 5), 12, 1),  # certain and held
        SimulatedFamily("small", (3, 5), (4, 5), (3, 5), 18, 2),  # the first is placed wrongly, and held
        SimulatedFamily("small", (3, 5), (4, 4), (4, 6), 24, 3),  # the first is missed, the last held
        SimulatedFamily("small", (3, 5), None, None, 48, 4),
    ]
    counted = tally(families)
    assert (counted.families, counted.placed, counted.covered) == (4, 3, 2)
    assert (counted.covered_ends, counted.uncertain_ends, counted.covered_uncertain) == (5, 3, 2)
    assert counted.interval_width == pytest.approx(3.0) and counted.pairs == 25.5


def test_a_simulation_is_its_seeds() -> None:
    one, again, other = (simulated_coverage(2, draws=100, seed=seed) for seed in (0, 0, 1))
    assert one == again != other and list(one) == [*NOISES, "all"]
    assert one["all"].families == 6 and one["all"].placed == sum(one[noise].placed for noise in NOISES) > 3
    assert one["all"].covered_ends <= 2 * one["all"].placed
