"""Which caveats stand beside the verdict? Those that the run left, and those that its tables speak of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from strata.dashboards.sentences.page_only_caveats import (
    NO_FORM_CHECK,
    QUICK,
    failed_self_tests,
    form_tells_apart,
    limited,
    read_out_sentence,
    unanswered,
)
from strata.dashboards.sentences.run_caveats import caveat_sentence
from strata.dashboards.view.schema_parts import Coded
from strata.dashboards.view.schema_places import KindView
from strata.dashboards.view.schema_readings import FamilyAnswers, Series
from strata.dashboards.view.tables import RunTables
from strata.experiments.locate.read_out_caveats import KEEPING_UP, CurvePoint, ReadOutCaveat, read_out_caveats


def caveats_of(
    run: RunTables, kinds: Sequence[KindView], series: Sequence[Series], behaviour: Sequence[FamilyAnswers]
) -> tuple[Coded, ...]:
    """Each once, however often it was found."""
    told: dict[str, Coded] = {}
    for caveat in _all(run, kinds, series, behaviour):
        told.setdefault(caveat.text, caveat)
    return tuple(told.values())


def _all(
    run: RunTables, kinds: Sequence[KindView], series: Sequence[Series], behaviour: Sequence[FamilyAnswers]
) -> Iterator[Coded]:
    if run.summary.quick:
        yield Coded(code="quick", text=QUICK)
    if run.manifest.limited:
        yield Coded(code="limited", text=limited(len(run.behaviour)))
    failed = [test.name for test in run.manifest.self_tests if not test.passed]
    if failed:
        yield Coded(code="self_test", text=failed_self_tests(failed))
    for kind in kinds:
        families = [family for family in behaviour if family.kind == kind.kind]
        missing = [family.family for family in families if not family.answered]
        if missing:
            yield Coded(code="unanswered", text=unanswered(kind.kind, missing, len(families)))
    for kind in kinds:
        for doubt in _of_read_outs(kind, series):
            yield Coded(code="contradiction", text=read_out_sentence(kind.kind, doubt))
    if run.format_check is None or not run.format_check.contrasts:
        yield Coded(code="format", text=NO_FORM_CHECK)
    else:
        for contrast in run.format_check.contrasts:
            if not contrast.contains_chance:
                yield Coded(code="format", text=form_tells_apart(contrast))
    for caveat in run.summary.warnings:
        yield Coded(code="warning", text=f"{caveat_sentence(caveat).rstrip('.')}.")


def _of_read_outs(kind: KindView, series: Sequence[Series]) -> Iterator[ReadOutCaveat]:
    probe, lens = (onset.layer for onset in kind.onsets)
    points = {} if probe is None else {name: _at(series, kind.kind, name, probe) for name in ("accuracy", *KEEPING_UP)}
    yield from read_out_caveats(probe, lens, {name: point for name, point in points.items() if point is not None})


def _at(series: Sequence[Series], kind: str, measure: str, layer: int) -> CurvePoint | None:
    """The main probe of a kind's answers at one stream."""
    for s in series:
        if (s.instrument, s.measure, s.kind, s.family) != ("probe.linear", measure, kind, None):
            continue
        if s.target not in (None, "answer") or s.scheme not in (None, "cluster") or layer not in s.layer:
            continue
        i = s.layer.index(layer)
        return CurvePoint(s.mean[i], s.low[i], s.high[i])
    return None
