"""On a Ray cluster of two workers a run whose worker is lost is made again, and what can't be made is told with its reason."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from pathlib import Path

import pytest

from strata.experiments.run.directory import RunDirectory, library_versions
from strata.experiments.sweep.attempt import Attempt
from strata.experiments.sweep.on_ray import OnRay, _Home
from strata.probes.errors import DoesNotFitError, StrataError
from strata.probes.progress import Progress, silent

pytest.importorskip("ray")


@dataclass(frozen=True)
class Made:
    """Leaves a line a start."""

    file: Path
    dies: int = 0
    """How often its process ends by a signal before it is made."""
    raises: Exception | None = None

    def __call__(self, progress: Progress) -> None:
        with self.file.open("a") as file:
            file.write(f"{os.getpid()}\n")
        if len(self.file.read_text().splitlines()) <= self.dies:
            os.kill(os.getpid(), signal.SIGKILL)
        if self.raises is not None:
            raise self.raises


@pytest.fixture
def home(tmp_path: Path) -> Path:
    RunDirectory(tmp_path / "home", verb="sweep", command=[], identity={"seed": 0}).close("done")
    return tmp_path / "home"


def test_a_lost_worker_costs_one_start_and_every_other_run_its_own(home: Path, tmp_path: Path) -> None:
    jobs = {f"run{number}": Made(tmp_path / f"run{number}", dies=int(number == 1)) for number in range(4)}
    jobs["refused"] = Made(tmp_path / "refused", raises=StrataError("It is no model", "Give one"))
    jobs["full"] = Made(tmp_path / "full", raises=DoesNotFitError("The disk is full", "Free some"))
    jobs["fault"] = Made(tmp_path / "fault", raises=ZeroDivisionError("by nothing"))
    told: dict[str, Attempt] = {}
    OnRay(home, workers=2).run(jobs, told.__setitem__, silent)
    assert {key for key, attempt in told.items() if attempt.failure is None} == {f"run{n}" for n in range(4)}
    starts = {key: len(job.file.read_text().splitlines()) for key, job in jobs.items()}
    assert starts == {"run0": 1, "run1": 2, "run2": 1, "run3": 1, "refused": 1, "full": 1, "fault": 1}
    failures = {key: attempt.failure for key, attempt in told.items() if attempt.failure is not None}
    assert {key: failure.code for key, failure in failures.items()} == {
        "refused": "refused", "full": "does-not-fit", "fault": "defect",
    }  # fmt: skip
    assert failures["refused"].text == "It is no model. Give one."
    assert "in __call__" in told["fault"].trace


def test_a_node_that_lacks_the_directory_or_has_other_versions_is_named(home: Path, tmp_path: Path) -> None:
    from strata.experiments.run.files import read_manifest

    run_id, here = read_manifest(home).run_id, library_versions()
    _Home(home, tmp_path, run_id, here).check()
    with pytest.raises(StrataError, match="does not see"):
        _Home(tmp_path / "elsewhere", tmp_path, run_id, here).check()
    with pytest.raises(StrataError, match="does not see"):
        _Home(home, tmp_path, "another", here).check()
    with pytest.raises(StrataError, match=r"torch .* instead of 1\.0"):
        _Home(home, tmp_path, run_id, {**here, "torch": "1.0"}).check()
