"""Every caveat of a finished run, found once for terminal, page and `--json`: what the run left, and what its tables speak of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from strata.experiments.items.schema import KINDS, Kind
from strata.experiments.locate.read_out_caveats import KEEPING_UP, CurvePoint, read_out_caveats
from strata.experiments.results.caveats import Caveat
from strata.experiments.results.format_check import FormCheck
from strata.experiments.results.locate_summary import Instrument, Summary
from strata.experiments.results.locate_tables import BehaviourRow, CurveRow
from strata.experiments.run.manifest import Manifest


def run_caveats(
    summary: Summary,
    manifest: Manifest,
    behaviour: Sequence[BehaviourRow],
    curves: Sequence[CurveRow],
    form: FormCheck | None,
) -> tuple[Caveat, ...]:
    """Each code with its parameters once. `behaviour`: a row an item; `form`: None where the format-only classifier did not run."""
    told: list[Caveat] = []
    for caveat in _all(summary, manifest, behaviour, curves, form):
        if caveat not in told:
            told.append(caveat)
    return tuple(told)


def _all(
    summary: Summary,
    manifest: Manifest,
    behaviour: Sequence[BehaviourRow],
    curves: Sequence[CurveRow],
    form: FormCheck | None,
) -> Iterator[Caveat]:
    if summary.quick:
        yield Caveat(code="quick")
    if manifest.limited:
        yield Caveat(code="limited", items=len(behaviour))
    failed = tuple(test.name for test in manifest.self_tests if not test.passed)
    if failed:
        yield Caveat(code="self-tests-failed", tests=failed)
    kinds = [kind for kind in KINDS if kind in summary.kinds]
    for kind in kinds:
        yield from _unanswered(kind, summary, behaviour)
    for kind in kinds:
        yield from _of_read_outs(kind, summary, curves)
    if form is None or not form.contrasts:
        yield Caveat(code="no-form-check")
    else:
        for contrast in form.contrasts:
            if not contrast.contains_chance:
                yield Caveat(code="form-tells-apart", contrast=contrast)
    yield from summary.warnings


def _unanswered(kind: Kind, summary: Summary, behaviour: Sequence[BehaviourRow]) -> Iterator[Caveat]:
    families = sorted({row.family for row in behaviour if row.kind == kind})
    answered = {
        family.behaviour.family
        for family in summary.families.values()
        if family.kind == kind and family.behaviour.answered
    }
    missing = tuple(family for family in families if family not in answered)
    if missing:
        yield Caveat(code="unanswered", kind=kind, families=missing, of=len(families))


def _of_read_outs(kind: Kind, summary: Summary, curves: Sequence[CurveRow]) -> Iterator[Caveat]:
    instruments = summary.kinds[kind].instruments
    probe, lens = _onset(instruments.probe), _onset(instruments.lens)
    points = {} if probe is None else {row.measure: row for row in curves if _is_main_probe(row, kind, probe)}
    at_onset = {
        measure: CurvePoint(points[measure].mean, points[measure].low, points[measure].high)
        for measure in ("accuracy", *KEEPING_UP)
        if measure in points
    }
    yield from read_out_caveats(kind, probe, lens, at_onset)


def _onset(instrument: Instrument | None) -> int | None:
    return None if instrument is None or instrument.onset is None else instrument.onset.layer


def _is_main_probe(row: CurveRow, kind: Kind, stream: int) -> bool:
    """Whether it is of the probe whose onset is told: of the kind's answers at the last position, no cluster in two folds."""
    return (
        (row.instrument, row.kind, row.family, row.layer) == ("probe.linear", kind, None, stream)
        and (row.target in (None, "answer") and row.scheme in (None, "cluster"))
        and row.position in (None, "last")
    )
