"""Items of known clusters, templates and labels, with streams of noise in which the labels are planted from one stream on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True)
class Planted:
    """What a probe is given."""

    x: Tensor
    """(item, stream, d_model), float32."""
    labels: np.ndarray
    """One label per cluster."""
    clusters: np.ndarray
    """Every cluster occurs once in each template."""
    templates: np.ndarray
    """Templates."""


def planted(
    *,
    n_clusters: int = 24,
    n_templates: int = 3,
    n_labels: int = 3,
    n_streams: int = 2,
    d_model: int = 12,
    strength: float = 1.5,
    first: int = 1,
    identity: float = 0.0,
    seed: int = 0,
) -> Planted:
    """Labels shift the streams from `first` on by `strength`; `identity` is the size of each cluster's own direction."""
    rng = np.random.default_rng(seed)
    clusters = np.repeat(np.arange(n_clusters), n_templates)
    templates = np.tile(np.arange(n_templates), n_clusters)
    labels = rng.permutation(np.arange(n_clusters) % n_labels)[clusters]
    x = rng.normal(size=(len(clusters), n_streams, d_model))
    x[:, first:] += strength * rng.normal(size=(n_labels, d_model))[labels][:, None]
    x += identity * rng.normal(size=(n_clusters, d_model))[clusters][:, None]
    return Planted(torch.from_numpy(x).float(), labels, clusters, templates)
