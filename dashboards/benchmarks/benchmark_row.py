"""One line of `strata bench`: ours against a reference, run alternately, medians and their ratio."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import torch

Extra = float | Sequence[float] | None
"""A number beside a row, or several."""


@dataclass(frozen=True)
class BenchmarkRow:
    name: str
    """What is compared with what."""
    ours_seconds: float
    """Median of our runs."""
    reference_seconds: float
    """Median of the reference's runs."""
    ratio: float
    """Median of the ratios ours / reference, pair by pair."""
    target: float
    """Largest ratio that is good enough."""
    met: bool
    """Whether it is."""
    note: str = ""
    """Sizes, and anything a reader has to know to believe the number."""
    extra: Mapping[str, Extra] = field(default_factory=dict)
    """Agreement of results, memory, …"""


def alternate(
    ours: Callable[[], object], reference: Callable[[], object], *, repeats: int, device: torch.device, warmup: int = 1
) -> tuple[list[float], list[float]]:
    """Seconds of each run, ours and the reference in turn, so that a machine's changing speed meets both alike."""
    for _ in range(warmup):
        ours()
        reference()
    times: tuple[list[float], list[float]] = ([], [])
    for turn in range(repeats):
        # The order changes from pair to pair: whoever runs second may find warm caches.
        for which in (0, 1) if turn % 2 == 0 else (1, 0):
            _finish(device)
            began = time.perf_counter()
            (ours, reference)[which]()
            _finish(device)
            times[which].append(time.perf_counter() - began)
    return times


def compared(
    name: str,
    times: tuple[list[float], list[float]],
    target: float,
    note: str = "",
    extra: Mapping[str, Extra] | None = None,
) -> BenchmarkRow:
    """The row of alternate timings."""
    ratio = statistics.median(ours / reference for ours, reference in zip(*times, strict=True))
    ours, reference = (statistics.median(part) for part in times)
    return BenchmarkRow(name, ours, reference, ratio, target, ratio <= target, note, extra or {})


def _finish(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
