"""Linear probes: what is decodable at each stream, with the controls that keep the answer honest."""

from strata.probes.linear.code_length import CodeLength, online_code_length
from strata.probes.linear.control_task import control_labels
from strata.probes.linear.folds import Scheme, assign_folds
from strata.probes.linear.held_out import HeldOut, Precision, score_held_out
from strata.probes.linear.linear_probe import LinearProbe
from strata.probes.linear.probe_streams import PENALTIES, ProbeResult, probe_streams
from strata.probes.linear.scores import ProbeScores

__all__ = [
    "PENALTIES",
    "CodeLength",
    "HeldOut",
    "LinearProbe",
    "Precision",
    "ProbeResult",
    "ProbeScores",
    "Scheme",
    "assign_folds",
    "control_labels",
    "online_code_length",
    "probe_streams",
    "score_held_out",
]
