"""Which caveats stand beside the verdict? Those that the run left, and those that its tables speak of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from strata.dashboards.sentences.page_only_caveats import (
    NO_FORM_CHECK,
    PROBE_CONTROLS,
    QUICK,
    Keeps,
    controls_keep_up,
    decodable_at_the_input,
    failed_self_tests,
    form_tells_apart,
    limited,
    readable_before_decodable,
    unanswered,
)
from strata.dashboards.sentences.run_caveats import caveat_sentence
from strata.dashboards.view.schema_parts import Coded
from strata.dashboards.view.schema_places import KindView
from strata.dashboards.view.schema_readings import FamilyAnswers, Series
from strata.dashboards.view.tables import RunTables


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
        for text in _contradictions(kind, series):
            yield Coded(code="contradiction", text=text)
    if run.format_check is None or not run.format_check.contrasts:
        yield Coded(code="format", text=NO_FORM_CHECK)
    else:
        for contrast in run.format_check.contrasts:
            if not contrast.contains_chance:
                yield Coded(code="format", text=form_tells_apart(contrast))
    for caveat in run.summary.warnings:
        yield Coded(code="warning", text=f"{caveat_sentence(caveat).rstrip('.')}.")


def _contradictions(kind: KindView, series: Sequence[Series]) -> Iterator[str]:
    """Where a control or a baseline speaks against the onset that the sentence names."""
    probe, lens = (onset.layer for onset in kind.onsets)
    if probe is None:
        return
    if probe == 0:
        yield decodable_at_the_input(kind.kind)
    if lens is not None and lens < probe:
        yield readable_before_decodable(kind.kind, lens, probe)
    accuracy = _at(series, kind.kind, "accuracy", probe)
    if accuracy is None or accuracy.low is None:
        return
    keeping = []
    for measure, words in PROBE_CONTROLS.items():
        control = _at(series, kind.kind, measure, probe)
        if control is not None and control.mean is not None and control.mean >= accuracy.low:
            keeping.append(Keeps(words, control.mean))
    if keeping:
        yield controls_keep_up(kind.kind, probe, keeping, accuracy.low, accuracy.high)


@dataclass(frozen=True)
class _Point:
    mean: float | None
    low: float | None
    high: float | None


def _at(series: Sequence[Series], kind: str, measure: str, layer: int) -> _Point | None:
    """The main probe of a kind's answers at one stream."""
    for s in series:
        if (s.instrument, s.measure, s.kind, s.family) != ("probe.linear", measure, kind, None):
            continue
        if s.target not in (None, "answer") or s.scheme not in (None, "cluster") or layer not in s.layer:
            continue
        i = s.layer.index(layer)
        return _Point(s.mean[i], s.low[i], s.high[i])
    return None
