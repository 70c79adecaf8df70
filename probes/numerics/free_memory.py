"""How much memory of this machine is free?"""

from __future__ import annotations

from pathlib import Path


def free_host_memory() -> int | None:
    """Bytes that can be had without swapping; None where the system doesn't say."""
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return None
