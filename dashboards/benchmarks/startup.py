"""How long does a person wait before anything happens: for `import strata`, for the help, for a verb's help?"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Sequence

from strata.dashboards.benchmarks.benchmark_row import BenchmarkRow

_HELP = "import sys; from strata.dashboards.cli import main; sys.exit(main({}))"
_STARTS: tuple[tuple[str, str, float], ...] = (
    ("import strata", "import strata", 0.2),
    ("strata --help", _HELP.format(["--help"]), 0.4),
    ("strata locate --help", _HELP.format(["locate", "--help"]), 0.4),
)
"""What is waited for, the program, and the most seconds that it may take."""


def startup_benchmark(*, repeats: int = 9) -> list[BenchmarkRow]:
    """Whole processes from start to end, the interpreter's own start included; the first of each warms the disk's cache."""
    bare = _seconds("pass", repeats)
    rows = []
    for name, program, allowed in _STARTS:
        seconds = _seconds(program, repeats)
        note = f"reference: the most it may take; the bare interpreter takes {1e3 * bare:.0f} ms of it"
        ratio = seconds / allowed
        rows.append(BenchmarkRow(f"startup: {name}", seconds, allowed, ratio, 1.0, ratio <= 1, note, {"bare": bare}))
    return rows


def _seconds(program: str, repeats: int) -> float:
    """Median over `repeats` processes."""
    command: Sequence[str] = (sys.executable, "-c", program)
    times = []
    for turn in range(repeats + 1):
        began = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        if turn:
            times.append(time.perf_counter() - began)
    return statistics.median(times)
