"""How sure can we be? Cluster bootstrap intervals, onsets, locations of effects and the tests behind them."""

from strata.experiments.statistics.cluster_profiles import cluster_profiles
from strata.experiments.statistics.depth import effect_depth, half_mass_block
from strata.experiments.statistics.difference import Difference, depth_difference
from strata.experiments.statistics.equivalence import EQUIVALENCE_BOUND, equivalent
from strata.experiments.statistics.false_discovery import benjamini_hochberg
from strata.experiments.statistics.location import Location, locate_profile
from strata.experiments.statistics.max_t import MaxT, max_t_sign_flip, max_t_two_groups
from strata.experiments.statistics.split_half import split_half
from strata.probes.statistics.bootstrap import (
    Estimate,
    cluster_bootstrap,
    cluster_bootstrap_ratio,
)
from strata.probes.statistics.onset import Onset, onset

__all__ = [
    "EQUIVALENCE_BOUND",
    "Difference",
    "Estimate",
    "Location",
    "MaxT",
    "Onset",
    "benjamini_hochberg",
    "cluster_bootstrap",
    "cluster_bootstrap_ratio",
    "cluster_profiles",
    "depth_difference",
    "effect_depth",
    "equivalent",
    "half_mass_block",
    "locate_profile",
    "max_t_sign_flip",
    "max_t_two_groups",
    "onset",
    "split_half",
]
