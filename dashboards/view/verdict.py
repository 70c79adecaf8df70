"""The verdict card: what is said in sentences, a row a kind, and every caveat. Every n belongs to the items its sentence is about."""

from __future__ import annotations

from collections.abc import Sequence

from strata.dashboards.number_formats import significant
from strata.dashboards.sentences import what_would_change
from strata.dashboards.sentences.first_evidence import evidence_lines
from strata.dashboards.sentences.instruments import instrument_label
from strata.dashboards.sentences.intermediates import intermediates_words
from strata.dashboards.sentences.onset_sentence import readings_sentence
from strata.dashboards.sentences.reasons import why_not_located
from strata.dashboards.sentences.short_caveats import short_caveats
from strata.dashboards.sentences.summary import first_rule, headline, said
from strata.dashboards.sentences.verdict_rows import NO_READ_OUT, NotLocated, located_in, read_from, tested_in
from strata.dashboards.view.labels import kind_order
from strata.dashboards.view.schema_parts import Coded
from strata.dashboards.view.schema_places import KindView, OnsetView, PlaceView, SentenceView, VerdictView
from strata.dashboards.view.schema_readings import FamilyAnswers
from strata.dashboards.view.stages import localised_state
from strata.dashboards.view.tables import RunTables
from strata.dashboards.view.verdict_caveats import caveats_of, listed_caveats
from strata.experiments.items.schema import KNOWLEDGE_AND_REASONING
from strata.experiments.results.kinds import Located
from strata.experiments.results.locate_summary import Instrument, Summary


def build_verdict(run: RunTables, behaviour: Sequence[FamilyAnswers]) -> VerdictView:
    """From the summary, and from what its tables say against it."""
    summary = run.summary
    names = sorted(summary.kinds, key=lambda name: (kind_order(name), name))
    kinds = [_kind(summary, name, behaviour) for name in names]
    state = localised_state(summary)
    first = [first_rule()] if summary.withdrawn else []
    told = [*first, *said(summary), readings_sentence(summary)]
    order = summary.order
    caveats = listed_caveats(caveats_of(run))
    return VerdictView(
        state=state,
        word=order.verdict,
        headline=headline(told, ordered=order.verdict != "undetermined"),
        evidence=() if summary.withdrawn else tuple(evidence_lines(summary.localisation)),
        sentences=tuple(SentenceView(about=s.about, head=s.head, rest=s.rest) for s in told),
        intermediates=intermediates_words(summary.intermediates) if "composite" in names else "",
        general=not summary.withdrawn and (order.general or order.verdict == "undetermined"),
        ordered=not summary.withdrawn and set(KNOWLEDGE_AND_REASONING) <= set(names),
        quick=summary.quick,
        kinds=tuple(kinds),
        caveats=caveats,
        short_caveats=tuple(Coded(code=code, text=text) for code, text in short_caveats(c.code for c in caveats)),
        would_change=what_would_change.WITH_INTERVENTIONS if state == "ok" else what_would_change.WITHOUT_INTERVENTIONS,
    )


def _kind(summary: Summary, name: str, behaviour: Sequence[FamilyAnswers]) -> KindView:
    families = [family for family in behaviour if family.kind == name]
    of_kind = summary.kinds[name]
    located, code = of_kind.located, None if of_kind.why_not_located is None else of_kind.why_not_located.code
    sought, why = code not in ("no-interventions", "not-asked"), ""
    otherwise: NotLocated = "withdrawn" if summary.withdrawn else "undetermined" if sought else "not-sought"
    if located is None and not summary.withdrawn:
        why = "" if of_kind.why_not_located is None else why_not_located(of_kind.why_not_located)
    return KindView(
        kind=name,
        items=of_kind.items,
        used=of_kind.used,
        accuracy=significant(of_kind.accuracy),
        families=len(families),
        families_answered=sum(family.answered for family in families),
        sought=sought,
        located=located_in(
            located, (family.span for family in summary.families.values() if family.kind == name), otherwise
        ),
        place=None if located is None else _place(located, summary.n_layers),
        tested=tested_in(located),
        why=why,
        onsets=(
            _onset("probe", instrument_label("probe.linear"), of_kind.instruments.probe, summary.n_layers),
            _onset("lens", instrument_label("lens.logit"), of_kind.instruments.lens, summary.n_layers),
        ),
    )


def _place(located: Located, n_layers: int) -> PlaceView:
    """In blocks, and as depths for its strip."""
    low, high = located.interval
    return PlaceView(
        cell=located.cell, first=located.first, last=located.last, interval=located.interval,
        depth=significant(located.depth),
        ends=(significant(located.first / n_layers), significant((located.last + 1) / n_layers)),
        wide=(significant(low / n_layers), significant((high + 1) / n_layers)),
    )  # fmt: skip


def _onset(name: str, label: str, instrument: Instrument | None, n_layers: int) -> OnsetView:
    onset = None if instrument is None else instrument.onset
    if onset is None:
        return OnsetView(
            instrument=name, label=label, state="not_run", axis="stream", definition="", layer=None, depth=None, low=None,
            high=None, low_depth=None, high_depth=None, n=None, text=NO_READ_OUT,
        )  # fmt: skip
    low, high = onset.interval or (None, None)
    depth = onset.layer / n_layers if onset.layer is not None and onset.depth is None else onset.depth
    # An interval that reaches "none" is drawn to the end of the strip.
    end = n_layers if high is None and low is not None else high
    return OnsetView(
        instrument=name, label=label, state="ok", axis="stream", definition=onset.definition, layer=onset.layer,
        depth=significant(depth), low=low, high=high, low_depth=None if low is None else significant(low / n_layers),
        high_depth=None if end is None else significant(end / n_layers), n=onset.n,
        text=read_from(onset.layer, significant(depth), (low, high)),
    )  # fmt: skip
