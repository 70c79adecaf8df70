"""Constructions that the rule of localisation may be tuned on: mostly of the Llama type, with 10 to 16 blocks."""

from __future__ import annotations

from typing import Any

from strata.experiments.calibrate.construction import Construction, FamilyPlan
from strata.experiments.calibrate.similar_families import facts, sums

HALVES, EQUAL = (0.5, 0.5), (1.0, 1.0)


def tuned_on() -> tuple[Construction, ...]:
    return (
        _made("subject below last", 12, facts([3] * 3, 5), sums([8] * 3, 6)),
        _made("last below subject", 12, facts([8] * 3, 10), sums([3] * 3, 2)),
        _made("both at last", 10, facts([4] * 3, 2, where="last"), sums([7] * 3, 3)),
        _made("both at the subject", 12, facts([3] * 3, 9), sums([7] * 3, 9, where="subject")),
        _made("attention alone", 12, facts([4] * 3, 4, where="last attention"), sums([9] * 3, 6)),
        _made("attention at the subject", 12, facts([7] * 3, 9, where="subject attention"), sums([4] * 3, 2)),
        _made("copies around sums", 12, facts([(2, 7)] * 3, 9, sizes=EQUAL, form="copies"), sums([4] * 3, 3)),
        _made("copies below sums", 14, facts([(2, 5)] * 3, 7, sizes=(1.0, 0.6), form="copies"), sums([(9, 11)] * 3, 8, sizes=EQUAL, form="copies")),
        _made("neighbouring parts", 12, facts([(2, 3)] * 3, 5, sizes=HALVES), sums([(8, 9)] * 3, 6, sizes=EQUAL, form="parts")),
        _made("distant parts", 14, facts([(7, 10)] * 3, 12, sizes=EQUAL, form="parts"), sums([(2, 5)] * 3, 1, sizes=HALVES), architecture="gpt2"),
        _made("unread copies", 14, facts([5] * 3, 7, decoys=(2,)), sums([10] * 3, 6, decoys=(8,))),
        _made("relays after both", 12, facts([3] * 3, 5, relay=9), sums([7] * 3, 6, relay=10)),
        _made("relay after facts", 12, facts([3] * 3, 5, relay=10), sums([7] * 3, 6)),
        _made("answers handed on", 12, facts([2] * 3, 7, series=5), sums([8] * 3, 7, series=10)),
        _made("input encoded again", 14, facts([6] * 3, 8, recodes=(2,)), sums([11] * 3, 5, recodes=(7,))),
        _made("input encoded twice", 16, facts([10] * 3, 12, recodes=(4, 7)), sums([7] * 3, 1, recodes=(2, 5))),
        _made("suppressed", 12, facts([2] * 3, 6, suppressor=4), sums([8] * 3, 6, suppressor=10)),
        _made("backed up", 12, facts([8] * 3, 11, backup=9), sums([3] * 3, 2, backup=5), filler=0.1),
        _made("families apart", 14, facts([2, 3, 5], 6), sums([8, 9, 11], 7)),
        _made("families interleaved", 14, facts([2, 6, 10], [3, 7, 11]), sums([4, 8, 12], [3, 5, 9])),
        _made("blurred", 12, facts([3] * 3, 5), sums([9] * 3, 7), noise=0.4),
        _made("blurred, the other way", 12, facts([8] * 4, 10, controls=1), sums([4] * 4, 2, controls=1), noise=0.4, architecture="gpt2"),
        _made("superposed", 12, facts([4] * 3, 6), sums([9] * 3, 7), messy=True),
        _made("superposed, the other way", 10, facts([6] * 3, 8), sums([3] * 3, 1), messy=True, architecture="gpt2"),
        _made("superposed relays", 12, facts([3] * 3, 5, relay=9, decoys=(2,)), sums([7] * 3, 5, recodes=(6,)), messy=True),
    )  # fmt: skip


def _made(name: str, n_layers: int, *families: tuple[FamilyPlan, ...], **options: Any) -> Construction:
    together = tuple(family for of_kind in families for family in of_kind)
    return Construction(name.replace(",", ""), "tune", n_layers, together, seed=sum(map(ord, name)), **options)
