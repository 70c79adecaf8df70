"""What may be said in the end: onsets with intervals, answered shares, and every caveat with the same weight."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from strata.experiments.items.framing import caveat_of
from strata.experiments.items.schema import KINDS
from strata.experiments.locate.causal.pipeline import Causal
from strata.experiments.locate.config import LocateConfig
from strata.experiments.locate.curves import probe_measures, random_init_of, used_items
from strata.experiments.locate.item_selection import Questions, entity_of
from strata.experiments.locate.lens_tables import above_elsewhere, lens_values
from strata.experiments.locate.probing import Probed
from strata.experiments.results.answer_measures import decided_by
from strata.experiments.results.families import FamilyResult
from strata.experiments.results.file_versions import SUMMARY_SCHEMA
from strata.experiments.results.reasons import WhyNotPlaced
from strata.experiments.run.directory import RunDirectory
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.statistics.onset import Onset, onset
from strata.probes.store import ActivationStore

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
    behaviour: Sequence[Mapping[str, Any]],
    probed: Probed,
    lenses: Sequence[str],
    config: LocateConfig,
    n_layers: int,
) -> list[dict[str, Any]]:
    """Rows of the locations table: the onset of every instrument, by kind and by family, at the last position."""
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
                onset = _onset(measures["accuracy"], baselines, clusters, config)
                rows.append(_location(kind, family, f"probe.{probe}", "accuracy", onset, n_layers, rule))
    used = used_items(behaviour)
    keys = [encoded_item.key for encoded_item in questions.encoded]
    last = config.positions.index("last")
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
                    onset = _onset(above[indices], [np.full((len(indices), above.shape[1]), 0.5)], clusters, config)
                    rows.append(_location(kind, family, f"lens.{lens}", "above_null", onset, n_layers, LENS_RULE))
    return rows


def summarise(
    run: RunDirectory,
    checkpoint: Checkpoint,
    questions: Questions,
    behaviour: Sequence[Mapping[str, Any]],
    locations: Sequence[Mapping[str, Any]],
    probed: Probed,
    causal: Causal,
    config: LocateConfig,
) -> dict[str, Any]:
    """`summary.json`, version 2. `located`, `order` and `hypothesis` come from the interventions alone."""
    used = used_items(behaviour)
    kinds: dict[str, Any] = {}
    for kind in KINDS:
        rows = [row for row in behaviour if row["kind"] == kind]
        if not rows:
            continue
        asked = [row for row in rows if row["answered"] is not None]
        kinds[kind] = {
            "items": len(rows),
            "used": sum(row["item"] in used for row in rows),
            "accuracy": float(np.mean([row["answered"] for row in asked])) if asked else None,
            "decided_by": decided_by(asked),
            "excluded": dict(Counter(row["reason"] for row in rows if row["reason"])),
            "not_intervened_on": dict(causal.excluded.get(kind, {})),
            **causal.fields["kinds"][kind],
            "instruments": {
                "probe": _instrument(locations, kind, "probe.linear", _why_no_probe(probed, kind)),
                "lens": _instrument(
                    locations, kind, "lens.logit", f"none of the {kind} items used has an unrelated answer"
                ),
            },
        }
    if config.framing != "raw":
        run.warn(caveat_of(config.framing))
    for sentence in causal.warnings:
        run.warn(sentence)
    _warn(run, kinds)
    identity = checkpoint.identity
    return {
        "schema": SUMMARY_SCHEMA,
        "run": run.run_id,
        "checkpoint": {"spec": identity.spec, "identity": dict(identity.parts)},
        "n_layers": checkpoint.n_layers,
        "seed": config.seed,
        "framing": config.framing,
        "families": _families(run.read_json("families.json"), causal.fields["families"]),
        "kinds": kinds,
        "order": dict(causal.fields["order"]),
        "hypothesis": list(causal.fields["hypothesis"]),
        "causal": dict(causal.settings),
        "intermediates": dict(causal.intermediates),
        "quick": config.quick,
        "limited": questions.limited,
        "warnings": list(run.manifest.warnings),
    }


def _families(asked: Sequence[Mapping[str, Any]], localised: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """What interventions say of each family and, under `behaviour`, how it is answered."""
    families: dict[str, Any] = {}
    own = [str(family["family"]) for family in asked]
    for behaviour, name in zip(asked, own, strict=True):
        called = name if own.count(name) == 1 else f"{behaviour['kind']} {name}"
        # Of two families of one name only one may have been asked, or intervened on: then it needs no kind before it there.
        of_kind = [localised[key] for key in (called, name, f"{behaviour['kind']} {name}") if key in localised]
        said = next((each for each in of_kind if each["kind"] == behaviour["kind"]), None) or FamilyResult(
            kind=behaviour["kind"], pairs=0, entities=0, answers=0, offered=0, answered_both=None,
            why_not_placed=WhyNotPlaced(code="no-interventions"),
        ).model_dump(mode="json")  # fmt: skip
        families[called] = {**said, "behaviour": dict(behaviour)}
    return families


def _warn(run: RunDirectory, kinds: Mapping[str, Any]) -> None:
    for name in ("knowledge", "reasoning"):
        if name in kinds and kinds[name]["used"] == 0:
            run.warn(f"No {name} item is answered in a family above chance, so its lens curves are empty")
    for kind in kinds:
        probe, lens = (kinds[kind]["instruments"][name] for name in ("probe", "lens"))
        _contradictions(run, kind, kinds[kind])
        early = decodable_before_readable(probe["onset"], lens["onset"])
        if early is not None:
            run.warn(
                f"For {kind} the answer is decodable {early} streams before the logit lens reads it: "
                "information that nothing may be using yet"
            )


def decodable_before_readable(probe: Mapping[str, Any] | None, lens: Mapping[str, Any] | None) -> int | None:
    """By how many streams, where it is more than two and the intervals of the two onsets have no stream in common."""
    if probe is None or lens is None or probe["layer"] is None or lens["layer"] is None:
        return None
    early: int = lens["layer"] - probe["layer"]
    # An interval whose upper end is "none" reaches past every stream, and without an interval nothing tells the two apart.
    ends = [onset["interval"] for onset in (probe, lens)]
    if early <= 2 or any(end is None for end in ends) or ends[0][1] is None:
        return None
    return early if ends[0][1] < ends[1][0] else None


def _contradictions(run: RunDirectory, kind: str, summary: Mapping[str, Any]) -> None:
    """A block writes the stream behind it: read-outs at the last position that come before it contradict its place there."""
    located = summary["located"]
    if located is None or located["cell"] not in ("move", "work_out"):
        return
    first, last = located["interval"]
    for name, verb in (("probe", "decodable"), ("lens", "readable")):
        onset = summary["instruments"][name]["onset"]
        if onset is None or onset["layer"] is None or onset["interval"] is None:
            continue
        stream, (low, high) = onset["layer"], onset["interval"]
        if low > last + 1:
            run.warn(
                f"{kind.capitalize()} answers are made in blocks {first} to {last}, but at the last position they are {verb} only "
                f"from stream {stream} on: between them the answer is moved or rewritten"
            )
        elif high is not None and high < first:
            run.warn(
                f"{kind.capitalize()} answers are made in blocks {first} to {last}, but {verb} from stream {stream} on: an earlier "
                "copy that these blocks don't need, or something that goes with the answer"
            )


def _why_no_probe(probed: Probed, kind: str) -> str:
    """The commonest reason for which the kind's answer targets could not be probed."""
    reasons = Counter(reason for name, reason in probed.not_probed.items() if name.startswith(f"answer of {kind} "))
    return reasons.most_common(1)[0][0] if reasons else f"there is no {kind} target with two answers"


