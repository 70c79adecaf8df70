"""Run directories as `locate` leaves them, with every checksum, and nothing measured in them: made-up places, empty tables."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from synthetic_localisation import localisation

from strata.experiments.results.answer_measures import Name
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


def started_run(path: Path, *, seed: int = 0, spec: str = "tiny", n_layers: int = 12, **config: Any) -> RunDirectory:
    """One that has just begun."""
    identity = {"seed": seed, "weights_sha256": HASH, "items_sha256": HASH[::-1], **config}
    run = RunDirectory(path, verb="locate", command=["strata", "locate", spec], identity=identity)
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
