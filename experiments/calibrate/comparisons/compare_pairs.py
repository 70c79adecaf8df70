"""Runs `compare` on planted pairs, one after another or several at a time; every finished pair is a line of a file."""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

from pydantic import TypeAdapter

from strata.experiments.calibrate.comparisons.comparison_claims import ComparisonClaims, claims_of
from strata.experiments.calibrate.comparisons.pair_row import PairRow
from strata.experiments.calibrate.comparisons.planted_pair import PlantedPair
from strata.experiments.calibrate.comparisons.written_pair import PairFiles, write_pair
from strata.experiments.calibrate.resumed_rows import resumed_rows, row_as
from strata.experiments.compare.config import CompareConfig
from strata.experiments.compare.model_specs import Specs
from strata.experiments.compare.pipeline import compare
from strata.experiments.locate.config import LocateConfig
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.checkpoints.open_spec import open_checkpoint
from strata.probes.errors import DoesNotFitError, StrataError
from strata.probes.progress import Progress, silent

EFFORT = CompareConfig(
    locate=LocateConfig(
        causal_map="quick", pairs=24, draws=1000, random_init=False, lens_maps=1, folds=3, damage_texts=2, positions=("last",)
    ),
    swap_pairs=24, crossed_positions=("span", "last"), transferred=0, generated=0, contrast_items=0, spectra=False,
)  # fmt: skip
"""What a pair is asked: cells, places, answers in several ways and exchanges, with so many draws as their tests need."""


@dataclass(frozen=True)
class PairJob:
    """One comparison."""

    pair: PlantedPair
    seed: int = 0
    config: CompareConfig = EFFORT

    @property
    def key(self) -> str:
        """Changes with anything that the result depends on, save what `compare` does."""
        described = json.dumps([asdict(self.pair), asdict(self.config)], sort_keys=True)
        return f"pairs/{hashlib.sha256(described.encode()).hexdigest()[:16]}/{self.seed}"


Ask = Callable[[PairFiles, CompareConfig, Path], ComparisonClaims]
"""(pair on disk, what is asked, an empty directory) → what is said. Has to be importable by name where several processes run."""


def compare_pairs(
    jobs: Sequence[PairJob], directory: Path, *, ask: Ask | None = None, workers: int = 1, progress: Progress = silent
) -> list[PairRow]:
    """The rows of all `jobs`, in their order; appends those that weren't there yet to `directory/results.jsonl`.

    `ask`: `ask_compare`, unless told otherwise. A StrataError of it becomes the row's `error`; DoesNotFitError (disk or memory full) and
    any other exception end the run, with finished rows kept.
    """
    work = partial(run_pair, ask=ask or ask_compare, models=Path(directory) / "models")
    rows = resumed_rows(jobs, work, directory, workers=workers, stage="comparing planted pairs", unit="pairs", progress=progress)  # fmt: skip
    return [row_as(TypeAdapter(PairRow), row, Path(directory)) for row in rows]


def run_pair(job: PairJob, *, ask: Ask, models: Path) -> PairRow:
    """Writes the pair, compares it and takes both away again; the row that `compare_pairs` keeps."""
    directory = models / job.key.replace("/", "_")
    row = PairRow(key=job.key, name=job.pair.name, seed=job.seed)
    # What an earlier start was killed in is no part of this one.
    shutil.rmtree(directory, ignore_errors=True)
    try:
        files = write_pair(directory, job.pair)
        config = _with_seed(job.config, job.seed)
        start = time.perf_counter()
        said = ask(files, config, directory / "run")
        return row.model_copy(update={"said": said, "seconds": round(time.perf_counter() - start, 2)})
    except DoesNotFitError:
        # The machine's and not the pair's: kept as a row it would never be tried again.
        raise
    except StrataError as error:
        return row.model_copy(update={"error": str(error)})
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _with_seed(config: CompareConfig, seed: int) -> CompareConfig:
    """The same with another seed."""
    return replace(config, locate=replace(config.locate, seed=seed))


def ask_compare(files: PairFiles, config: CompareConfig, run: Path) -> ComparisonClaims:
    """What `compare` says of the two models: it gets checkpoints and items, never the truth."""
    specs = Specs(str(files.base), str(files.second))
    openers: dict[str, Callable[[], Checkpoint]] = {
        role: partial(open_checkpoint, spec, dtype="float32", device="cpu") for role, spec in specs.by_role().items()
    }
    return claims_of(compare(specs, openers, config, run, items=files.items), run)