def _instrument(locations: Sequence[Mapping[str, Any]], kind: str, name: str, otherwise: str) -> dict[str, Any]:
    row = next(
        (
            location
            for location in locations
            if (location["kind"], location["family"], location["instrument"]) == (kind, None, name)
        ),
        None,
    )
    if row is None:
        return {"onset": None, "reason": otherwise}
    interval = None if row["low"] is None else [row["low"], row["high"]]
    return {
        "onset": {
            "layer": row["layer"],
            "axis": "stream",
            "depth": row["depth"],
            "interval": interval,
            "n": row["n"],
            "definition": row["method"],
        }
    }


def _onset(values: np.ndarray, baselines: Sequence[np.ndarray], clusters: Sequence[str], config: LocateConfig) -> Onset:
    return onset(values, baselines, clusters, draws=config.draws, seed=config.seed)


def _power(onset: Onset) -> str:
    """How small a value would have been seen: where there is no onset, it says how much that means."""
    if onset.lower_bound is None:
        return f"not decided with {onset.n_clusters} clusters, 8 are needed"
    if onset.smallest_seen is None:
        return f"{onset.n_clusters} clusters"
    return f"with {onset.n_clusters} clusters a value of {onset.smallest_seen:.2f} would have been seen"


def _location(
    kind: str, family: str | None, instrument: str, measure: str, onset: Onset, n_layers: int, rule: str
) -> dict[str, Any]:
    return {
        "kind": kind,
        "family": family,
        "instrument": instrument,
        "measure": measure,
        "layer": onset.stream,
        "axis": "stream",
        "depth": None if onset.stream is None else onset.stream / n_layers,
        "low": onset.low,
        "high": onset.high,
        "p": None,
        "n": onset.n_items,
        "method": f"{rule}; {_power(onset)}",
    }
