"""The runs of a sweep on a Ray cluster: a local one that is started for it, or one that is there. The only file that touches Ray.

Ray gives a run to a worker with free CPU cores and GPUs, and again where a worker or a node was lost. A run goes on in its own directory, which all
nodes have to see, so nothing of what was finished is made twice.
"""

from __future__ import annotations

import logging
import os
import platform
import re
import signal
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from strata.experiments.results.sweep import Failure
from strata.experiments.run.directory import library_versions
from strata.experiments.run.files import read_manifest
from strata.experiments.sweep.attempt import Attempt, Job, attempted
from strata.experiments.sweep.engines import Told
from strata.probes.checkpoints.quiet_libraries import first_line
from strata.probes.errors import StrataError
from strata.probes.progress import Progress, silent

BEGUN_AGAIN = 5
"""How often a run is begun again after its worker or node was lost."""
_STORE_BYTES = 100_000_000
"""Of Ray's shared memory: only names and outcomes travel."""
_TICK = 0.5
_ADDRESS = re.compile(r"(?:ray://)?(?P<host>[^:/\s]+|\[[^\]]+\]):(?P<port>\d+)")
_ANSWERS_WITHIN = 5.0
"""Seconds."""
_COLOURS = re.compile(r"\x1b\[[\d;]*m")
"""Which Ray puts into what a worker said."""
_MUST_AGREE = ("python", "torch", "transformers", "numpy", "strata-probes")
"""What decides rounding, or the numbers themselves."""


@dataclass(frozen=True)
class OnRay:
    home: Path
    """The sweep's directory: every node sees the same one there."""
    address: str | None = None
    """Of a running cluster (`auto`, `HOST:6379`, `ray://HOST:10001`); None: a local one is started and ended."""
    workers: int | None = None
    """Runs at a time on a local cluster; None: as many as its cores and GPUs allow."""
    cpus: int = 1
    """CPU cores of a run, and its threads."""
    gpus: float | None = None
    """GPUs of a run; None: one where the cluster has any."""

    def run(self, jobs: Mapping[str, Job], told: Told, progress: Progress) -> None:
        """As `Engine` says. Raises StrataError where Ray isn't installed, or the cluster can't be had or lacks what a run needs."""
        ray = _library()
        with _cluster(ray, self):
            gpus = self._gpus(ray)
            task = ray.remote(_made_there).options(
                num_cpus=self.cpus, num_gpus=gpus, max_retries=BEGUN_AGAIN, retry_exceptions=False
            )
            home = Home(self.home.resolve(), Path.cwd(), read_manifest(self.home).run_id, library_versions())
            running = {task.remote(job, home, self.cpus): (key, frozenset[str]()) for key, job in jobs.items()}
            while running:
                ended, _ = ray.wait(list(running), num_returns=1, timeout=_TICK)
                for reference in ended:
                    key, tried = running.pop(reference)
                    attempt, node = _outcome(ray, reference)
                    tried |= {node}
                    other = _another_node(ray, tried) if _is_full(attempt) else None
                    if other is None:
                        told(key, attempt)
                    else:
                        running[_on_node(task, other).remote(jobs[key], home, self.cpus)] = (key, tried)
                progress("runs", len(jobs) - len(running), len(jobs), "runs")

    def _gpus(self, ray: Any) -> float:
        there: Mapping[str, float] = ray.cluster_resources()
        gpus = self.gpus if self.gpus is not None else 1.0 if there.get("GPU", 0) >= 1 else 0.0
        for name, needed in (("CPU", float(self.cpus)), ("GPU", gpus)):
            if needed > there.get(name, 0.0):
                raise StrataError(
                    f"A run needs {needed:g} {name}, and the whole cluster has {there.get(name, 0.0):g}",
                    f"Give a smaller --{name.lower()}s",
                )
        return gpus


