"""Probes of a person's own labels at every stream of a model: any field of any table of prompts, with every control."""

from strata.experiments.probe.config import ProbeConfig
from strata.experiments.probe.pipeline import probe

__all__ = ["ProbeConfig", "probe"]
