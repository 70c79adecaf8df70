"""A plant on disk: a PEFT adapter of the embedded model, and beside it what was planted and how its training went."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from pydantic import BaseModel, ConfigDict, TypeAdapter
from safetensors.torch import save_file

from strata.experiments.calibrate.embedded.invented import Invented
from strata.experiments.calibrate.embedded.low_rank import Changes
from strata.experiments.calibrate.embedded.reverting import RevertedAnswers
from strata.experiments.calibrate.embedded.sweep import EmbeddedPlan
from strata.experiments.calibrate.embedded.training import Training
from strata.experiments.results.json_file import JsonFile
from strata.probes.checkpoints.embedded import NAMES
from strata.probes.errors import StrataError
from strata.probes.files.atomic_writes import whole_file, write_whole

SHIPPED = Path(__file__).with_name("plants")


class PlantRecord(BaseModel):
    """What `plant.json` says of one plant."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    plan: EmbeddedPlan
    world: Invented
    training: Mapping[str, Training]
    """By kind."""
    reverted: tuple[RevertedAnswers, ...]

    def families(self, kind: str) -> tuple[str, ...]:
        return tuple(dict.fromkeys(one.family for one in self.reverted if one.kind == kind))

    def of_family(self, what: str, where: str, family: str) -> Answered:
        """With one kind's whole window taken away (or `nothing`, or `all`)."""
        return self._over([one for one in self._taken(what, where) if one.family == family])

    def mean(self, what: str, where: str, kind: str) -> Answered:
        """The same over the families of one kind."""
        return self._over([one for one in self._taken(what, where) if one.kind == kind])

    def _taken(self, what: str, where: str) -> list[RevertedAnswers]:
        hull = min(*self.plan.facts, *self.plan.operations), max(*self.plan.facts, *self.plan.operations)
        blocks = {"facts": self.plan.facts, "operations": self.plan.operations}.get(what, hull)
        return [one for one in self.reverted if (one.what, one.where, one.blocks) == (what, where, blocks)]

    @staticmethod
    def _over(found: Sequence[RevertedAnswers]) -> Answered:
        return Answered(sum(one.right for one in found) / len(found), sum(one.margin for one in found) / len(found))


PLANT_FILE = JsonFile("plant.json", "plant", TypeAdapter(PlantRecord))


@dataclass(frozen=True)
class Answered:
    """Share of right answers, and mean lead of the answer in logits."""

    right: float
    margin: float


def write_plant(directory: Path, record: PlantRecord, changes: Changes) -> Path:
    """Writes `directory/NAME`: adapter_config.json, adapter_model.safetensors (float16) and plant.json, which comes last."""
    plant = Path(directory) / record.plan.name
    tensors: dict[str, torch.Tensor] = {}
    for block, change in sorted(changes.items()):
        name = f"base_model.model.model.layers.{block}.mlp.down_proj"
        tensors[f"{name}.lora_A.weight"] = change.low.detach().half().contiguous()
        tensors[f"{name}.lora_B.weight"] = change.high.detach().half().contiguous()
    (rank,) = {change.low.shape[0] for change in changes.values()}
    settings = {
        "base_model_name_or_path": NAMES[0], "peft_type": "LORA", "task_type": "CAUSAL_LM", "r": rank,
        "lora_alpha": rank, "lora_dropout": 0.0, "bias": "none", "target_modules": ["down_proj"],
        "layers_to_transform": sorted(changes), "layers_pattern": "layers", "inference_mode": True,
    }  # fmt: skip
    write_whole(plant / "adapter_config.json", json.dumps(settings, indent=1) + "\n")
    with whole_file(plant / "adapter_model.safetensors") as part:
        save_file(tensors, part)
    write_whole(plant / PLANT_FILE.name, PLANT_FILE.text(record))
    return plant


def read_plant(directory: Path) -> PlantRecord:
    """Raises StrataError for a directory that is no plant."""
    file = Path(directory) / PLANT_FILE.name
    try:
        return PlantRecord.model_validate_json(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise StrataError(f"{directory} holds no plant", "Make it: strata calibrate plants --out DIR") from error


def shipped_plants() -> Mapping[str, Path]:
    """Directories of the plants that come with the package, by name."""
    return {file.parent.name: file.parent for file in sorted(SHIPPED.glob(f"*/{PLANT_FILE.name}"))}