@dataclass(frozen=True)
class Home:
    """What every node must have as the driver has it."""

    directory: Path
    working: Path
    """Where relative paths of checkpoints and item files begin."""
    run_id: str
    versions: Mapping[str, str]

    def check(self) -> None:
        """Raises StrataError where this node can't make a run that belongs to the others."""
        name = platform.node()
        try:
            os.chdir(self.working)
            seen = read_manifest(self.directory).run_id == self.run_id
        except (OSError, StrataError):
            seen = False
        if not seen:
            raise StrataError(
                f"The node {name} does not see {self.directory} as the driver does",
                "Give an --out, and start from a directory, that all nodes share at one path",
            )
        here = library_versions()
        others = [
            f"{library} {here.get(library, 'absent')} instead of {self.versions.get(library, 'absent')}"
            for library in _MUST_AGREE
            if here.get(library) != self.versions.get(library)
        ]
        if others:
            raise StrataError(
                f"The node {name} has other versions than the driver ({', '.join(others)})",
                "Install the same everywhere",
            )


def _made_there(job: Job, home: Home, cpus: int) -> tuple[Attempt, str]:
    """In a worker: (how it went, id of the node)."""
    node = _library().get_runtime_context().get_node_id()
    checked = attempted(lambda _: home.check(), silent, platform.node())
    if checked.failure is not None:
        return checked, node
    torch.set_num_threads(cpus)
    return attempted(job, silent, platform.node()), node


def _outcome(ray: Any, reference: Any) -> tuple[Attempt, str]:
    try:
        attempt, node = ray.get(reference)
    except ray.exceptions.RayTaskError as error:  # the worker lacks Strata, or can't read what it was given
        return Attempt(Failure(code="defect", text=first_line(error.cause or error)), _COLOURS.sub("", str(error))), ""
    except ray.exceptions.RayError as error:
        text = f"its worker was lost {BEGUN_AGAIN + 1} times ({type(error).__name__})"
        return Attempt(Failure(code="lost", text=text)), ""
    return attempt, node


def _is_full(attempt: Attempt) -> bool:
    """Whether another node may have the room that this one lacks."""
    return attempt.failure is not None and attempt.failure.code == "does-not-fit"


def _another_node(ray: Any, tried: frozenset[str]) -> str | None:
    alive = (str(node["NodeID"]) for node in ray.nodes() if node["Alive"])
    return next((node for node in sorted(alive) if node not in tried), None)


def _on_node(task: Any, node: str) -> Any:
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    # Soft: should that node be lost meanwhile, any other one will do.
    return task.options(scheduling_strategy=NodeAffinitySchedulingStrategy(node_id=node, soft=True))


def _library() -> Any:
    try:
        import ray
    except ImportError as error:
        raise StrataError(
            "Ray is not installed, and a sweep on several workers needs it",
            "pip install 'strata-probes[ray]', or --engine sequential",
        ) from error
    return ray


def _reach(address: str) -> None:
    """Ray itself would try for minutes. Raises StrataError where nobody answers."""
    found = _ADDRESS.fullmatch(address)
    if address != "auto" and found is None:
        raise StrataError(f"--address {address} is no address", "Give HOST:PORT, ray://HOST:PORT, or auto")
    if found is None:
        return
    try:
        socket.create_connection((found["host"], int(found["port"])), timeout=_ANSWERS_WITHIN).close()
    except (OSError, OverflowError) as error:
        raise StrataError(
            f"No Ray cluster answers at {address} ({first_line(error)})",
            "Check the address, or start one there: ray start --head",
        ) from error


@contextmanager
def _cluster(ray: Any, asked: OnRay) -> Iterator[None]:
    quiet: dict[str, bool | int] = {"log_to_driver": False, "logging_level": logging.ERROR}
    # Nothing is reported to anybody.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    # Ray takes the signal for itself: whoever listened before goes on listening.
    listens = signal.getsignal(signal.SIGTERM)
    if asked.address is not None:
        _reach(asked.address)
    try:
        if asked.address is not None:
            ray.init(address=asked.address, **quiet)
        else:
            cores = None if asked.workers is None else asked.workers * asked.cpus
            ray.init(num_cpus=cores, include_dashboard=False, object_store_memory=_STORE_BYTES, **quiet)
    except Exception as error:  # Ray raises of every kind: no connection, another version, no room
        where = f"the cluster at {asked.address}" if asked.address is not None else "a local Ray cluster"
        raise StrataError(
            f"{where[0].upper()}{where[1:]} can't be used ({first_line(error)})",
            "Check the address, and that Ray and Python have the same versions there"
            if asked.address is not None
            else "--engine sequential does without",
        ) from error
    try:
        signal.signal(signal.SIGTERM, listens)
        yield
    finally:
        ray.shutdown()
