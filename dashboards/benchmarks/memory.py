"""How much memory does a piece of work take beyond what was there before?"""

from __future__ import annotations

import gc
from collections.abc import Callable
from pathlib import Path

import torch


def peak_extra_bytes(work: Callable[[], object], device: torch.device) -> int | None:
    """Peak bytes during `work` beyond those before it; None where the system can't tell.

    On a GPU from torch's allocator. On Linux from the kernel's high-water mark of resident memory, which is reset
    first: large tensors are mapped and unmapped by the allocator, so they are seen; a few hundred kB of reused heap
    are not.
    """
    gc.collect()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        work()
        torch.cuda.synchronize(device)
        return int(torch.cuda.max_memory_allocated(device) - before)
    try:
        Path("/proc/self/clear_refs").write_text("5")
        before = _status("VmRSS")
        work()
        return max(0, _status("VmHWM") - before)
    except OSError:
        return None


def _status(name: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1]) * 1024
    raise OSError(f"the kernel does not report {name}")
