"""Constructions that the rule is judged by and was never tuned on: mostly of the GPT-2 type, with 5 to 48 blocks."""

from __future__ import annotations

from typing import Any

from strata.experiments.calibrate.construction import Construction, FamilyPlan
from strata.experiments.calibrate.similar_families import facts, sums

HALVES, EQUAL, THIRDS = (0.5, 0.5), (1.0, 1.0), (0.4, 0.3, 0.3)


def judged_by() -> tuple[Construction, ...]:
    return (
        _made("five blocks", 5, facts([1] * 3, 2), sums([3] * 3, 2)),
        _made("six blocks the other way", 6, facts([3] * 3, 4), sums([2] * 3, 1), architecture="llama"),
        _made("twenty-four blocks", 24, facts([7] * 3, 12), sums([19] * 3, 13)),
        _made("twenty-four blocks the other way", 24, facts([17] * 3, 21), sums([5] * 3, 3), architecture="llama"),
        _made("facts at last above sums", 16, facts([12] * 4, 9, where="last", controls=1), sums([6] * 4, 4, controls=1)),
        _made("facts at last below sums at the operand", 9, facts([2] * 3, 1, where="last"), sums([6] * 3, 7, where="subject")),
        _made("attention alone above sums", 18, facts([13] * 3, 13, where="last attention"), sums([5] * 3, 2)),
        _made("attention alone below sums", 8, facts([2] * 3, 2, where="last attention"), sums([6] * 3, 4), architecture="llama"),
        _made("attention at the subject below sums", 16, facts([5] * 3, 8, where="subject attention"), sums([12] * 3, 9)),
        _made("copies of sums around facts", 16, facts([8] * 3, 10), sums([(4, 12)] * 3, 2, sizes=EQUAL, form="copies")),
        _made("three copies above sums", 20, facts([(9, 12, 15)] * 3, 17, sizes=(1.0, 1.0, 1.0), form="copies"), sums([5] * 3, 3)),
        _made("unequal copies below sums", 10, facts([(1, 4)] * 3, 5, sizes=(0.7, 1.2), form="copies"), sums([8] * 3, 6), architecture="llama"),
        _made("neighbouring parts above sums", 18, facts([(11, 12)] * 3, 14, sizes=EQUAL, form="parts"), sums([(4, 5)] * 3, 3, sizes=HALVES)),
        _made("distant parts of sums", 20, facts([(3, 5)] * 3, 8, sizes=HALVES), sums([(11, 16)] * 3, 9, sizes=EQUAL, form="parts")),
        _made("shares of three blocks", 15, facts([(2, 4, 6)] * 3, 7, sizes=THIRDS), sums([(9, 10, 12)] * 3, 8, sizes=THIRDS), architecture="llama"),
        _made("unread copies above sums", 11, facts([7] * 3, 9, decoys=(2, 5)), sums([4] * 3, 1, decoys=(2,))),
        _made("relays in the other order", 16, facts([9] * 3, 11, relay=14), sums([4] * 3, 2, relay=12)),
        _made("relay after sums", 9, facts([5] * 3, 6), sums([3] * 3, 1, relay=7), architecture="llama"),
        _made("relay after facts above sums", 20, facts([4] * 3, 6, relay=17), sums([11] * 3, 8)),
        _made("answers handed on above sums", 18, facts([8] * 3, 14, series=11), sums([3] * 3, 2, series=6)),
        _made("input encoded again above sums", 10, facts([6] * 3, 7, recodes=(3,)), sums([4] * 3, 1, recodes=(2,))),
        _made("input encoded twice below sums", 22, facts([9] * 3, 11, recodes=(2, 5)), sums([19] * 3, 10, recodes=(13, 16))),
        _made("suppressed above sums", 8, facts([4] * 3, 6, suppressor=5), sums([2] * 3, 1, suppressor=3), architecture="llama"),
        _made("backed up below sums", 16, facts([3] * 3, 8, backup=6), sums([11] * 3, 9, backup=13), filler=0.1),
        _made("families far apart", 22, facts([2, 5, 8, 9], 10, controls=1), sums([12, 15, 17, 20], 11, controls=1)),
        _made("families far apart the other way", 16, facts([9, 11, 12], 13), sums([3, 5, 6], 2), architecture="llama"),
        _made("families mixed", 18, facts([3, 8, 14], [4, 9, 15]), sums([5, 9, 13], [2, 6, 10])),
        _made("blurred and deep", 20, facts([6] * 4, 9, controls=1), sums([15] * 4, 11, controls=1), noise=0.45),
        _made("blurred shares", 16, facts([(9, 10)] * 3, 12, sizes=HALVES), sums([(4, 5)] * 3, 2, sizes=HALVES), noise=0.55),
        _made("blurred relays", 8, facts([2] * 3, 3, relay=6), sums([4] * 3, 3, decoys=(3,)), noise=0.22, architecture="llama"),
        _made("superposed and deep", 18, facts([6] * 3, 9), sums([13] * 3, 10), messy=True),
        _made("superposed above sums", 8, facts([5] * 3, 6), sums([2] * 3, 1), messy=True, architecture="llama"),
        _made("superposed copies", 14, facts([(3, 5)] * 3, 7, sizes=EQUAL, form="copies"), sums([11] * 3, 8, decoys=(9,)), messy=True),
        _made("superposed input encoded again", 16, facts([10] * 3, 12, recodes=(5,)), sums([6] * 3, 2, recodes=(3,)), messy=True),
        _made("superposed and blurred", 10, facts([3] * 3, 4), sums([7] * 3, 5), messy=True, noise=0.3),
        _made("grouped queries", 12, facts([4] * 3, 6), sums([9] * 3, 5), architecture="grouped"),
        _made("grouped queries the other way", 16, facts([11] * 3, 13, relay=14), sums([5] * 3, 3, decoys=(4,)), architecture="grouped"),
        _made("parallel blocks", 14, facts([4] * 3, 7), sums([10] * 3, 5), architecture="parallel"),
        _made("parallel blocks the other way", 10, facts([7] * 3, 5, where="last"), sums([3] * 3, 1), architecture="parallel"),
        _made("within foreign text", 13, facts([3] * 3, 6), sums([9] * 3, 4), foreign_words=16, architecture="llama"),
        _made("forty-eight blocks", 48, facts([14] * 3, 22), sums([37] * 3, 30)),
    )  # fmt: skip


def _made(name: str, n_layers: int, *families: tuple[FamilyPlan, ...], architecture: Any = "gpt2", **options: Any) -> Construction:  # fmt: skip
    together = tuple(family for of_kind in families for family in of_kind)
    return Construction(name, "judge", n_layers, together, architecture, seed=sum(map(ord, name)), **options)
