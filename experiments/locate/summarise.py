"""What may be said in the end: onsets with intervals, answered shares, and every caveat with the same weight."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from strata.experiments.items.entity import entity_of
from strata.experiments.items.framing import Framing
from strata.experiments.items.schema import KINDS, KNOWLEDGE_AND_REASONING, Kind
from strata.experiments.locate.causal.pipeline import Causal
from strata.experiments.locate.curves import Intervals, probe_measures, random_init_of
from strata.experiments.locate.lens_tables import above_elsewhere, lens_values
from strata.experiments.locate.probing import Probed
from strata.experiments.questions import Questions
from strata.experiments.results.answer_measures import decided_by
from strata.experiments.results.caveats import Caveat
from strata.experiments.results.families import FamilyResult
from strata.experiments.results.family_names import called, result_of
from strata.experiments.results.item_exclusions import as_texts
from strata.experiments.results.locate_summary import (
    CheckpointSummary,
    FamilyBehaviour,
    FamilySummary,
    Instrument,
    Instruments,
    KindSummary,
    ReadOutOnset,
    Summary,
    WhyNoOnset,
)
from strata.experiments.results.locate_tables import BehaviourRow, LocationRow
from strata.experiments.results.reasons import WhyNotPlaced
from strata.experiments.run.directory import RunDirectory
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.files.activation_store import ActivationStore
from strata.probes.statistics.onset import Onset, onset

"""Kinds that the order is about."""
PROBE_RULE = (
    "first of three streams in a row at which the 95 % lower bound of held-out accuracy minus its best baseline "
    "({}) lies above 0; folds share no entity"
)
BASELINES = {
    "shuffled": "probes of shuffled labels, fitted anew",
    "chance": "rate of the commonest label",
    "embedding_only": "embedding alone",
    "random_init": "random-initialised model",
}
LENS_RULE = (
    "first of three streams in a row at which the 95 % lower bound of the share of items whose answer stands further above an "
    "unrelated answer of its family than in another item's prompt lies above one half"
)


def locations_of(
    store: ActivationStore,
    questions: Questions,
    used: set[str],
    probed: Probed,
    lenses: Sequence[str],
    last: int,
    intervals: Intervals,
    n_layers: int,
) -> list[LocationRow]:
    """Rows of the locations table: the onset of every instrument, by kind and by family, at the last position.

    `last`: its index on the stored axis of positions.
    """
    rows = []
    fresh = random_init_of(probed)
    answers = [
        scored for scored in probed.scored
        if (scored.target.name, scored.target.position, scored.target.scheme, scored.target.source) == ("answer", "last", "cluster", "model")
    ]  # fmt: skip
    for probe in ("linear", "mass_mean"):
        of_probe = [scored for scored in answers if scored.target.probe == probe]
        for kind in KINDS:
            members = [scored for scored in of_probe if scored.target.kind == kind]
            for family, group in [(None, members), *((scored.target.family, [scored]) for scored in members)]:
                if not group:
                    continue
                items, measures = probe_measures(group, fresh)
                there = [name for name in BASELINES if name in measures]
                baselines = [measures[name] for name in there]
                rule = PROBE_RULE.format(", ".join(BASELINES[name] for name in there))
                clusters = [entity_of(questions.encoded[index].item) for index in items]
                onset = _onset(measures["accuracy"], baselines, clusters, intervals)
                rows.append(_location(kind, family, f"probe.{probe}", "accuracy", onset, n_layers, rule))
    keys = [encoded_item.key for encoded_item in questions.encoded]
    for lens in lenses:
        above = above_elsewhere(lens_values(store, questions.encoded, lens))[..., last].double().numpy()
        for kind in KINDS:
            members_of = [
                i
                for i, encoded_item in enumerate(questions.encoded)
                if encoded_item.item.kind == kind and not np.isnan(above[i]).any()
            ]
            families = sorted({questions.encoded[i].item.family for i in members_of})
            groups: list[tuple[str | None, list[int]]] = [(None, [i for i in members_of if keys[i] in used])]
            groups += [(name, [i for i in members_of if questions.encoded[i].item.family == name]) for name in families]
            for family, indices in groups:
                if indices:
                    clusters = [entity_of(questions.encoded[index].item) for index in indices]
                    onset = _onset(above[indices], [np.full((len(indices), above.shape[1]), 0.5)], clusters, intervals)
                    rows.append(_location(kind, family, f"lens.{lens}", "above_null", onset, n_layers, LENS_RULE))
    return rows


def summarise(
    run: RunDirectory,
    checkpoint: Checkpoint,
    questions: Questions,
    families: Sequence[FamilyBehaviour],
    kinds: Mapping[str, KindSummary],
    causal: Causal,
    *,
    seed: int,
    framing: Framing,
    quick: bool,
) -> Summary:  # Nine parameters: it puts together what all the stages say.
    """`summary.json`, version 2. `located`, `order` and `hypothesis` come from the interventions alone."""
    if framing != "raw":
        run.warn(Caveat(code="framed", framing=framing))
    for caveat in (*causal.caveats, *_caveats(kinds)):
        run.warn(caveat)
    identity = checkpoint.identity
    return Summary(
        run=run.run_id,
        checkpoint=CheckpointSummary(spec=identity.spec, identity=dict(identity.parts)),
        n_layers=checkpoint.n_layers,
        seed=seed,
        framing=framing,
        families=_families(families, causal.localisation.families),
        kinds=kinds,
        order=causal.localisation.order,
        hypothesis=causal.localisation.hypothesis,
        causal=causal.settings,
        intermediates=causal.intermediates,
        quick=quick,
        limited=questions.limited,
        warnings=run.manifest.warnings,
    )


def kind_summaries(
    behaviour: Sequence[BehaviourRow], locations: Sequence[LocationRow], probed: Probed, causal: Causal
) -> dict[str, KindSummary]:
    """Every kind that was asked for."""
    kinds: dict[str, KindSummary] = {}
    localisation = causal.localisation
    for kind in KINDS:
        rows = [row for row in behaviour if row.kind == kind]
        if not rows:
            continue
        asked = [row for row in rows if row.answered is not None]
        kinds[kind] = KindSummary(
            items=len(rows),
            used=sum(row.used for row in rows),
            accuracy=float(np.mean([row.answered for row in asked])) if asked else None,
            decided_by=decided_by(map(vars, asked)),
            excluded=Counter(row.reason for row in rows if row.reason),
            pairs=sum(family.pairs for family in localisation.families.values() if family.kind == kind),
            not_intervened_on=as_texts(causal.excluded.get(kind, {})),
            instruments=Instruments(
                probe=_instrument(locations, kind, "probe.linear", _why_no_probe(probed, kind)),
                lens=_instrument(locations, kind, "lens.logit", WhyNoOnset(code="no-unrelated-answer", kind=kind)),
            ),
            **{name: getattr(localisation.kinds[kind], name) for name in type(localisation.kinds[kind]).model_fields},
        )
    return kinds


def _families(asked: Sequence[FamilyBehaviour], localised: Mapping[str, FamilyResult]) -> dict[str, FamilySummary]:
    """What interventions say of each family and, under `behaviour`, how it is answered."""
    families: dict[str, FamilySummary] = {}
    own = [behaviour.family for behaviour in asked]
    for behaviour in asked:
        name = behaviour.family
        said = result_of(localised, behaviour.kind, name) or FamilyResult(
            kind=behaviour.kind, pairs=0, entities=0, answers=0, offered=0, answered_both=None,
            why_not_placed=WhyNotPlaced(code="no-interventions"),
        )  # fmt: skip
        fields = {name: getattr(said, name) for name in FamilyResult.model_fields}
        families[called(behaviour.kind, name, own)] = FamilySummary(behaviour=behaviour, **fields)
    return families


def _caveats(kinds: Mapping[str, KindSummary]) -> Iterator[Caveat]:
    for asked in KNOWLEDGE_AND_REASONING:
        if asked in kinds and kinds[asked].used == 0:
            yield Caveat(code="none-answered", kind=asked)
    for kind in KINDS:
        if kind not in kinds:
            continue
        instruments = kinds[kind].instruments
        yield from _contradictions(kind, kinds[kind])
        probe, lens = instruments.probe, instruments.lens
        early = decodable_before_readable(None if probe is None else probe.onset, None if lens is None else lens.onset)
        if early is not None:
            yield Caveat(code="decodable-first", kind=kind, streams=early)


def decodable_before_readable(probe: ReadOutOnset | None, lens: ReadOutOnset | None) -> int | None:
    """By how many streams, where it is more than two and the intervals of the two onsets have no stream in common."""
    if probe is None or lens is None or probe.layer is None or lens.layer is None:
        return None
    early = lens.layer - probe.layer
    # An interval whose upper end is "none" reaches past every stream, and without an interval nothing tells the two apart.
    if early <= 2 or probe.interval is None or lens.interval is None or probe.interval[1] is None:
        return None
    return early if probe.interval[1] < lens.interval[0] else None


def _contradictions(kind: Kind, summary: KindSummary) -> Iterator[Caveat]:
    """A block writes the stream behind it: read-outs at the last position that come before it contradict its place there."""
    located = summary.located
    if located is None or located.cell not in ("move", "work_out"):
        return
    first, last = located.interval
    for name, instrument in (("probe", summary.instruments.probe), ("lens", summary.instruments.lens)):
        onset = None if instrument is None else instrument.onset
        if onset is None or onset.layer is None or onset.interval is None:
            continue
        low, high = onset.interval
        late, early = low > last + 1, high is not None and high < first
        if late or early:
            yield Caveat(
                code="read-out-late" if late else "read-out-early", kind=kind, first=first, last=last,
                instrument="probe" if name == "probe" else "lens", stream=onset.layer,
            )  # fmt: skip


def _why_no_probe(probed: Probed, kind: Kind) -> WhyNoOnset:
    """The commonest reason for which the kind's answer targets could not be probed."""
    reasons = Counter(one.said for one in probed.not_probed if one.target.name == "answer" and one.target.kind == kind)
    if not reasons:
        return WhyNoOnset(code="no-target", kind=kind)
    return WhyNoOnset(code="not-probed", kind=kind, text=reasons.most_common(1)[0][0])


