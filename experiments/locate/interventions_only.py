"""Where does a model make its answers to some items, and nothing else: no probes, no lens, no run that stays."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from pydantic import JsonValue

from strata.experiments.locate.causal.family_measurements import FamilyMeasurements
from strata.experiments.locate.causal.localisation import effort_for, localise
from strata.experiments.locate.causal.measure_family import measure_family
from strata.experiments.locate.causal.pair_selection import SelectedFamily, select_pairs
from strata.experiments.locate.config import LocateConfig
from strata.experiments.locate.pipeline import ask
from strata.experiments.questions import questions_for
from strata.experiments.results.file_versions import SUMMARY_SCHEMA
from strata.probes.backends.model_reader import ModelReader
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.rerun.tree_reads import TreeReads


def localise_summary(
    checkpoint: Checkpoint, items: Path, *, seed: int = 0, max_pairs: int = 48
) -> dict[str, JsonValue]:
    """The causal part of `summary.json` for the items of a file: families, kinds, order and hypothesis."""
    config = LocateConfig(seed=seed, positions=("last",), random_init=False, lens_maps=0)
    questions = questions_for(checkpoint, config, items)
    with TemporaryDirectory() as directory:
        behaviour = ask(checkpoint, config, Path(directory) / "run", items=items)

    def measure(family: SelectedFamily) -> FamilyMeasurements:
        return measure_family(checkpoint, family.pairs, effort=effort_for(family, max_pairs, beside=False), seed=seed)

    reader = ModelReader(checkpoint, TreeReads(checkpoint))
    selected = select_pairs(reader, questions.encoded, behaviour, most=max_pairs, seed=seed)
    localised = localise(selected, checkpoint.n_layers, measure, most_pairs=max_pairs, seed=seed)
    return {"schema": SUMMARY_SCHEMA, "seed": seed, **localised.results(checkpoint.n_layers).as_json()}
