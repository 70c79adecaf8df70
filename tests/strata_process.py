"""The `strata` command in a process of its own, forked from one that has loaded the libraries.

What a person's terminal sees (file descriptors, signals, exit codes) is a process's; only the seconds for importing torch
and transformers are saved. That a bare interpreter finds everything is checked by `test_startup.py` and
`test_installed_wheel.py`.
"""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from functools import cache
from multiprocessing import forkserver
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any

_SECONDS = 300
_ENVIRONMENT = {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "NO_COLOR": "1"}
_LOADED = (
    *(f"strata.dashboards.cli.verb_{verb}" for verb in ("locate", "compare", "probe", "lens", "plan", "report", "verify")),
    "strata.dashboards.page", "strata.experiments.locate.pipeline", "strata.experiments.compare.pipeline",
    "transformers.models.llama.modeling_llama", "peft", "pandas", "pyarrow.parquet", "plotly.graph_objects",
)  # fmt: skip


class StrataProcess:
    """A command that was started; what it writes is read when it has ended."""

    def __init__(self, *words: object, cwd: Path | None = None, first: Callable[[], None] | None = None) -> None:
        """`first`: called in the process before the command, to break what the command will meet."""
        self.argv = tuple(map(str, words))
        self._said = tempfile.TemporaryDirectory()
        directory = Path(self._said.name)
        self._files = (directory / "stdout", directory / "stderr")
        environment = {**os.environ, **_ENVIRONMENT}
        self._process = _loaded().Process(
            target=_be_the_command, args=(self.argv, self._files, environment, cwd or Path.cwd(), first)
        )
        self._process.start()

    def runs(self) -> bool:
        return self._process.is_alive()

    def send_signal(self, number: int) -> None:
        assert self._process.pid is not None
        os.kill(self._process.pid, number)

    def ended(self) -> subprocess.CompletedProcess[str]:
        """Waits for its end; a negative exit code is the signal that ended it."""
        self._process.join(_SECONDS)
        code = self._process.exitcode
        if code is None:
            self._process.kill()
            raise subprocess.TimeoutExpired(self.argv, _SECONDS)
        stdout, stderr = (file.read_text(encoding="utf-8") if file.exists() else "" for file in self._files)
        self._process.close()
        self._said.cleanup()
        return subprocess.CompletedProcess(self.argv, code, stdout, stderr)


def strata(
    *words: object, cwd: Path | None = None, first: Callable[[], None] | None = None
) -> subprocess.CompletedProcess[str]:
    """`strata WORDS…`, ended."""
    return StrataProcess(*words, cwd=cwd, first=first).ended()


@cache
def _loaded() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(_LOADED))
    before = {name: os.environ.get(name) for name in _ENVIRONMENT}
    os.environ.update(_ENVIRONMENT)
    try:
        # Libraries read these when they are imported, which the server does once.
        forkserver.ensure_running()
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
    return context


def _be_the_command(
    argv: tuple[str, ...],
    files: tuple[Path, Path],
    environment: Mapping[str, str],
    cwd: Path,
    first: Callable[[], Any] | None,
) -> None:
    for stream, file in zip((1, 2), files, strict=True):
        os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), stream)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(cwd)
    sys.argv = ["strata", *argv]
    from strata.dashboards.cli import main

    if first is not None:
        first()
    sys.exit(main())
