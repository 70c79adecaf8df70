"""What does `strata calibrate` run where nothing is said? A sample of the judged half with every variant in it, a quarter of an hour on two cores."""

from __future__ import annotations

from strata.experiments.calibrate.construction import Construction
from strata.experiments.calibrate.construction_lookup import construction

_NAMES = (
    "five blocks", "six blocks the other way", "twenty-four blocks", "facts at last below sums at the operand", "attention alone below sums",
    "unequal copies below sums", "shares of three blocks", "neighbouring parts above sums", "unread copies above sums", "relay after sums",
    "input encoded again above sums", "suppressed above sums", "backed up below sums", "families mixed", "blurred relays",
    "superposed above sums", "grouped queries", "parallel blocks the other way", "within foreign text",
)  # fmt: skip
NULLS, PAIRS, INSTRUMENTED = 8, 6, 2
"""Nulls, planted pairs, and constructions that other instruments are asked about."""


def sampled_constructions() -> tuple[Construction, ...]:
    """One or two a variant, the smaller ones where there is a choice."""
    return tuple(construction(name) for name in _NAMES)
