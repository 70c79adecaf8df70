"""How sure is a curve, and where does it begin? Resampling of clusters, never of items or layers."""

from experiments.statistics.bootstrap import MIN_CLUSTERS, Estimate, cluster_bootstrap, cluster_means
from experiments.statistics.onset import Onset, onset

__all__ = ["MIN_CLUSTERS", "Estimate", "Onset", "cluster_bootstrap", "cluster_means", "onset"]