def _instrument(locations: Sequence[LocationRow], kind: Kind, name: str, otherwise: WhyNoOnset) -> Instrument:
    for row in locations:
        if (row.kind, row.family, row.instrument) == (kind, None, name):
            interval = None if row.low is None else (int(row.low), None if row.high is None else int(row.high))
            onset = ReadOutOnset(
                layer=row.layer, depth=row.depth, interval=interval, n=row.n, definition=row.method or ""
            )
            return Instrument(onset=onset)
    return Instrument(onset=None, reason=otherwise)


def _onset(values: np.ndarray, baselines: Sequence[np.ndarray], clusters: Sequence[str], intervals: Intervals) -> Onset:
    return onset(values, baselines, clusters, draws=intervals.draws, seed=intervals.seed)


def _power(onset: Onset) -> str:
    """How small a value would have been seen: where there is no onset, it says how much that means."""
    if onset.lower_bound is None:
        return f"not decided with {onset.n_clusters} clusters, 8 are needed"
    if onset.smallest_seen is None:
        return f"{onset.n_clusters} clusters"
    return f"with {onset.n_clusters} clusters a value of {onset.smallest_seen:.2f} would have been seen"


def _location(
    kind: str, family: str | None, instrument: str, measure: str, onset: Onset, n_layers: int, rule: str
) -> LocationRow:
    return LocationRow(
        kind=kind, family=family, instrument=instrument, measure=measure, layer=onset.stream, axis="stream",
        depth=None if onset.stream is None else onset.stream / n_layers, low=onset.low, high=onset.high, n=onset.n_items,
        method=f"{rule}; {_power(onset)}",
    )  # fmt: skip
