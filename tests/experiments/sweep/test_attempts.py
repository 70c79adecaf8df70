"""One run that can't be made is told with its reason and leaves the others alone; a node that can't make it as the others do is named."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from strata.experiments.run.directory import RunDirectory, library_versions
from strata.experiments.run.directory_lock import TakenError
from strata.experiments.run.files import read_manifest
from strata.experiments.sweep import attempt, on_ray
from strata.experiments.sweep.attempt import Attempt, attempted
from strata.experiments.sweep.engines import OneAfterTheOther
from strata.experiments.sweep.on_ray import Home, OnRay
from strata.probes.errors import DamagedError, DoesNotFitError, SelfTestError, StrataError
from strata.probes.progress import Progress, silent


@dataclass
class Job:
    raises: list[BaseException]
    """One a start, until there are none left."""
    starts: int = 0

    def __call__(self, progress: Progress) -> None:
        self.starts += 1
        if self.raises:
            raise self.raises.pop(0)


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (StrataError("It is no model", "Give one"), "refused", "It is no model. Give one."),
        (DoesNotFitError("The disk is full", "Free some"), "does-not-fit", "The disk is full. Free some."),
        (OSError(28, "No space left on device"), "does-not-fit", "OSError: [Errno 28] No space left on device"),
        (SelfTestError("NaN", "Train it anew"), "self-test", "NaN. Train it anew."),
        (DamagedError("a.parquet was changed", "Put it back"), "damaged", "a.parquet was changed. Put it back."),
        (ZeroDivisionError("by nothing\nat all"), "defect", "ZeroDivisionError: by nothing"),
    ],
)
def test_every_failure_has_its_code_and_the_others_are_made(error: Exception, code: str, text: str) -> None:
    jobs = {"first": Job([]), "second": Job([error]), "third": Job([])}
    told: dict[str, Attempt] = {}
    OneAfterTheOther(cpus=1).run(jobs, told.__setitem__, silent)
    assert [key for key, each in told.items() if each.failure is None] == ["first", "third"]
    failure = told["second"].failure
    assert failure is not None and (failure.code, failure.text) == (code, text)
    assert ("in __call__" in told["second"].trace) == (code == "defect" or isinstance(error, OSError))


def test_a_request_to_stop_ends_the_sweep() -> None:
    last = Job([])
    with pytest.raises(KeyboardInterrupt):
        OneAfterTheOther().run({"first": Job([KeyboardInterrupt()]), "last": last}, lambda key, how: None, silent)
    assert last.starts == 0


def test_a_directory_in_the_hands_of_a_process_that_ends_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempt, "_BETWEEN", 0.0)
    taken = TakenError("Another process is working in it", "Wait")
    job = Job([taken, taken])
    assert attempted(job, silent).failure is None and job.starts == 3
    monkeypatch.setattr(attempt, "_WAITS", -1.0)
    failure = attempted(Job([taken]), silent).failure
    assert failure is not None and failure.code == "refused"


@pytest.mark.parametrize(
    ("address", "says"), [("127.0.0.1:1", "No Ray cluster answers at 127.0.0.1:1"), ("nowhere", "is no address")]
)
def test_a_cluster_that_does_not_answer_is_one_sentence(tmp_path: Path, address: str, says: str) -> None:
    pytest.importorskip("ray")
    with pytest.raises(StrataError, match=says):
        OnRay(tmp_path, address).run({"run": Job([])}, lambda key, how: None, silent)


class TwoNodes:
    """What the engine asks of Ray, with nodes `a` and `b` on which a task runs at once: on `a` unless it is sent elsewhere."""

    class exceptions:
        class RayError(Exception): ...

        class RayTaskError(RayError): ...

    def __init__(self) -> None:
        self.ran_on: list[str] = []

    def init(self, **how: object) -> None: ...

    def shutdown(self) -> None: ...

    def cluster_resources(self) -> dict[str, float]:
        return {"CPU": 2.0}

    def nodes(self) -> list[dict[str, object]]:
        return [{"NodeID": name, "Alive": True} for name in "ab"]

    def remote(self, made: object) -> TwoNodes.Task:
        return self.Task(self, "a")

    @dataclass
    class Task:
        ray: TwoNodes
        node: str

        def options(self, **how: object) -> TwoNodes.Task:
            return self

        def remote(self, job: Job, home: Home, cpus: int) -> tuple[Attempt, str, int]:
            self.ray.ran_on.append(self.node)
            return attempted(job, silent, self.node), self.node, len(self.ray.ran_on)

    def wait(self, references: list[object], **how: object) -> tuple[list[object], list[object]]:
        return references[:1], references[1:]

    def get(self, reference: tuple[Attempt, str, int]) -> tuple[Attempt, str]:
        return reference[:2]


@pytest.mark.parametrize(("full_on", "code"), [(1, None), (2, "does-not-fit")])
def test_a_run_that_does_not_fit_on_a_node_is_tried_once_on_every_other_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, full_on: int, code: str | None
) -> None:
    RunDirectory(tmp_path / "home", verb="sweep", command=[], identity={"seed": 0}).close("done")
    ray = TwoNodes()
    monkeypatch.setattr(on_ray, "_library", lambda: ray)
    monkeypatch.setattr(on_ray, "_on_node", lambda task, node: TwoNodes.Task(ray, node))
    told: dict[str, Attempt] = {}
    full: list[BaseException] = [DoesNotFitError("The disk is full", "Free some") for _ in range(full_on)]
    OnRay(tmp_path / "home").run({"run": Job(full)}, told.__setitem__, silent)
    assert ray.ran_on == ["a", "b"]
    failure = told["run"].failure
    assert (None if failure is None else failure.code) == code


def test_a_node_that_lacks_the_directory_or_has_other_versions_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    home = tmp_path / "home"
    RunDirectory(home, verb="sweep", command=[], identity={"seed": 0}).close("done")
    run_id, here = read_manifest(home).run_id, library_versions()
    Home(home, tmp_path, run_id, here).check()
    for elsewhere in (
        Home(tmp_path / "elsewhere", tmp_path, run_id, here),
        Home(home, tmp_path / "elsewhere", run_id, here),
        Home(home, tmp_path, "another", here),
    ):
        with pytest.raises(StrataError, match="does not see"):
            elsewhere.check()
    with pytest.raises(StrataError, match=r"torch .* instead of 1\.0"):
        Home(home, tmp_path, run_id, {**here, "torch": "1.0"}).check()
