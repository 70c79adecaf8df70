"""What differs between two finished runs, or between the settings of any? Nothing is measured, nothing written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from strata.experiments.results.comparison import Comparison
from strata.experiments.results.families import Place
from strata.experiments.results.kinds import Located
from strata.experiments.results.locate_summary import Summary
from strata.experiments.results.reasons import WhyNotLocated, WhyNotPlaced
from strata.experiments.results.run_difference import (
    Apart,
    FamilyApart,
    KindApart,
    LeavesApart,
    Path,
    RunDifference,
    SettingApart,
    VerdictApart,
    VerdictOf,
    leaves_apart,
    settings_apart,
)
from strata.experiments.run import summary_version_1
from strata.experiments.run.finished import FinishedRun
from strata.experiments.run.manifest import Manifest
from strata.experiments.run.summary_file import comparison_result_of, probe_summary_of, summary_of

TOLERANCE = 0.001
"""Of a number, in units of the larger of 1 and both."""
_TOLD_ELSEWHERE = (
    "schema", "run", "seed", "n_layers", "framing", "quick", "carrying", "definition", "checkpoint", "place", "why_not_placed", "located", "why_not_located", "sha256", "spec",
)  # fmt: skip
_OfKind = tuple[str, str | None]
"""Kind and, of a comparison, model."""
_Where = tuple[Located | None, WhyNotLocated | None]
_HASH = "sha256"
_ITEMS = "items_sha256"
_CONDITIONS = ("dtype", "attention")


@dataclass(frozen=True)
class Settings:
    """What of several manifests isn't the same in all; every row has one value a run."""

    configuration: tuple[SettingApart, ...]
    models: tuple[SettingApart, ...]
    """Weights, tokenizers and shapes."""
    versions: tuple[SettingApart, ...]
    """Of Python and the libraries, hardware and precision."""


def settings_of(manifests: Sequence[Manifest]) -> Settings:
    """Of any number of runs, finished or not."""
    return Settings(
        settings_apart([_configuration(manifest) for manifest in manifests]),
        settings_apart([_models(manifest) for manifest in manifests]),
        settings_apart([_versions(manifest) for manifest in manifests]),
    )


def diff_runs(first: FinishedRun, second: FinishedRun, tolerance: float = TOLERANCE) -> RunDifference:
    """Only what differs between two runs. Two of different commands are compared by their settings alone.

    Raises StrataError where a result isn't what its schema says.
    """
    settings = settings_of([first.manifest, second.manifest])
    notes = list(_notes(first.manifest, second.manifest, settings))
    families: tuple[FamilyApart, ...] = ()
    kinds: tuple[KindApart, ...] = ()
    verdicts: tuple[VerdictApart, ...] = ()
    leaves = LeavesApart()
    if first.manifest.verb == second.manifest.verb:
        one, other = (_typed(run) for run in (first, second))
        families, kinds = tuple(_families(one, other)), tuple(_kinds(one, other))
        verdicts = tuple(_verdicts(one.verdicts, other.verdicts))
        apart = leaves_apart(one.content, other.content, tolerance, _TOLD_ELSEWHERE)
        leaves = LeavesApart(
            numbers=tuple(number for number in apart.numbers if not _is_verdict(number.path)),
            codes=tuple(code for code in apart.codes if not _is_verdict(code.path)), only=apart.only,
        )  # fmt: skip
    return RunDifference(
        runs=(str(first.directory), str(second.directory)), tolerance=tolerance, apart=tuple(notes),
        configuration=settings.configuration, models=settings.models, versions=settings.versions, families=families,
        kinds=kinds, verdicts=verdicts, leaves=leaves,
    )  # fmt: skip


def _configuration(manifest: Manifest) -> dict[Path, JsonValue]:
    # A comparison has that of its models' runs inside of its own.
    return {
        path[1:] if path[0] == "locate" and len(path) > 1 else path: value
        for path, value in _flat(manifest.config or {})
        if not _is_model(path) and path[-1] not in _CONDITIONS
    }


def _models(manifest: Manifest) -> dict[Path, JsonValue]:
    hashes = {path: value for path, value in _flat(manifest.config or {}) if _is_model(path)}
    made = manifest.checkpoint
    shape: dict[str, JsonValue] = {
        "checkpoint": made.spec, "revision": made.revision, "n_layers": made.n_layers, "d_model": made.d_model,
        "vocab_size": made.vocab_size,
    }  # fmt: skip
    return {**{(name,): value for name, value in shape.items() if value not in ("", 0, None)}, **hashes}


def _versions(manifest: Manifest) -> dict[Path, JsonValue]:
    versions: dict[Path, JsonValue] = {(name,): version for name, version in manifest.versions.items()}
    if manifest.git is not None:
        versions["git",] = f"{manifest.git.commit}{' (changed)' if manifest.git.dirty else ''}"
    versions["device",] = manifest.device
    return versions | {path: value for path, value in _flat(manifest.config or {}) if path[-1] in _CONDITIONS}


