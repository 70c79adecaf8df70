"""Which pairs is a comparison asked about? Every change in several architectures and depths; the first nine show one of each."""

from __future__ import annotations

from typing import Any

from strata.experiments.calibrate.comparisons.planted_pair import Change, PlantedPair
from strata.experiments.calibrate.construction import Construction, FamilyPlan
from strata.experiments.calibrate.similar_families import facts, sums
from strata.probes.errors import StrataError

_ITEMS, _ITEMS_KNOWN_IN_PART = 24, 36
"""A family; more where a third of them is answered by one of the models only."""
Families = tuple[FamilyPlan, ...]


def planted_pairs() -> tuple[PlantedPair, ...]:
    """All of them, in the order in which they are asked; names are unique."""
    return (
        _pair("table", "other facts", 6, _facts([2, 2], 3), _sums([4, 4], 1), of="knowledge"),
        _pair("table", "other sums", 8, _facts([2, 2], 4), _sums([6, 6], 3), of="reasoning", architecture="gpt2"),
        _moved("facts one block up", 7, _facts([2, 2], 4), _sums([5, 5], 1), to=_facts([3, 3], 4)),
        _pair("learnt", "sums learnt", 7, _facts([2, 2], 3), _sums([5, 5], 2), of="reasoning", architecture="gpt2"),
        _pair("lost", "facts lost", 8, _facts([3, 3], 5), _sums([6, 6], 2), of="knowledge"),
        _pair("jitter", "weights jittered", 6, _facts([2, 2], 3), _sums([4, 4], 1), architecture="gpt2"),
        _pair("filler", "filler drawn anew", 7, _facts([2, 2], 4), _sums([5, 5], 3)),
        _pair("format", "only the format", 6, _facts([2, 2], 3), _sums([4, 4], 1)),
        _pair("bias", "one answer likelier", 8, _facts([4, 4], 6), _sums([2, 2], 1), architecture="gpt2"),
        _pair("table", "one family's other facts", 12, _facts([3, 7], 9), _sums([5, 5], 2), of="patron", architecture="gpt2"),
        _pair("table", "blurred other sums", 10, _facts([6, 6], 8), _sums([3, 3], 2), of="reasoning", noise=0.3),
        _moved("facts to the last token", 9, _facts([2, 2], 5), _sums([7, 7], 3), to=_facts([6, 6], 4, where="last"), architecture="gpt2"),
        _pair("learnt", "facts learnt", 10, _facts([6, 6], 8), _sums([3, 3], 1), of="knowledge", seed=1),
        _pair("lost", "blurred sums lost", 12, _facts([3, 3], 5), _sums([8, 8], 6, relay=10), of="reasoning", noise=0.3, architecture="gpt2"),
        _pair("table", "other facts in attention", 8, _facts([4, 4], 4, where="last attention"), _sums([6, 6], 2), of="knowledge"),
        _pair("table", "other facts in attention at the subject", 9, _facts([3, 3], 6, where="subject attention"), _sums([7, 7], 2), of="knowledge", architecture="gpt2"),
        _pair("table", "other sums beside unread copies", 16, _facts([4, 4], 7), _sums([11, 11], 8, decoys=(9,)), of="reasoning"),
        _moved("sums two blocks down", 12, _facts([9, 9], 10), _sums([6, 6], 2), to=_sums([4, 4], 2), noise=0.3),
        _moved("one family's facts far up", 14, _facts([3, 3], 11), _sums([12, 12], 5), to=_facts([8], 11), architecture="gpt2"),
        _pair("jitter", "blurred weights jittered", 12, _facts([3, 6], 8), _sums([10, 5], 2), noise=0.3, seed=1),
        _pair("filler", "filler drawn anew beside superposed codes", 10, _facts([3, 3], 5), _sums([7, 7], 4), messy=True, architecture="gpt2", seed=1),
        _pair("format", "only the format, blurred", 10, _facts([6, 6], 7), _sums([3, 3], 2), noise=0.3, architecture="gpt2", seed=1),
        _pair("bias", "another answer likelier", 11, _facts([3, 5], 7), _sums([8, 9], 6), noise=0.3, seed=3),
        _pair("table", "other facts, grouped queries", 9, _facts([3, 3], 5), _sums([7, 7], 4), of="knowledge", architecture="grouped"),
        _pair("table", "other sums, parallel blocks", 9, _facts([3, 3], 5), _sums([7, 7], 4), of="reasoning", architecture="parallel"),
        _pair("filler", "filler drawn anew in parallel blocks", 8, _facts([2, 2], 4), _sums([6, 6], 3), architecture="parallel", seed=2),
    )  # fmt: skip


def first_pairs(asked: str) -> tuple[PlantedPair, ...]:
    """The first so many, or `all`. Raises StrataError where there are fewer."""
    every = planted_pairs()
    if asked != "all" and int(asked) > len(every):
        raise StrataError(
            f"There are {len(every)} planted pairs, and {asked} are asked for", "Give fewer, or --pairs all"
        )
    return every if asked == "all" else every[: int(asked)]


def _facts(blocks: list[int], mover: int, **options: Any) -> Families:
    return facts(blocks, mover, controls=0, **options)


def _sums(blocks: list[int], mover: int, **options: Any) -> Families:
    return sums(blocks, mover, controls=0, **options)


def _pair(
    change: Change, name: str, n_layers: int, *families: Families, of: str | None = None, seed: int = 0, **options: Any
) -> PlantedPair:
    """`of`: the kind whose families change, or the family that does."""
    items = _ITEMS_KNOWN_IN_PART if change in ("learnt", "lost") else _ITEMS
    base = _construction(name, n_layers, families, items, **options)
    changed = tuple(family.name for family in base.families if of in (family.kind, family.name))
    return PlantedPair(change, base, changed, seed=seed)


def _moved(name: str, n_layers: int, *families: Families, to: Families, **options: Any) -> PlantedPair:
    base = _construction(name, n_layers, families, _ITEMS, **options)
    return PlantedPair("moved", base, tuple(family.name for family in to), to)


def _construction(name: str, n_layers: int, families: tuple[Families, ...], items: int, **options: Any) -> Construction:
    together = tuple(family for of_kind in families for family in of_kind)
    return Construction(name, "judge", n_layers, together, seed=sum(map(ord, name)), items=items, **options)
