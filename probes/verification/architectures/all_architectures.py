"""A verdict on every causal architecture of the installed transformers, each in a process of its own.

Two hundred kinds of foreign code run here: one that crashes, fills the memory or never ends costs its own row only.
"""

from __future__ import annotations

import multiprocessing
import os
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from strata.probes.errors import StrataError
from strata.probes.progress import Progress, silent
from strata.probes.verification.architectures.tiny_checkpoint import NotBuiltError, in_one_line, save_tiny
from strata.probes.verification.architectures.tiny_config import VARIANTS
from strata.probes.verification.architectures.verdict import Verdict, verdict_on

TIME_LIMIT = 120.0
"""Seconds for one architecture; the slowest takes ten on a busy core."""
_MEMORY_LIMIT = 16 << 30
"""Bytes of address space of one process."""


def architecture_names() -> tuple[str, ...]:
    """Every causal model type that the installed transformers knows, and the variants that are told apart here."""
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

    return tuple(sorted({*MODEL_FOR_CAUSAL_LM_MAPPING_NAMES, *VARIANTS}))


def verify_architectures(
    names: Sequence[str] | None = None,
    *,
    seed: int = 0,
    workers: int | None = None,
    time_limit: float = TIME_LIMIT,
    progress: Progress = silent,
) -> list[Verdict]:
    """Verdicts in the order of `names` (default: all). The same seed gives the same models and prompts.

    Raises StrataError for a name that isn't known.
    """
    known = architecture_names()
    names = known if names is None else names
    unknown = [name for name in names if name not in known]
    if unknown:
        raise StrataError(
            f"The installed transformers has no causal architecture {unknown[0]!r}",
            "Give model types as in config.json",
        )
    methods = multiprocessing.get_all_start_methods()
    context: Any = multiprocessing.get_context("forkserver" if "forkserver" in methods else "spawn")
    if "forkserver" in methods:
        # Imported once: a process of its own then costs milliseconds. The server itself never runs a model.
        context.set_forkserver_preload(["strata.probes.verification.architectures.preload"])
    waiting, running, verdicts = list(names), dict[Connection, _Running](), dict[str, Verdict]()
    most = workers or min(4, os.cpu_count() or 1)
    try:
        while waiting or running:
            while waiting and len(running) < most:
                run = _start(context, waiting.pop(0), seed, time.monotonic() + time_limit)
                running[run.answers] = run
            for connection in wait(list(running), timeout=1.0):
                assert isinstance(connection, Connection)
                run = running.pop(connection)
                verdicts[run.name] = run.verdict()
            for connection in [key for key, run in running.items() if time.monotonic() > run.until]:
                run = running.pop(connection)
                verdicts[run.name] = Verdict(run.name, "broken", f"it was stopped after {time_limit:.0f} seconds")
                run.stop()
            progress("architectures", len(verdicts), len(names), "types")
    finally:
        for run in running.values():
            run.stop()
    return [verdicts[name] for name in names]


@dataclass(frozen=True)
class _Running:
    name: str
    process: Any
    answers: Connection
    until: float

    def verdict(self) -> Verdict:
        try:
            verdict: Verdict = self.answers.recv()
        except EOFError:
            self.process.join()
            code = self.process.exitcode
            verdict = Verdict(self.name, "broken", f"its process ended without a word (exit code {code})")
        self.answers.close()
        self.process.join()
        return verdict

    def stop(self) -> None:
        self.process.kill()
        self.process.join()
        self.answers.close()


def _start(context: Any, name: str, seed: int, until: float) -> _Running:
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=_judge, args=(name, seed, there), daemon=True)
    process.start()
    there.close()  # so that the end of the process is the end of the pipe
    return _Running(name, process, here, until)


def _judge(name: str, seed: int, answers: Connection) -> None:
    """Runs in the process of one architecture."""
    _limit_memory()
    _be_quiet()
    import torch

    torch.set_num_threads(1)
    model_type, changes = VARIANTS.get(name, (name, {}))
    try:
        with tempfile.TemporaryDirectory(prefix="strata-") as temporary:
            directory = Path(temporary) / "model"
            save_tiny(model_type, directory, seed, changes)
            verdict = verdict_on(name, directory, seed)
    except NotBuiltError as error:
        verdict = Verdict(name, "not built", str(error))
    except Exception as error:  # whatever foreign code does is this row's verdict
        verdict = Verdict(name, "broken", f"{type(error).__name__}: {in_one_line(error)}")
    answers.send(verdict)


def _limit_memory() -> None:
    try:
        import resource
    except ImportError:  # not on Windows
        return
    _soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    limit = _MEMORY_LIMIT if hard == resource.RLIM_INFINITY else min(_MEMORY_LIMIT, hard)
    with suppress(ValueError, OSError):  # macOS has the name and not the limit
        resource.setrlimit(resource.RLIMIT_AS, (limit, hard))


def _be_quiet() -> None:
    """Foreign code talks while it loads; the verdict is all that is asked for."""
    with open(os.devnull, "w") as nowhere:  # noqa: PTH123  # a descriptor, not a file's text
        os.dup2(nowhere.fileno(), 1)
        os.dup2(nowhere.fileno(), 2)