def _is_model(path: Path) -> bool:
    return path[-1] not in (_ITEMS, *_CONDITIONS) and (path[0] == "models" or path[-1].endswith(_HASH))


def _flat(value: Mapping[str, JsonValue], inside: Path = ()) -> Iterator[tuple[Path, JsonValue]]:
    for key, inner in value.items():
        if isinstance(inner, dict) and inner:
            yield from _flat(inner, (*inside, key))
        else:
            yield (*inside, key), inner


def _notes(first: Manifest, second: Manifest, settings: Settings) -> Iterator[Apart]:
    if first.verb != second.verb:
        yield "other-command"
    if any(row.path[-1].endswith(_HASH) for row in settings.models):
        yield "other-models"
    if any(row.path[-1] == _ITEMS for row in settings.configuration):
        yield "other-items"
    if settings.versions:
        yield "other-versions"
    if any(summary_version_1.is_first({"config": manifest.config}) for manifest in (first, second)):
        yield "earlier-rule"


@dataclass(frozen=True)
class _Result:
    content: JsonValue
    summary: Summary | None
    located: Mapping[_OfKind, _Where]
    verdicts: Mapping[tuple[VerdictOf, str], str | int]


def _typed(run: FinishedRun) -> _Result:
    if run.manifest.verb == "probe":
        return _Result(probe_summary_of(run.result).as_json(), None, {}, {})
    if run.manifest.verb in ("behave", "sweep"):
        return _Result(run.result, None, {}, {})
    if run.manifest.verb == "locate":
        summary = summary_of(run.result)
        located: dict[_OfKind, _Where] = {
            (kind, None): (of.located, of.why_not_located) for kind, of in summary.kinds.items()
        }
        said: dict[tuple[VerdictOf, str], str | int] = {("order", ""): summary.order.verdict}
        said |= {("hypothesis", one.sentence): one.verdict for one in summary.hypothesis}
        return _Result(summary.as_json(), summary, located, said)
    comparison = comparison_result_of(run.result)
    places: dict[_OfKind, _Where] = {
        (kind, role): (place, None) for kind, of in comparison.kinds.items() for role, place in of.located.items()
    }
    return _Result(comparison.as_json(), None, places, dict(_compared_verdicts(comparison)))


def _compared_verdicts(comparison: Comparison) -> Iterator[tuple[tuple[VerdictOf, str], str | int]]:
    yield ("hypothesis", ""), comparison.verdict.hypothesis
    for about in ("generated", "knowledge", "where"):
        yield ("headline", about), getattr(comparison.headline, about).claim
    for kind, of in comparison.kinds.items():
        yield ("claim", kind), of.claimed
        for role, change in of.location_change.items():
            yield ("location-change", f"{kind} · {role}"), change.verdict
    for role, order in comparison.order.items():
        yield ("order", role), order.verdict
    for role, check in comparison.pair_check.items():
        yield ("base-check", role), check.verdict


def _is_verdict(path: Path) -> bool:
    """Whether it is told as one."""
    if path[-1] in ("claim", "claimed"):
        return True
    of = path[-1] == "verdict" and (path[0] in ("order", "hypothesis", "pair_check") or "location_change" in path)
    return of or path == ("verdict", "hypothesis")


def _families(first: _Result, second: _Result) -> Iterator[FamilyApart]:
    if first.summary is None or second.summary is None:
        return
    for name, one in first.summary.families.items():
        other = second.summary.families.get(name)
        if other is not None and _answer(one.place, one.why_not_placed) != _answer(other.place, other.why_not_placed):
            yield FamilyApart(
                family=name, span=one.span, places=(one.place, other.place),
                why=(one.why_not_placed, other.why_not_placed),
            )  # fmt: skip


def _kinds(first: _Result, second: _Result) -> Iterator[KindApart]:
    for kind, model in dict.fromkeys((*first.located, *second.located)):
        one, why = first.located.get((kind, model), (None, None))
        other, why_other = second.located.get((kind, model), (None, None))
        if _answer(one, why) != _answer(other, why_other):
            yield KindApart(kind=kind, model=model, located=(one, other), why=(why, why_other))


def _answer(place: Place | Located | None, why: WhyNotPlaced | WhyNotLocated | None) -> tuple[object, ...]:
    """Where it is and how sure that is, or why that isn't known; numbers beside it are told as numbers."""
    if place is not None:
        return place.cell, place.first, place.last, place.interval, place.extent
    return (None if why is None else why.code,)


def _verdicts(
    first: Mapping[tuple[VerdictOf, str], str | int], second: Mapping[tuple[VerdictOf, str], str | int]
) -> Iterator[VerdictApart]:
    for of, about in dict.fromkeys((*first, *second)):
        verdicts = first.get((of, about)), second.get((of, about))
        if verdicts[0] != verdicts[1]:
            yield VerdictApart(of=of, about=about, verdicts=verdicts)
