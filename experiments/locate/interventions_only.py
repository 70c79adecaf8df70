"""Where does a model make its answers to some items, and nothing else: no probes, no lens, no run that stays."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from strata.experiments.locate.causal.family_measurements import FamilyMeasurements
from strata.experiments.locate.causal.family_programme import Effort, measure_family
from strata.experiments.locate.causal.localisation import Localised, localise
from strata.experiments.locate.causal.pair_selection import SelectedFamily
from strata.experiments.locate.config import LocateConfig
from strata.experiments.locate.item_selection import questions_for
from strata.experiments.results.file_versions import SUMMARY_SCHEMA
from strata.probes.backends.torch_hooks import TorchHooks
from strata.probes.checkpoints.checkpoint import Checkpoint


def localise_summary(checkpoint: Checkpoint, items: Path, *, seed: int = 0, max_pairs: int = 48) -> dict[str, Any]:
    """The causal part of `summary.json` for the items of a file: families, kinds, order and hypothesis."""
    from strata.experiments.locate.pipeline import ask

    config = LocateConfig(seed=seed, positions=("last",), random_init=False, lens_maps=0)
    questions = questions_for(checkpoint, config, items)
    with TemporaryDirectory() as directory:
        behaviour = ask(checkpoint, config, Path(directory) / "run", items=items)

    def measure(family: SelectedFamily, effort: Effort) -> FamilyMeasurements:
        return measure_family(checkpoint, family.pairs, effort=effort, seed=seed)

    localised = localise(
        checkpoint, TorchHooks(checkpoint), questions.encoded, behaviour, measure,
        most_pairs=max_pairs, seed=seed, beside=False,
    )  # fmt: skip
    return {"schema": SUMMARY_SCHEMA, "n_layers": checkpoint.n_layers, "seed": seed} | causal_fields(localised)


def causal_fields(localised: Localised) -> dict[str, Any]:
    """`families`, `kinds`, `order` and `hypothesis` as they are written."""
    return {
        "families": {
            name: family.result.model_dump(mode="json")
            for name, family in zip(localised.names, localised.families, strict=True)
        },
        "kinds": {kind: result.model_dump(mode="json") for kind, result in localised.kinds.items()},
        "order": localised.order.model_dump(mode="json"),
        "hypothesis": [sentence.model_dump(mode="json") for sentence in localised.hypothesis],
    }
