"""How does a calibration go on where it was stopped? Every finished job is a line of one file, known by its key."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import Protocol, TextIO, TypeVar

from pydantic import BaseModel, JsonValue, TypeAdapter, ValidationError

from strata.experiments.run.manifest import JsonObject
from strata.probes.errors import StrataError
from strata.probes.files.atomic_writes import write_whole
from strata.probes.files.foreign_files import UnreadableError, file_bytes, parse_json
from strata.probes.progress import Progress, silent

RESULTS = "results.jsonl"
_CHECK = "check"
"""Last field of a line: of everything before it."""


class Keyed(Protocol):
    """A job that is known by everything its result depends on."""

    @property
    def key(self) -> str:
        """Of no other job."""


JobT = TypeVar("JobT", bound=Keyed)
ShapeT = TypeVar("ShapeT")


def resumed_rows(
    jobs: Sequence[JobT],
    work: Callable[[JobT], BaseModel],
    directory: Path,
    *,
    workers: int = 1,
    stage: str = "calibrating",
    unit: str = "models",
    progress: Progress = silent,
) -> list[JsonValue]:
    """The rows of all `jobs`, in their order, as they are read back; appends those that weren't there yet to `directory/results.jsonl`.

    `work`: makes a row, with the job's `key` in it; importable by name where several processes run. What it raises ends the run, with
    finished rows kept.
    """
    if not jobs:
        return []
    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    known = read_rows(directory)
    waiting = [job for job in jobs if job.key not in known]
    progress(stage, len(jobs) - len(waiting), len(jobs), unit)
    with (directory / RESULTS).open("a", encoding="utf-8") as results:
        for key, row in _made(waiting, work, workers):
            # As a second start would read it.
            known[key] = append_row(results, row.model_dump_json(exclude_unset=True))
            progress(stage, sum(job.key in known for job in jobs), len(jobs), unit)
    return [known[job.key] for job in jobs]


def append_row(results: TextIO, text: str) -> JsonValue:
    """Writes a row, a JSON object with its `key`, as a line with a checksum of it, and hands it back as it will be read."""
    results.write(f'{text[:-1]}, "{_CHECK}": "{_check_of(text)}"}}\n')
    results.flush()
    row: JsonValue = json.loads(text)
    return row


def read_rows(directory: Path) -> dict[str, JsonValue]:
    """Finished rows of any calibration by key; a line that was cut off, damaged or can't be read is dropped, and its model done again.

    Lines of before rows had checksums are taken as they are.
    """
    file = Path(directory) / RESULTS
    if not file.exists():
        return {}
    lines = file_bytes(file).decode("utf-8", "replace").split("\n")
    rows = {line: row for line in lines[:-1] if (row := _row(line)) is not None}
    if "".join(f"{line}\n" for line in rows) != "\n".join(lines):
        write_whole(file, "".join(f"{line}\n" for line in rows))
    return {str(row["key"]): row for row in rows.values()}


def _row(line: str) -> JsonObject | None:
    text, check, end = line.rpartition(f', "{_CHECK}": "')
    if check and (text := f"{text}}}") and end != f'{_check_of(text)}"}}':
        return None
    try:
        row: JsonValue = parse_json(text if check else line)
    except UnreadableError:
        return None
    return row if isinstance(row, dict) and "key" in row else None


def row_as(shape: TypeAdapter[ShapeT], row: JsonValue, directory: Path) -> ShapeT:
    """A row that was read, typed. Raises StrataError for one of another version."""
    try:
        return shape.validate_python(row)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the whole"
        raise StrataError(
            f"{directory / RESULTS} holds a line that isn't what this Strata writes ({where}: {first['msg'].lower()})",
            "Delete the line, which is made again, or give another --out",
        ) from error


def _check_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _made(jobs: Sequence[JobT], work: Callable[[JobT], BaseModel], workers: int) -> Iterator[tuple[str, BaseModel]]:
    """(key, row), as they are done."""
    if workers < 2 or len(jobs) < 2:
        for job in jobs:
            yield job.key, work(job)
        return
    # Started afresh: a copy of a process in which torch has run threads can hang.
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_one_thread) as pool:
        keys = {pool.submit(work, job): job.key for job in jobs}
        for done in as_completed(keys):
            yield keys[done], done.result()


def _one_thread() -> None:
    import torch

    torch.set_num_threads(1)
