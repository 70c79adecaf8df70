"""How sure can we be? Cluster bootstrap intervals and the onset rule."""

from experiments.statistics.bootstrap import Estimate, cluster_bootstrap, cluster_bootstrap_ratio
from experiments.statistics.onset import Onset, onset

__all__ = ["Estimate", "Onset", "cluster_bootstrap", "cluster_bootstrap_ratio", "onset"]
