"""What the weights alone say: is the base the base, and which matrices changed? No model is run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

from strata.experiments.compare.config import CompareConfig
from strata.experiments.compare.model_specs import Specs
from strata.experiments.compare.paired_estimates import BASE, Role
from strata.experiments.model_pairs import check_pair
from strata.experiments.results.comparison_tables import WEIGHTS
from strata.experiments.results.excluded_measures import ALL_WEIGHTS, PAIR_CHECK
from strata.experiments.results.excluded_measures import WEIGHTS as WEIGHTS_EXCLUDED
from strata.experiments.run.directory import RunDirectory
from strata.probes.errors import STOPPING, NotFetchedError, StrataError
from strata.probes.progress import Progress, silent
from strata.probes.weights.weight_change import compare_weights, weight_changes

LeaveOut = Callable[[str, Role, str], None]


def check_pairs(
    run: RunDirectory, specs: Specs, others: Sequence[Role], exclude: LeaveOut, *, progress: Progress = silent
) -> dict[Role, dict[str, Any]]:
    """By model whether the base is its base, with reasons. A doubt becomes a warning of the run.

    Kept in pair_check.json, unless a download failed: then a later start judges again.
    """
    if run.finished("pair_check.json"):
        return dict(run.read_json("pair_check.json"))
    named, checks, whole = specs.by_role(), {}, True
    for role in others:
        try:
            check = check_pair(specs.files(BASE), specs.files(role), progress=progress)
        except STOPPING:
            raise
        except StrataError as error:
            whole = whole and not isinstance(error, NotFetchedError)
            exclude(PAIR_CHECK, role, error.what)
            checks[role] = {"verdict": "unclear", "reasons": [error.what], "hint": None}
            continue
        whole = whole and not check.unfetched
        checks[role] = {name: value for name, value in asdict(check).items() if name != "tensors"}
        # A warning stays with the run: what a later start may judge otherwise is told by the check alone.
        if not check.ok and not check.unfetched:
            hint = f" {check.hint}" if check.hint else ""
            run.warn(f"{named[BASE]} may not be the base of {named[role]}: {' '.join(check.reasons[:2])}{hint}")
    if whole:
        run.write_json("pair_check.json", checks)
    return checks


def write_weights(
    run: RunDirectory,
    specs: Specs,
    others: Sequence[Role],
    config: CompareConfig,
    exclude: LeaveOut,
    *,
    progress: Progress = silent,
) -> None:
    """Writes the `weights` table, tensor by tensor; a finished one is not made again.

    It stays unwritten where a download failed, so that a later start tries again.
    """
    if run.finished("weights.parquet"):
        return
    rows, whole = [], True
    for role in others:
        try:
            changes = list(
                compare_weights(
                    specs.files(BASE),
                    specs.files(role),
                    spectrum=config.spectra,
                    seed=config.locate.seed,
                    progress=progress,
                )
            )
        except STOPPING:
            raise
        except StrataError as error:
            whole = whole and not isinstance(error, NotFetchedError)
            exclude(WEIGHTS_EXCLUDED, role, error.what)
            continue
        apart = sum(change.moments is None for change in changes)
        if apart:
            reason = f"{apart} of {len(changes)} tensors are missing in one of the two or have another shape"
            exclude(ALL_WEIGHTS, role, reason)
        rows += [{"contrast": role, **asdict(line)} for line in weight_changes(changes)]
    if whole:
        run.write_rows(WEIGHTS, rows)
