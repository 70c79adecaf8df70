"""Runs a localisation over constructions and nulls, one job at a time or two; every finished job is a line of a file.

A second start with the same directory skips what is there: a job is known by its construction (all of it), its number
of pairs and its seed.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Protocol

from pydantic import JsonValue

from strata.experiments.calibrate.calibration_row import CalibrationRow
from strata.experiments.calibrate.construction import Construction
from strata.experiments.calibrate.nulls import Null, write_null
from strata.experiments.calibrate.planted_checkpoint import write_construction
from strata.experiments.calibrate.revert_test import excluded_families, revert
from strata.experiments.calibrate.scored_summary import ScoredSummary
from strata.experiments.calibrate.shared_effects import EFFECT_PAIRS
from strata.experiments.calibrate.shipped_plant import ShippedPlant, readied
from strata.experiments.calibrate.truth import truth_of
from strata.experiments.run.manifest import JsonObject
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.errors import DoesNotFitError, StrataError
from strata.probes.files import write_whole
from strata.probes.foreign_files import UnreadableError, file_bytes, parse_json
from strata.probes.progress import Progress, silent

MAX_PAIRS = 48
POWER_PAIRS = (8, 12, 18, 24, 48)
RESULTS = "results.jsonl"


class Localise(Protocol):
    """Where does this checkpoint make the answers to these items? Returns a `summary.json` of version 2 as a mapping.

    Has to be importable by name where several processes run.
    """

    def __call__(self, checkpoint: Checkpoint, items: Path, *, seed: int = 0, max_pairs: int = MAX_PAIRS) -> Mapping[str, JsonValue]: ...  # fmt: skip


@dataclass(frozen=True)
class Job:
    """One localisation: of a planted model or a null, with so many pairs a family."""

    subject: Construction | Null | ShippedPlant
    max_pairs: int = MAX_PAIRS
    seed: int = 0
    reverted: bool = True
    """Whether the planted parts are taken out of the weights first, to see that the truth is true."""

    @property
    def key(self) -> str:
        """Changes with anything that the result depends on, save the rule itself."""
        described = json.dumps([type(self.subject).__name__, asdict(self.subject)], sort_keys=True)
        return f"{hashlib.sha256(described.encode()).hexdigest()[:16]}/{self.max_pairs}/{self.seed}"


def jobs_of(
    constructions: Iterable[Construction],
    nulls: Iterable[Null] = (),
    shipped: Iterable[ShippedPlant] = (),
    *,
    power: bool = False,
    effects: Iterable[Construction] = (),
    seed: int = 0,
) -> list[Job]:
    """`power`: the constructions again with 8, 12, 18 and 24 pairs a family. `effects`: with 24 only."""
    constructions = tuple(constructions)
    jobs = [Job(construction, seed=seed) for construction in constructions]
    if power:
        fewer = [pairs for pairs in POWER_PAIRS if pairs != MAX_PAIRS]
        jobs += [Job(construction, pairs, seed, reverted=False) for construction in constructions for pairs in fewer]
    jobs += [Job(construction, EFFECT_PAIRS, seed, reverted=False) for construction in effects]
    jobs += [Job(plant, seed=seed, reverted=False) for plant in shipped]
    return jobs + [Job(null, seed=seed, reverted=False) for null in nulls]


def calibrate(
    jobs: Sequence[Job],
    localise: Localise,
    directory: Path,
    *,
    workers: int = 1,
    keep_models: bool = False,
    progress: Progress = silent,
) -> list[CalibrationRow]:
    """The rows of all `jobs`, in their order; appends those that weren't there yet to `directory/results.jsonl`.

    A StrataError of `localise` becomes the row's `error`; DoesNotFitError (disk or memory full) and any other exception end the run,
    with finished rows kept.
    """
    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    known = read_rows(directory)
    waiting = [job for job in jobs if job.key not in known]
    progress("calibrating", len(jobs) - len(waiting), len(jobs), "models")
    with (directory / RESULTS).open("a", encoding="utf-8") as results:
        for row in _rows(waiting, localise, directory / "models", workers, keep_models):
            line = row.model_dump_json(exclude_unset=True)
            results.write(f"{line}\n")
            results.flush()
            # As a second start would read it.
            known[row.key] = json.loads(line)
            progress("calibrating", sum(job.key in known for job in jobs), len(jobs), "models")
    return [CalibrationRow.model_validate(known[job.key]) for job in jobs]


def read_rows(directory: Path) -> dict[str, JsonValue]:
    """Finished rows of any calibration by key; a line that was cut off or can't be read is dropped, and its model done again."""
    file = Path(directory) / RESULTS
    if not file.exists():
        return {}
    lines = file_bytes(file).decode("utf-8", "replace").split("\n")
    rows = {line: row for line in lines[:-1] if (row := _row(line)) is not None}
    if "".join(f"{line}\n" for line in rows) != "\n".join(lines):
        write_whole(file, "".join(f"{line}\n" for line in rows))
    return {str(row["key"]): row for row in rows.values()}


