"""What is true of a trained plant, by its revert test: the trained window, and the position at which it makes the answers."""

from __future__ import annotations

from typing import Literal

from strata.experiments.calibrate.embedded.plant_files import PlantRecord
from strata.experiments.calibrate.truth import FamilyTruth, Truth, order_of

N_LAYERS = 30
"""Blocks of the embedded model."""
_LEARNT, _UNDONE, _KEPT = 0.8, 0.5, 0.8
"""Share of right answers: intact at least, without the own window at most, without the other's at least."""
_MAKES = 0.5
"""Share of the lead's fall that taking the window away at one position alone brings."""
Flaw = Literal["not learnt", "not undone by its window", "undone by the other window", "made at no single position"]


def truth_of(record: PlantRecord) -> Truth:
    """Families that fail their revert test are among them: `flaws` says which."""
    families = {}
    for kind, what in (("knowledge", "facts"), ("reasoning", "operations")):
        blocks = tuple(record.plan.blocks(kind))
        cell = {"span": "enrich", "last": "work_out", None: "enrich"}[_position(record, kind, what)]
        for family in record.families(kind):
            families[family] = FamilyTruth(kind, cell, blocks, "trained", None)
    width = record.plan.width
    return Truth(
        record.plan.name, "judge", "llama", N_LAYERS, families, order_of(families),
        origin="trained", variant=f"trained into {width} block{'s' if width > 1 else ''} of the embedded model",
    )  # fmt: skip


def flaws(record: PlantRecord) -> dict[str, list[str]]:
    """By family: in what its plant isn't what its truth says."""
    found: dict[str, list[str]] = {}
    for kind, own, other in (("knowledge", "facts", "operations"), ("reasoning", "operations", "facts")):
        nowhere = _position(record, kind, own) is None
        for family in record.families(kind):
            intact, without, beside = (
                record.of_family(what, "everywhere", family).right for what in ("nothing", own, other)
            )
            told: list[tuple[bool, Flaw]] = [
                (intact < _LEARNT, "not learnt"),
                (without > _UNDONE, "not undone by its window"),
                (beside < _KEPT, "undone by the other window"),
                (nowhere, "made at no single position"),
            ]
            failed = [flaw for fails, flaw in told if fails]
            if failed:
                found[family] = [str(flaw) for flaw in failed]
    return found


def _position(record: PlantRecord, kind: str, what: str) -> Literal["span", "last"] | None:
    """Where most of the lead comes from; None where neither position alone brings half of it."""
    intact, without = record.mean("nothing", "everywhere", kind).margin, record.mean(what, "everywhere", kind).margin
    if intact <= without:
        return None
    lost = {where: (intact - record.mean(what, where, kind).margin) / (intact - without) for where in ("span", "last")}
    if max(lost.values()) < _MAKES:
        return None
    return "span" if lost["span"] >= lost["last"] else "last"
