"""Every caveat of a finished comparison, found once for terminal, page and `--json`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

from strata.experiments.results.comparison import Comparison, ComparisonCaveat, Warned
from strata.experiments.results.comparison_reasons import ExcludedPart
from strata.experiments.results.record import Record
from strata.experiments.results.roles import CONTROL, Role

FoundCode = Literal[
    "quick",
    "limited",
    "self-tests-failed",  # model (None: the comparison itself), tests
    "not-its-base",  # model: its pair check isn't ok
    "no-control",
    "one-seed",  # one training of each model
    "not-comparable",  # excluded
    "own",  # own: found while comparing
    "warned",  # warned: of a model's run or the comparison's
]
FailedSelfTests = Mapping[Role | None, Sequence[str]]
"""Their names by model; None: of the comparison itself."""


class FoundCaveat(Record):
    """One of them."""

    code: FoundCode
    model: Role | None = None
    tests: tuple[str, ...] = ()
    excluded: ExcludedPart | None = None
    own: ComparisonCaveat | None = None
    warned: Warned | None = None


def found_caveats(comparison: Comparison, failed_self_tests: FailedSelfTests) -> list[FoundCaveat]:
    """Each code with its parameters once."""
    told: list[FoundCaveat] = []
    for caveat in _all(comparison, failed_self_tests):
        if caveat not in told:
            told.append(caveat)
    return told


def _all(comparison: Comparison, failed_self_tests: FailedSelfTests) -> Iterator[FoundCaveat]:
    if comparison.quick:
        yield FoundCaveat(code="quick")
    if comparison.limited:
        yield FoundCaveat(code="limited")
    for owner, tests in failed_self_tests.items():
        yield FoundCaveat(code="self-tests-failed", model=owner, tests=tuple(tests))
    for role, check in comparison.pair_check.items():
        if not check.ok:
            yield FoundCaveat(code="not-its-base", model=role)
    if CONTROL not in comparison.models:
        yield FoundCaveat(code="no-control")
    if len(comparison.seeds) < 2:
        yield FoundCaveat(code="one-seed")
    for excluded in comparison.not_comparable:
        yield FoundCaveat(code="not-comparable", excluded=excluded)
    for own in comparison.caveats:
        yield FoundCaveat(code="own", own=own)
    for warned in comparison.warnings:
        yield FoundCaveat(code="warned", warned=warned)