def _row(line: str) -> JsonObject | None:
    try:
        row: JsonValue = parse_json(line)
    except UnreadableError:
        return None
    return row if isinstance(row, dict) and "key" in row else None


def _rows(jobs: Sequence[Job], localise: Localise, models: Path, workers: int, keep: bool) -> Iterator[CalibrationRow]:
    if workers < 2 or len(jobs) < 2:
        for job in jobs:
            yield run_job(job, localise, models, keep)
        return
    # Started afresh: a copy of a process in which torch has run threads can hang.
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_one_thread) as pool:
        for done in as_completed([pool.submit(run_job, job, localise, models, keep) for job in jobs]):
            yield done.result()


def _one_thread() -> None:
    import torch

    torch.set_num_threads(1)


def run_job(job: Job, localise: Localise, models: Path, keep: bool = False) -> CalibrationRow:
    """Writes the model, checks its truth by reverting, opens it and localises; the row that `calibrate` keeps."""
    from strata.probes.checkpoints.open_spec import open_checkpoint

    directory = Path(models) / job.key.replace("/", "_")
    row = CalibrationRow(
        key=job.key, name=job.subject.name, null=isinstance(job.subject, Null), max_pairs=job.max_pairs, seed=job.seed,
    )  # fmt: skip
    try:
        if isinstance(job.subject, Null):
            files = write_null(directory, job.subject)
            spec, items = str(files.checkpoint), files.items
            row = row.model_copy(update={"null_kind": job.subject.kind})
        elif isinstance(job.subject, ShippedPlant):
            ready = readied(job.subject, directory)
            spec, items = ready.spec, ready.items
            row = row.model_copy(update={"truth": ready.truth, "excluded": ready.excluded})
        else:
            files = write_construction(directory, job.subject)
            spec, items = str(files.checkpoint), files.items
            row = row.model_copy(update={"truth": truth_of(job.subject)})
            if job.reverted:
                reverted = revert(job.subject, files)
                excluded = {name: list(parts) for name, parts in excluded_families(reverted).items()}
                accuracy = {result.family: result.intact_accuracy for result in reverted}
                row = row.model_copy(update={"excluded": excluded, "accuracy": accuracy})
        checkpoint = open_checkpoint(spec, dtype="float32", device="cpu")
        start = time.perf_counter()
        said = ScoredSummary.model_validate(localise(checkpoint, items, seed=job.seed, max_pairs=job.max_pairs))
        row = row.model_copy(update={"summary": said, "seconds": round(time.perf_counter() - start, 2)})
    except DoesNotFitError:
        # The machine's and not the model's: kept as a row it would never be tried again.
        raise
    except StrataError as error:
        row = row.model_copy(update={"error": str(error)})
    finally:
        if not keep:
            shutil.rmtree(directory, ignore_errors=True)
    return row


def with_names(constructions: Iterable[Construction], names: Sequence[str]) -> list[Construction]:
    """Those whose name contains one of `names`; all where none is given."""
    chosen = [c for c in constructions if not names or any(name in c.name for name in names)]
    if not chosen:
        raise StrataError(f"No construction is named like {', '.join(names)}", "Leave the names out to run all")
    return chosen
