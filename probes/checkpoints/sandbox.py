"""Where does a program or a pattern of somebody else's run that may have no end? In a process of its own, with little time and memory."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from functools import lru_cache
from typing import Literal

from pydantic import JsonValue

from strata.probes.errors import StrataError

CPU_SECONDS = 5
"""Of its own processor: a busy machine alone stops nothing."""
_WALL_SECONDS = 600
_BYTES = 2 << 30
_LONGEST_ANSWER = 1 << 20
_MOST_KEPT = 1 << 16
"""Characters of what is given: longer ones are not held in memory for a second time."""
_PRELUDE = """
import json, resource, sys
seconds, size = map(int, sys.argv[1:])
resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
resource.setrlimit(resource.RLIMIT_AS, (size, size))
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
given = json.load(sys.stdin)
"""

_OUT_OF_MEMORY = (b"MemoryError", b"bad_alloc", b"memory allocation of")
"""What Python, C++ and Rust write last when they get no memory."""

Ending = Literal["time", "memory", "crash", "failed"]


class SandboxError(Exception):
    """It didn't come to an end, or failed."""

    def __init__(self, ending: Ending, reason: str) -> None:
        self.ending, self.reason = ending, reason
        """How it ended, and what is to be said of it."""
        super().__init__(reason)


def in_sandbox(program: str, given: JsonValue) -> JsonValue:
    """What `program` (Python, which finds `given` and sets `answer`) makes of it.

    Raises SandboxError where it takes too long or too much memory, where it raises, and where its answer is too long.
    """
    text, limits = json.dumps(given), (CPU_SECONDS, _BYTES)
    found = _kept(program, text, limits) if len(text) <= _MOST_KEPT else _ended_well(program, text, limits)
    answer: JsonValue = json.loads(found)
    return answer


def _ended_well(program: str, given: str, limits: tuple[int, int]) -> bytes:
    """The answer's JSON; `limits`: seconds and bytes."""
    text = f"{_PRELUDE}\n{program}\njson.dump(answer, sys.stdout)\n"
    if not sys.executable:
        raise StrataError("Python doesn't say where its own program is", "Start Strata with an ordinary Python")
    try:
        ended = subprocess.run(
            [sys.executable, "-I", "-c", text, *map(str, limits)],
            input=given.encode(),
            capture_output=True,
            check=False,
            timeout=_WALL_SECONDS,
        )
    except subprocess.TimeoutExpired as error:
        raise SandboxError("time", f"it takes more than {_WALL_SECONDS} s") from error
    if ended.returncode:
        raise _ended_badly(ended.returncode, ended.stderr[-20_000:])
    if len(ended.stdout) > _LONGEST_ANSWER:
        raise SandboxError("memory", f"it makes a text of {len(ended.stdout):,} bytes")
    return ended.stdout


# A comparison asks the same template of the same chat again and again, a second each.
_kept = lru_cache(maxsize=256)(_ended_well)


def _ended_badly(code: int, stderr: bytes) -> SandboxError:
    """`code` as `subprocess` gives it: a negative one is the signal that ended the process."""
    if code == -signal.SIGXCPU:
        return SandboxError("time", f"it takes more than {CPU_SECONDS} s")
    lines = [line for line in stderr.splitlines() if line.strip()]
    # A killed process says nothing: nobody here kills one, but the system does where the machine's memory runs out.
    if code == -signal.SIGKILL or (lines and any(said in lines[-1] for said in _OUT_OF_MEMORY)):
        return SandboxError("memory", f"it takes more than {_BYTES >> 30} GB of memory, or than the machine has left")
    if code < 0:
        return SandboxError("crash", f"it crashes with signal {-code}, {signal.strsignal(-code) or 'unknown'}")
    last = lines[-1].decode("utf-8", "replace") if lines else "it fails"
    return SandboxError("failed", " ".join(last.split())[:200])
