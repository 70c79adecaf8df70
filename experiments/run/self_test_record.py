"""Identities that must hold on every model: written into the run's manifest, then insisted on."""

from __future__ import annotations

import math
from collections.abc import Sequence

from strata.experiments.run.directory import RunDirectory
from strata.experiments.run.manifest import SelfTestRecord
from strata.probes.verification.model_self_tests import SelfTest, require_passed


def record_tests(run: RunDirectory, tests: Sequence[SelfTest], *, of: str | None = None) -> None:
    """Writes self-tests into the manifest (`of`: the model they are about), then raises SelfTestError if one failed."""
    note_tests(run, tests, of=of)
    require_passed(tests)


def note_tests(run: RunDirectory, tests: Sequence[SelfTest], *, of: str | None = None) -> None:
    """Writes self-tests into the manifest, passed or not."""
    ahead = f"{of}: " if of else ""
    # A broken model gives undefined values, which JSON can't hold: they are recorded as none.
    records = [
        SelfTestRecord(
            name=ahead + test.name,
            passed=test.passed,
            value=test.value if math.isfinite(test.value) else None,
            tolerance=test.tolerance,
            note=test.note,
        )
        for test in tests
    ]
    names = {test.name for test in records}
    run.manifest.self_tests = [*(test for test in run.manifest.self_tests if test.name not in names), *records]
    run.save()
