"""Who makes the runs of a sweep? This process, one after the other; or a cluster (`on_ray.py`)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

import torch

from strata.experiments.sweep.attempt import Attempt, Job, attempted
from strata.probes.progress import Progress

Told = Callable[[str, Attempt], None]
"""Hears how a run went, by its key."""


class Engine(Protocol):
    def run(self, jobs: Mapping[str, Job], told: Told, progress: Progress) -> None:
        """Tries every job once, told of each as it ends. `progress` is called at least every second, and may raise to stop.

        Raises StrataError where no job can be begun at all.
        """
        ...


@dataclass(frozen=True)
class OneAfterTheOther:
    """In this process."""

    cpus: int | None = None
    """CPU threads of a run; None: as many as torch takes by itself."""

    def run(self, jobs: Mapping[str, Job], told: Told, progress: Progress) -> None:
        with _threads(self.cpus):
            for done, (key, job) in enumerate(jobs.items()):
                progress("runs", done, len(jobs), "runs")
                told(key, attempted(job, progress))
            progress("runs", len(jobs), len(jobs), "runs")


@contextmanager
def _threads(cpus: int | None) -> Iterator[None]:
    before = torch.get_num_threads()
    if cpus is not None:
        torch.set_num_threads(cpus)
    try:
        yield
    finally:
        torch.set_num_threads(before)
