"""Every error of the family crosses from one process into another as it was."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Iterator

import pytest

from strata.dashboards.app.live_model import BusyError
from strata.experiments.compare.models import NeedsBothError
from strata.experiments.run.directory_lock import TakenError
from strata.experiments.run.files import OtherVersionError
from strata.probes.checkpoints.checkpoint import NoEmbeddingError
from strata.probes.errors import (
    DamagedError,
    DoesNotFitError,
    NotFetchedError,
    NotSupportedError,
    SelfTestError,
    StrataError,
)
from strata.probes.prompts.alignment import UnscorableError
from strata.probes.prompts.exclusion import Exclusion
from strata.probes.rerun.no_restart import NoRestartError, WhyWhole

PLAIN = (
    StrataError, NotFetchedError, DoesNotFitError, SelfTestError, DamagedError, OtherVersionError, BusyError,
)  # fmt: skip
ERRORS: list[StrataError] = [
    *(kind("It is a file", "Is it?") for kind in PLAIN),
    NotSupportedError("Mamba", "it has no blocks"),
    NoEmbeddingError("<think>", 7, 8, 7, 3),
    NoRestartError(WhyWhole("mask-hidden")),
    UnscorableError("a", Exclusion("answer-unknown")),
    NeedsBothError(),
    TakenError("runs/a is written by another process", "Wait for it"),
]


def family(kind: type[StrataError]) -> Iterator[type[StrataError]]:
    yield kind
    for member in kind.__subclasses__():
        yield from family(member)


def test_the_whole_family_is_looked_at() -> None:
    assert {kind for kind in family(StrataError) if kind.__module__.startswith("strata.")} == set(map(type, ERRORS))


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_an_error_is_itself_after_pickling_and_copying(error: StrataError) -> None:
    error.add_note("seen on the way")
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        for again in (pickle.loads(pickle.dumps(error, protocol)), copy.copy(error)):
            assert type(again) is type(error) and str(again) == str(error) and vars(again) == vars(error)
            assert again.args == error.args and again.exit_code == error.exit_code
