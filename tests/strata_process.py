"""The `strata` command in a process of its own, forked from one that has loaded the libraries (`strata_server.py`).

What a person's terminal sees (file descriptors, signals, exit codes) is a process's; only the seconds for importing torch
and transformers are saved. That a bare interpreter finds everything is checked by `test_startup.py` and
`test_installed_wheel.py`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import strata_server

_SECONDS = 300
_ENVIRONMENT = {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "NO_COLOR": "1"}


class StrataProcess:
    """A command that was started; what it writes is read when it has ended."""

    def __init__(self, *words: object, cwd: Path | None = None, first: Callable[[], None] | None = None) -> None:
        """`first`: a function of a module, called in the process before the command, to break what the command will meet."""
        self.argv = list(map(str, words))
        self._said = tempfile.TemporaryDirectory()
        self._files = [Path(self._said.name) / name for name in ("stdout", "stderr")]
        self._code: int | None = None
        self.pid: int = _asked({
            "argv": self.argv, "files": list(map(str, self._files)), "cwd": str(cwd or Path.cwd()),
            "environment": {**os.environ, **_ENVIRONMENT}, "first": first and [first.__module__, first.__name__],
        })  # fmt: skip

    def runs(self) -> bool:
        if self._code is None:
            self._code = _asked({"ended": self.pid})
        return self._code is None

    def send_signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def ended(self) -> subprocess.CompletedProcess[str]:
        """Waits for its end; a negative exit code is the signal that ended it."""
        limit = time.monotonic() + _SECONDS
        while self.runs():
            if time.monotonic() > limit:
                os.kill(self.pid, 9)
                raise subprocess.TimeoutExpired(self.argv, _SECONDS)
            time.sleep(0.005)
        assert self._code is not None
        stdout, stderr = (file.read_text(encoding="utf-8") for file in self._files)
        self._said.cleanup()
        return subprocess.CompletedProcess(self.argv, self._code, stdout, stderr)


def strata(
    *words: object, cwd: Path | None = None, first: Callable[[], None] | None = None
) -> subprocess.CompletedProcess[str]:
    """`strata WORDS…`, ended."""
    return StrataProcess(*words, cwd=cwd, first=first).ended()


@cache
def _server() -> subprocess.Popen[str]:
    """Started by the first command; ends with this process, whose pipe it reads."""
    paths = os.pathsep.join(filter(None, sys.path))
    return subprocess.Popen(
        [sys.executable, strata_server.__file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env={**os.environ, **_ENVIRONMENT, "PYTHONPATH": paths},
    )  # fmt: skip


def _asked(request: dict[str, Any]) -> Any:
    server = _server()
    assert server.stdin is not None and server.stdout is not None
    server.stdin.write(json.dumps(request) + "\n")
    server.stdin.flush()
    return json.loads(server.stdout.readline())
