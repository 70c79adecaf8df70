"""Which variants of a plant does a family show? What a person would ask: copies, splits, decoys, relays, noise, …"""

from __future__ import annotations

from strata.experiments.calibrate.truth import FamilyTruth, Truth

PLAIN = "plain"
_ARCHITECTURES = {"grouped queries": "grouped", "parallel blocks": "parallel"}


def variants_of(name: str, truth: Truth) -> tuple[str, ...]:
    """Of the family of this name; a family can show several, and shows `plain` where it shows none."""
    if truth.variant is not None:
        return (truth.variant,)
    return tuple(_of_family(truth.families[name], truth)) or (PLAIN,)


def variants_of_model(truth: Truth) -> tuple[str, ...]:
    """Of any of its families that isn't a control; `plain` only where all are."""
    found = dict.fromkeys(
        variant for name, family in truth.families.items() if not family.copied for variant in variants_of(name, truth)
    )
    return tuple(variant for variant in found if variant != PLAIN) or (PLAIN,)


def _of_family(family: FamilyTruth, truth: Truth) -> list[str]:
    shown = []
    if family.form in ("copies", "parts", "shares"):
        shown.append(
            {"copies": "redundant copies", "parts": "split into parts", "shares": "split into shares"}[family.form]
        )
    if family.cell in ("gather", "move"):
        shown.append("by attention alone")
    if family.decoys:
        shown.append("decoy copy")
    if any(place.cell not in ("gather", "move") for place in family.prepares):
        shown.append("input encoded again")
    if any(place.cell not in ("gather", "move") for place in family.relays):
        shown.append("relayed")
    roles = {part.role for part in family.parts or {}}
    shown += [name for role, name in (("suppressor", "suppressor"), ("backup", "backup")) if role in roles]
    if truth.noise:
        shown.append("blurred")
    if truth.messy:
        shown.append("superposed codes")
    if truth.foreign_words:
        shown.append("foreign text around the prompt")
    shown += [name for name, of in _ARCHITECTURES.items() if of == truth.architecture]
    return shown
