"""Locating an effect in items that fall into clusters which differ in strength and place: what the interval covers, and what not.

The bounds are two-sided and hold what was measured. A design outside 92 to 98 % stands here as a known limit, so that a
change of the rule, for better or worse, is seen.
"""

from __future__ import annotations

import numpy as np
import pytest

from strata.experiments.statistics import cluster_profiles, effect_depth, half_mass_block, locate_profile

SIMULATIONS = 1000
_QUICK = {"draws": 200, "permutations": 200}


def _forms(design: str, n_blocks: int) -> np.ndarray:
    """The profiles that a cluster may have, all equally likely."""
    at = int(0.29 * n_blocks)
    early, late = np.eye(n_blocks)[at], np.eye(n_blocks)[int(0.7 * n_blocks)]
    bump = 0.5 * np.eye(n_blocks)[at - 1] + early + 0.5 * np.eye(n_blocks)[at + 1]
    wide = np.exp(-0.5 * ((np.arange(n_blocks) - at) / (n_blocks / 10)) ** 2)
    after = np.arange(n_blocks) - int(0.2 * n_blocks)
    forms = {
        "early and late": [0.9 * early + 0.2 * late, 0.6 * early + 0.6 * late, 0.3 * early + late],
        "bumps early or late": [bump, bump, np.roll(bump, int(0.4 * n_blocks))],
        "early or late": [early, early, late],
        "bump roams": [np.roll(bump, by) for by in (-1, 0, 1)],
        "wide roams": [np.roll(wide, by) for by in (-1, 0, 1)],
        "long tail": [np.where(after >= 0, np.exp(-after / (n_blocks / 6)), 0.0)],
    }
    return np.array(forms[design])


def _measured(
    rng: np.random.Generator, forms: np.ndarray, n_clusters: int, n_controls: int
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Clusters of 3 to 12 items: strength (coefficient of variation ½) and place are the cluster's, most noise is the item's."""
    n_blocks = forms.shape[1]
    code = np.repeat(np.arange(n_clusters), rng.integers(3, 13, size=n_clusters))
    strength = rng.gamma(4, 0.25, size=(n_clusters, 1))
    own = 0.2 * rng.normal(size=(1 + n_controls, n_clusters, n_blocks))
    own[0] += strength * forms[rng.integers(0, len(forms), size=n_clusters)]
    effects, *controls = (
        cluster_profiles(table[code] + rng.normal(size=(len(code), n_blocks)), np.ones(len(code)), code.tolist())
        for table in own
    )
    return effects, {str(number): table for number, table in enumerate(controls)}


@pytest.mark.parametrize(
    ("design", "n_blocks", "n_clusters", "n_controls", "least", "most"),
    [
        ("early and late", 30, 24, 2, 0.92, 0.98),
        ("early and late", 30, 40, 2, 0.92, 0.98),
        ("bumps early or late", 30, 24, 0, 0.92, 0.98),
        ("wide roams", 12, 12, 2, 0.92, 0.98),
        # Empty blocks that come near to counting hold one end of the interval open: more is covered than asked for.
        ("bump roams", 30, 24, 0, 0.97, 1.0),
        ("wide roams", 30, 40, 2, 0.97, 1.0),
        # The late block stands 2 standard errors above its controls and 3 are asked for: where it comes out below 1, no draw
        # lets it in.
        ("early or late", 30, 40, 2, 0.84, 0.94),
        # A quarter of the mass is in blocks too weak to count, all of them on one side.
        ("long tail", 30, 24, 0, 0.35, 0.65),
    ],
)
def test_what_the_interval_covers_when_clusters_differ_in_strength_and_place(
    design: str, n_blocks: int, n_clusters: int, n_controls: int, least: float, most: float
) -> None:
    rng = np.random.default_rng(12)
    forms = _forms(design, n_blocks)
    depth, block = effect_depth(forms.mean(0)), half_mass_block(forms.mean(0))
    covered, blocks = [], []
    for seed in range(SIMULATIONS):
        location = locate_profile(*_measured(rng, forms, n_clusters, n_controls), **_QUICK, seed=seed)  # type: ignore[arg-type]
        if location.p <= 0.05:
            assert None not in (location.low_depth, location.high_depth, location.low_layer, location.high_layer)
            covered.append(location.low_depth - 1e-9 <= depth <= location.high_depth + 1e-9)  # type: ignore[operator]
            blocks.append(location.low_layer <= block <= location.high_layer)
    assert len(covered) >= SIMULATIONS / 2
    assert least <= np.mean(covered) <= most, (len(covered), np.mean(covered), np.mean(blocks))
    if least >= 0.92:
        # A block is a whole number, so the interval of it can't be narrowed to 95 %.
        assert np.mean(blocks) >= 0.92, np.mean(blocks)


@pytest.mark.parametrize("n_controls", [0, 1, 2])
def test_clusters_without_an_effect_are_rarely_given_a_place(n_controls: int) -> None:
    rng = np.random.default_rng(13)
    nothing = np.zeros((1, 30))
    p_values = [
        locate_profile(*_measured(rng, nothing, 16, n_controls), draws=1, permutations=199, seed=seed).p
        for seed in range(4000)
    ]
    assert np.mean(np.array(p_values) <= 0.05) <= 0.06, np.mean(np.array(p_values) <= 0.05)
