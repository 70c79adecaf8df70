"""Runs a localisation over constructions and nulls, one job at a time or several. A job is known by its construction (all of it),
its number of pairs and its seed."""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

from pydantic import JsonValue, TypeAdapter

from strata.experiments.calibrate.calibration_row import CalibrationRow
from strata.experiments.calibrate.construction import Construction
from strata.experiments.calibrate.nulls import Null, write_null
from strata.experiments.calibrate.planted_checkpoint import write_construction
from strata.experiments.calibrate.resumed_rows import resumed_rows, row_as
from strata.experiments.calibrate.revert_test import excluded_families, revert
from strata.experiments.calibrate.scored_summary import ScoredSummary
from strata.experiments.calibrate.shared_effects import EFFECT_PAIRS, asked_by_pairs
from strata.experiments.calibrate.shipped_plant import ShippedPlant, readied
from strata.experiments.calibrate.truth import truth_of
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.errors import DoesNotFitError, StrataError
from strata.probes.progress import Progress, silent

MAX_PAIRS = 48
POWER_PAIRS = (8, 12, 18, 24, 48)


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
    """`power`: constructions with noise again with 8, 12, 18 and 24 pairs a family; without noise 8 say what 48 do. `effects`:
    with 24 pairs, those of the share that is asked for by pairs with all other numbers too.
    """
    constructions = tuple(constructions)
    jobs = [Job(construction, seed=seed) for construction in constructions]
    if power:
        noisy = [construction for construction in constructions if construction.noise]
        fewer = [pairs for pairs in POWER_PAIRS if pairs != MAX_PAIRS]
        jobs += [Job(construction, pairs, seed, reverted=False) for construction in noisy for pairs in fewer]
    for construction in effects:
        numbers = POWER_PAIRS if asked_by_pairs(construction) else (EFFECT_PAIRS,)
        jobs += [Job(construction, pairs, seed, reverted=False) for pairs in numbers]
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
    work = partial(run_job, localise=localise, models=Path(directory) / "models", keep=keep_models)
    return [
        row_as(TypeAdapter(CalibrationRow), row, Path(directory))
        for row in resumed_rows(jobs, work, directory, workers=workers, progress=progress)
    ]


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
