"""What a finished run says, typed: summary.json of a `locate`, of whichever version wrote it, of a `probe` and of a `behave`,
comparison.json and sweep.json."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from pydantic import JsonValue, ValidationError

from strata.experiments.results.behaviour_summary import BehaviourSummary
from strata.experiments.results.comparison import Comparison
from strata.experiments.results.file_versions import SUMMARY_SCHEMA
from strata.experiments.results.locate_summary import Summary
from strata.experiments.results.probe_summary import ProbeSummary
from strata.experiments.results.sweep import SweepResult
from strata.experiments.run import summary_version_1
from strata.experiments.run.files import read_object
from strata.probes.errors import StrataError


def summary_of(content: Mapping[str, JsonValue]) -> Summary:
    """From what the file holds. Raises StrataError naming the field that isn't what the schema says."""
    try:
        if content.get("schema") == summary_version_1.SCHEMA:
            return summary_version_1.summary_as_read(content)
        return Summary.model_validate(content)
    except ValidationError as error:
        raise _departure(error) from error


def probe_summary_of(content: Mapping[str, JsonValue]) -> ProbeSummary:
    """The same of a `probe`."""
    try:
        return ProbeSummary.model_validate(content)
    except ValidationError as error:
        raise _departure(error) from error


def behaviour_summary_of(content: Mapping[str, JsonValue]) -> BehaviourSummary:
    """The same of a `behave`."""
    try:
        return BehaviourSummary.model_validate(content)
    except ValidationError as error:
        raise _departure(error) from error


def comparison_result_of(content: Mapping[str, JsonValue]) -> Comparison:
    """The same of a `compare`."""
    try:
        return Comparison.model_validate(content)
    except ValidationError as error:
        raise _departure(error, "comparison.json") from error


def sweep_result_of(content: Mapping[str, JsonValue]) -> SweepResult:
    """The same of a `sweep`."""
    try:
        return SweepResult.model_validate(content)
    except ValidationError as error:
        raise _departure(error, "sweep.json") from error


SUMMARISED: Mapping[
    str, Callable[[Mapping[str, JsonValue]], Summary | ProbeSummary | BehaviourSummary | SweepResult]
] = {
    "locate": summary_of,
    "probe": probe_summary_of,
    "behave": behaviour_summary_of,
    "sweep": sweep_result_of,
}
"""By verb: what its result says. A `compare` summarises nothing, each of its models does."""


def _departure(error: ValidationError, file: str = "summary.json") -> StrataError:
    problem = error.errors()[0]
    where = f"{error.title}.{'.'.join(map(str, problem['loc']))}: {problem['msg'].lower()}"
    return StrataError(
        f"{file} doesn't hold what its schema says ({where})", "Delete it and start the same command again"
    )


def read_summary(run: Path) -> Summary:
    """Of a run directory. Raises DamagedError for a damaged file or one of another version, StrataError as `summary_of`."""
    return summary_of(read_object(run / "summary.json", SUMMARY_SCHEMA))
