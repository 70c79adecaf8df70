"""What the weights alone say: is the base the base, and which matrices changed? No model is run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from strata.experiments.compare.config import CompareConfig
from strata.experiments.compare.excluded_parts import Exclude, refused_by
from strata.experiments.compare.model_specs import Specs
from strata.experiments.model_pair_check import check_pair
from strata.experiments.results.comparison_reasons import ExcludedPart, WhyNotCompared
from strata.experiments.results.comparison_tables import WEIGHTS
from strata.experiments.results.lineage_check import PAIR_CHECK_FILE, LineageCheck
from strata.experiments.results.roles import BASE, Role
from strata.experiments.run.directory import RunDirectory
from strata.probes.errors import STOPPING, NotFetchedError, StrataError
from strata.probes.progress import Progress, silent
from strata.probes.weights.weight_change import compare_weights, weight_changes


def check_pairs(
    run: RunDirectory, specs: Specs, others: Sequence[Role], exclude: Exclude, *, progress: Progress = silent
) -> dict[Role, LineageCheck]:
    """By model whether the base is its base, with reasons.

    Kept in pair_check.json, unless a download failed: then a later start judges again.
    """
    if run.finished(PAIR_CHECK_FILE.name):
        return run.read_as(PAIR_CHECK_FILE)
    checks: dict[Role, LineageCheck] = {}
    whole = True
    for role in others:
        try:
            check = check_pair(specs.files(BASE), specs.files(role), progress=progress)
        except STOPPING:
            raise
        except StrataError as error:
            whole = whole and not isinstance(error, NotFetchedError)
            exclude(refused_by(error, "pair-check", role))
            checks[role] = LineageCheck(verdict="unclear", ok=False, reasons=(error.what,))
            continue
        whole = whole and not check.unfetched
        checks[role] = LineageCheck.of(check)
    if whole:
        run.write_json(PAIR_CHECK_FILE, checks)
    return checks


def write_weights(
    run: RunDirectory,
    specs: Specs,
    others: Sequence[Role],
    config: CompareConfig,
    exclude: Exclude,
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
            exclude(refused_by(error, "weights", role))
            continue
        apart = sum(change.moments is None for change in changes)
        if apart:
            why = WhyNotCompared(code="tensors-apart", apart=apart, of=len(changes))
            exclude(ExcludedPart(part="all-weights", model=role, why=why))
        rows += [{"contrast": role, **asdict(line)} for line in weight_changes(changes)]
    if whole:
        run.write_rows(WEIGHTS, rows)
