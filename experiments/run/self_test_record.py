"""Identities that must hold on every model: written into the run's manifest, then insisted on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict

from strata.experiments.run.directory import RunDirectory
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
        asdict(test) | {"name": ahead + test.name, "value": test.value if math.isfinite(test.value) else None}
        for test in tests
    ]
    names = {test["name"] for test in records}
    earlier = [test for test in run.manifest.get("self_tests", []) if test["name"] not in names]
    run.manifest["self_tests"] = [*earlier, *records]
    run.save()
