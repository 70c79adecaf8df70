"""Which constructions is the instrument tuned on, and which is it judged by?

The judged ones differ from the tuned ones in architecture, depth and blocks, not only in their seed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal

from strata.experiments.calibrate.construction import Construction, FamilyPlan, Half
from strata.probes.errors import StrataError

KNOWLEDGE = ("emblem", "patron", "harvest", "anthem")
REASONING = ("plus", "times", "minus", "over")


def family_plans(
    kind: Literal["knowledge", "reasoning"],
    blocks: Sequence[int | tuple[int, ...]],
    movers: int | Sequence[int],
    *,
    where: str = "subject",
    controls: int = 2,
    control: int | None = None,
    **options: Any,
) -> tuple[FamilyPlan, ...]:
    """One family an entry of `blocks`; the first `controls` have a matched control, copied by block `control`."""
    names = KNOWLEDGE if kind == "knowledge" else REASONING
    made = []
    for number, at in enumerate(blocks):
        mover = movers if isinstance(movers, int) else movers[number]
        made.append(
            FamilyPlan(
                names[number], kind, where, (at,) if isinstance(at, int) else at, mover,  # type: ignore[arg-type]
                control=(mover if control is None else control) if number < controls else None, **options,
            )
        )  # fmt: skip
    return tuple(made)


def _tune() -> Iterable[Construction]:
    def made(name: str, n_layers: int, *families: tuple[FamilyPlan, ...], **options: Any) -> Construction:
        number = sum(map(ord, name))
        return Construction(name, "tune", n_layers, sum(families, ()), seed=number, **options)

    facts = {"kind": "knowledge", "where": "subject"}
    sums = {"kind": "reasoning", "where": "last"}
    yield made(
        "subject, then last", 12,
        family_plans(blocks=[3, 3, 3], movers=5, **facts), family_plans(blocks=[8, 8, 8], movers=6, **sums),
    )  # fmt: skip
    yield made(
        "last, then subject", 12,
        family_plans(blocks=[8, 8, 8], movers=10, **facts), family_plans(blocks=[3, 3, 3], movers=2, **sums),
    )  # fmt: skip
    yield made(
        "both at last", 10,
        family_plans("knowledge", [4, 4, 4], 2, where="last"), family_plans(blocks=[7, 7, 7], movers=3, **sums),
    )  # fmt: skip
    yield made(
        "attention alone", 12,
        family_plans("knowledge", [4, 4, 4], 4, where="last attention"),
        family_plans(blocks=[9, 9, 9], movers=6, **sums),
    )  # fmt: skip
    yield made(
        "copies around the sums", 12,
        family_plans(blocks=[(2, 7)] * 3, movers=9, sizes=(1.0, 1.0), form="copies", **facts),
        family_plans(blocks=[4, 4, 4], movers=3, **sums),
    )  # fmt: skip
    yield made(
        "neighbouring shares", 12,
        family_plans(blocks=[(2, 3)] * 3, movers=5, sizes=(0.5, 0.5), **facts),
        family_plans(blocks=[(8, 9)] * 3, movers=6, sizes=(1.0, 1.0), form="parts", **sums),
    )  # fmt: skip
    yield made(
        "unread copies", 14,
        family_plans(blocks=[5, 5, 5], movers=7, decoys=(2,), **facts),
        family_plans(blocks=[10, 10, 10], movers=6, decoys=(8,), **sums),
    )  # fmt: skip
    yield made(
        "relays after both", 12,
        family_plans(blocks=[3, 3, 3], movers=5, relay=9, **facts),
        family_plans(blocks=[7, 7, 7], movers=6, relay=10, **sums),
    )  # fmt: skip
    yield made(
        "input encoded again", 14,
        family_plans(blocks=[6, 6, 6], movers=8, recodes=(2,), **facts),
        family_plans(blocks=[11, 11, 11], movers=5, recodes=(7,), **sums),
    )  # fmt: skip


def constructions(half: Half | Literal["all"] = "all") -> tuple[Construction, ...]:
    """Those of one half, or all; names are unique."""
    library = tuple(_tune())
    return tuple(construction for construction in library if half in ("all", construction.half))


def construction(name: str) -> Construction:
    for candidate in constructions():
        if candidate.name == name:
            return candidate
    raise StrataError(
        f"There is no construction {name!r}", "Choose among: " + ", ".join(c.name for c in constructions())
    )
