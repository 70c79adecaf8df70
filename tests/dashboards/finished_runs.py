"""Run directories as `locate` leaves them, with every checksum, and nothing measured in them: made-up places, empty tables."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from synthetic_localisation import localisation

from strata.experiments.items.schema import Kind
from strata.experiments.results.answer_measures import Name
from strata.experiments.results.behaviour_summary import BEHAVE_FILE, Behaviour, BehaviourSummary, PressureOfKinds
from strata.experiments.results.behaviour_tables import BEHAVIOUR_TABLES
from strata.experiments.results.caveats import Caveat
from strata.experiments.results.confidence_summary import AgainstCalibrated, Confidence, WhyNoLayers
from strata.experiments.results.estimates import Estimated
from strata.experiments.results.file_versions import SUMMARY_SCHEMA
from strata.experiments.results.kinds import Localisation
from strata.experiments.results.locate_summary import (
    SUMMARY_FILE,
    CausalSettings,
    CheckpointSummary,
    FamilyBehaviour,
    FamilySummary,
    Instruments,
    Intermediates,
    KindSummary,
    Summary,
    WhyNoIntermediates,
)
from strata.experiments.results.locate_tables import LOCATE_TABLES
from strata.experiments.results.sweep import SWEEP_FILE, Failure, SweepAxis, SweepResult, SweptRun
from strata.experiments.results.sweep_tables import TRAJECTORIES, TrajectoryRow
from strata.experiments.run.directory import RunDirectory
from strata.experiments.run.manifest import CheckpointRecord
from strata.probes.statistics.bootstrap import Estimate

HASH = "45f2397a3604f84605c2118d7bdfc8f0f3f8410dcdbe2d8570e55e9a77c5c2f0"
_SURE = Estimate(0.9, 0.8, 1.0, 24, 12, "cluster bootstrap")
_DECIDED: Mapping[Name, int] = {}


def write_finished_run(
    path: Path,
    *,
    spec: str = "tiny",
    n_layers: int = 12,
    seed: int = 0,
    found: Localisation | None = None,
    **config: Any,
) -> Path:
    """A finished `locate` whose summary says `found`; `config`: settings beside the seed."""
    run = started_run(path, seed=seed, spec=spec, n_layers=n_layers, **config)
    run.write_json(SUMMARY_FILE, summary(run.run_id, spec, seed, found or localisation(n_layers)))
    for table in LOCATE_TABLES:
        run.write_rows(table, [])
    with run.writing("items.jsonl"):
        (path / "items.jsonl").write_text("", encoding="utf-8")
    run.close("done")
    return path


def write_finished_behave(path: Path) -> Path:
    """A finished `behave`: confidence of two kinds, items that weren't asked or pressed, a chat template."""
    run = started_run(path, verb="behave")
    run.write_json(BEHAVE_FILE, behaviour_summary(run.run_id))
    for table in BEHAVIOUR_TABLES:
        run.write_rows(table, [])
    with run.writing("items.jsonl"):
        (path / "items.jsonl").write_text("", encoding="utf-8")
    run.close("done")
    return path


def behaviour_summary(run_id: str) -> BehaviourSummary:
    score = AgainstCalibrated(value=0.2, calibrated_mean=0.18, calibrated_95=0.22, p=0.3, draws=1000, beyond=False)
    confidence = Confidence(
        items=24, clusters=12, options=4.0, accuracy=Estimated(value=0.6, low=0.5, high=0.7), chance=0.25, above_chance=True,
        confidence=Estimated(value=0.8), overconfidence=Estimated(value=0.2, low=0.1, high=0.3), leaning="overconfident",
        brier=score, calibration_error=score, bins=(), why_no_layers=WhyNoLayers(code="too-few-clusters"),
    )  # fmt: skip
    kinds: tuple[Kind, ...] = ("knowledge", "reasoning")
    return BehaviourSummary(
        run=run_id, checkpoint=CheckpointSummary(spec="tiny", identity={"weights_sha256": HASH}), n_layers=12, seed=0,
        framing="chat", items=48, excluded={}, without_options=3, limited=False, warnings=(Caveat(code="framed", framing="chat"),),
        behaviour=Behaviour(
            confidence=dict.fromkeys(kinds, confidence), pressure=PressureOfKinds(kinds={}, not_pressed={"context-too-short": 2})
        ),
    )  # fmt: skip


def write_finished_sweep(path: Path) -> Path:
    """A finished `sweep` over three doses, the last of which could not be made."""
    run = started_run(path, verb="sweep")
    doses = (0.0, 0.5, 1.0)
    runs = [
        SweptRun(
            directory=f"dose {dose:g}", checkpoint=f"a~{dose:g}~b", at=dose, seed=0, framing="raw", items=None, run_id=None if dose == 1 else "made",
            failure=Failure(code="does-not-fit", text="too large") if dose == 1 else None,
        )
        for dose in doses
    ]  # fmt: skip
    result = SweepResult(run=run.run_id, axis=SweepAxis(kind="dose", name="dose"), runs=tuple(runs))
    run.write_json(SWEEP_FILE, result)
    rows = [
        TrajectoryRow(
            run=f"dose {dose:g}", checkpoint=f"a~{dose:g}~b", at=dose, seed=0, framing="raw", items=None, kind="reasoning", family=None,
            measure="accuracy", cell=None, value=0.5 + dose / 4, low=0.4, high=0.7, n_items=24, n_clusters=12, method="",
        )
        for dose in doses[:2]
    ]  # fmt: skip
    run.write_rows(TRAJECTORIES, rows)
    run.close("done")
    return path


def started_run(
    path: Path, *, verb: str = "locate", seed: int = 0, spec: str = "tiny", n_layers: int = 12, **config: Any
) -> RunDirectory:
    """One that has just begun."""
    identity = {"seed": seed, "weights_sha256": HASH, "items_sha256": HASH[::-1], **config}
    run = RunDirectory(path, verb=verb, command=["strata", verb, spec], identity=identity)
    run.manifest.checkpoint = CheckpointRecord(spec=spec, n_layers=n_layers, weights_sha256=HASH)
    run.save()
    return run


def summary(run_id: str, spec: str, seed: int, found: Localisation) -> Summary:
    """summary.json of a run that found this."""
    families = {}
    for name, family in found.families.items():
        behaviour = FamilyBehaviour(
            family=name, kind=family.kind, n=24, accuracy=_SURE, chance=0.5, decided_by=_DECIDED, by_likelihood=_SURE,
            by_choice=None, answered=True,
        )  # fmt: skip
        families[name] = FamilySummary(**family.model_dump(), behaviour=behaviour)
    kinds = {
        name: KindSummary(**kind.model_dump(), items=24, used=20, accuracy=0.9, instruments=Instruments())
        for name, kind in found.kinds.items()
    }
    return Summary(
        schema=SUMMARY_SCHEMA, run=run_id, checkpoint=CheckpointSummary(spec=spec, identity={"weights_sha256": HASH}),
        n_layers=found.n_layers, seed=seed, framing="raw", families=families, kinds=kinds, order=found.order,
        hypothesis=found.hypothesis, causal=CausalSettings(map="default"),
        intermediates=Intermediates(reason=WhyNoIntermediates(code="no-bridge")), quick=False, limited=False, warnings=(),
    )  # fmt: skip
