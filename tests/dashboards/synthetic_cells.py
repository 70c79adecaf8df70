"""Made-up changes of cells and places: one block of one family's last MLP does more than before, one family's answer moved."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from synthetic_localisation import made_up_families, measured, profile

from strata.experiments.results.cell_changes import (
    Answered,
    CellComparison,
    ChangedBlock,
    ChangedCell,
    ChangedPlace,
)
from strata.experiments.results.families import Place
from strata.probes.interventions.cells import CELLS, at_span, component_of

Rows = Iterator[dict[str, Any]]
FAMILY = "addition"
UNPAIRED = "currency"
SUPPORT = {"n_pairs": 18, "n_clusters": 16}


def changed_block(n_layers: int) -> int:
    return round(0.75 * n_layers)


def cell_rows(n_layers: int) -> Rows:
    """Of the contrast `change`, on shared pairs: families that are placed, and the means of their kinds."""
    families = {
        name: family
        for name, family in made_up_families(n_layers).items()
        if family.kind in ("knowledge", "reasoning") and family.cells and name != UNPAIRED
    }
    for name, family in families.items():
        for cell in CELLS:
            yield from _cell(n_layers, family.kind, name, cell, 0.4 if (name, cell) == (FAMILY, "work_out") else 0.0)
    for kind in ("knowledge", "reasoning"):
        for cell in CELLS:
            yield from _cell(n_layers, kind, None, cell, 0.1 if (kind, cell) == ("reasoning", "work_out") else -0.01)


def _cell(n_layers: int, kind: str, family: str | None, cell: Any, change: float) -> Rows:
    gained = [gain or 0.0 for gain in profile(cell, kind, n_layers)]
    for block in (None, *range(n_layers)):
        before = sum(gained) if block is None else gained[block]
        here = change if block in (None, changed_block(n_layers)) else 0.0
        yield {
            "contrast": "change", "pairs": "shared", "kind": kind, "family": family, "cell": cell,
            "component": component_of(cell), "position": "operand" if at_span(cell) else "last", "block": block,
            "before": before, "after": before + here, "difference": here, "low": here - 0.05, "high": here + 0.05,
            "p": 0.01 if here > 0.2 else 1.0, "role_before": "makes", "role_after": "makes", **SUPPORT,
            "method": "made up",
        }  # fmt: skip


def place_rows(n_layers: int, roles: list[str]) -> Rows:
    """A family that stayed, one that moved, and one that is told on own pairs alone."""
    first, last = changed_block(n_layers) - 1, changed_block(n_layers)
    counts = {"answered_both": 20, "only_before": 5, "only_after": 1, "neither": 4}
    for role in roles:
        common = {"contrast": role, "pairs": "shared", **SUPPORT, **counts}
        at = {"cell_before": "work_out", "first_before": first, "last_before": last, "cell_after": "work_out"}
        yield {
            **common, **at, "kind": "reasoning", "family": FAMILY, "first_after": first, "last_after": last,
            "shift": 0.0, "low": -0.5, "high": 0.5, "overlap": 1.0, "p": 1.0,
        }  # fmt: skip
        moved = {"first_after": last + 1, "last_after": last + 1, "shift": 1.5, "low": 1.0, "high": 2.0}
        yield {**common, **at, **moved, "kind": "knowledge", "family": "capital", "overlap": 0.0, "p": 0.02}
        yield {
            **common, "pairs": "own", "kind": "knowledge", "family": UNPAIRED, "unpaired": "too-few-shared",
        }  # fmt: skip


def cell_comparison(n_layers: int) -> CellComparison:
    block = changed_block(n_layers)
    place = Place(
        cell="work_out", first=block - 1, last=block, interval=(block - 2, block), extent="blocks",
        depth=block / n_layers, support=1.0,
    )  # fmt: skip
    return CellComparison(
        families=7, cells=28,
        changed=(
            ChangedCell(
                kind="reasoning", family=FAMILY, span="operand", cell="work_out", whole=True,
                blocks=(ChangedBlock(block=block, before=0.2, after=0.6),), before=0.64, after=1.04, difference=measured(0.4),
                p=0.01, beyond_control=measured(0.35),
            ),
        ),
        not_beyond_control=1, placed=2, stayed=1,
        moved=(
            ChangedPlace(
                kind="knowledge", family="capital", span="subject", before=place,
                after=place.model_copy(update={"first": block + 1, "last": block + 1}), overlap=0.0, shift=measured(1.5, 0.5), p=0.02,
            ),
        ),
        answered={"knowledge": Answered(both=40, only_before=10, only_after=2, neither=8)},
        unpaired={"too-few-shared": (UNPAIRED,)},
    )  # fmt: skip
