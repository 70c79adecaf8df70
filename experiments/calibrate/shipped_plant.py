"""A planted model that comes with the package: trained into the embedded model, or compiled from a program."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from strata.experiments.calibrate.compiled import plant as compiled_plant
from strata.experiments.calibrate.compiled.as_gpt2 import write_gpt2
from strata.experiments.calibrate.compiled.program import program_names, read_program
from strata.experiments.calibrate.embedded.invented import items_of
from strata.experiments.calibrate.embedded.plant_files import read_plant, shipped_plants
from strata.experiments.calibrate.embedded.plant_truth import flaws, truth_of
from strata.experiments.calibrate.truth import Truth
from strata.experiments.items.jsonl import write_items
from strata.probes.checkpoints.embedded import NAMES
from strata.probes.errors import StrataError

Origin = Literal["embedded", "compiled"]
SAMPLED = ("facts-8-operations-20", "facts-20-operations-8")
"""Plants of the embedded model in the default sample: one in either order."""


@dataclass(frozen=True)
class ShippedPlant:
    """One of them."""

    origin: Origin
    name: str


@dataclass(frozen=True)
class Readied:
    """What is opened, asked and known of a planted model."""

    spec: str
    items: Path
    truth: Truth
    excluded: dict[str, list[str]] = field(default_factory=dict)


def compiled_plants() -> tuple[ShippedPlant, ...]:
    return tuple(ShippedPlant("compiled", name) for name in program_names())


def embedded_plants(names: Sequence[str] = ()) -> tuple[ShippedPlant, ...]:
    """Those whose name contains one of `names`; all where none is given. Raises StrataError where there is none."""
    all_names = tuple(shipped_plants())
    chosen = tuple(name for name in all_names if not names or any(part in name for part in names))
    if not chosen:
        raise StrataError(
            f"No plant of the embedded model is named like {', '.join(names)}", f"Choose among: {', '.join(all_names)}"
        )
    return tuple(ShippedPlant("embedded", name) for name in chosen)


def readied(plant: ShippedPlant, directory: Path) -> Readied:
    """Writes into `directory` what has to be written. Raises StrataError for a plant that isn't there."""
    items = Path(directory) / "items.jsonl"
    items.parent.mkdir(parents=True, exist_ok=True)
    if plant.origin == "compiled":
        program = read_program(plant.name)
        write_gpt2(Path(directory) / "model", program)
        write_items(items, compiled_plant.items_of(program))
        return Readied(str(Path(directory) / "model"), items, compiled_plant.truth_of(program))
    if plant.name not in shipped_plants():
        raise StrataError(f"There is no plant {plant.name!r} of the embedded model", "Leave its name out")
    shipped = shipped_plants()[plant.name]
    record = read_plant(shipped)
    write_items(items, items_of(record.world))
    return Readied(f"{NAMES[0]}+{shipped}", items, truth_of(record), flaws(record))
