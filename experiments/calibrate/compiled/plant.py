"""A compiled program as a planted model: its questions, and the blocks that make their answers."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random

from strata.experiments.calibrate.compiled.program import CompiledProgram, Described
from strata.experiments.calibrate.planted_items import filled
from strata.experiments.calibrate.truth import FamilyTruth, Place, Truth, order_of
from strata.experiments.items.schema import Item, Kind

FACTS, RESULTS = "facts", "results"
_FRAMES: Mapping[str, tuple[Kind, str, str]] = {
    FACTS: ("knowledge", "tell {subject} is", "subject"),
    RESULTS: ("reasoning", "take {operand} is", "operand"),
}
_PER_FAMILY = 48


def items_of(program: CompiledProgram) -> list[Item]:
    """Minimal pairs of both families, every word first before one comes again."""
    said, records = program.described, []
    for family, table in ((FACTS, said.facts), (RESULTS, said.results)):
        kind, frame, span = _FRAMES[family]
        rng = Random(f"compiled {said.name} {family}")
        order: list[str] = []
        taken: set[frozenset[str]] = set()
        for number in range(_PER_FAMILY):
            order = order or rng.sample(sorted(table), len(table))
            word = order.pop()
            others = [other for other in table if table[other] != table[word] and frozenset((word, other)) not in taken]
            other = rng.choice(others)
            taken.add(frozenset((word, other)))
            (prompt, spans), (foil_prompt, foil_spans) = filled(frame, {span: word}), filled(frame, {span: other})
            records.append(Item(
                id=f"{family}:{number}", kind=kind, family=family, domain="compiled", prompt=prompt, answer=f" {table[word]}",
                foil_prompt=foil_prompt, foil=f" {table[other]}", choices=tuple(f" {answer}" for answer in said.output),
                cluster=f"{family}:{word}", template=family, hops=1, spans=spans, foil_spans=foil_spans,
                source="compiled by Tracr", extra={"entity": word},
            ))  # fmt: skip
    return records


def truth_of(program: CompiledProgram) -> Truth:
    said = program.described
    fact, result = said.block("mlp", "fact"), said.block("mlp", "result")
    moved_fact, moved_operand = said.block("attention", "moved_fact"), said.block("attention", "moved_operand")
    combined = Place("work_out", (said.block("mlp", "said"),))
    codes = {whose: _codes(said, whose) for whose in ("subject", "operand")}
    families = {
        FACTS: FamilyTruth(
            "knowledge", "enrich", (fact,), "single", "in-series" if codes["subject"] else "single",
            prepares=codes["subject"], relays=(Place("move", (moved_fact,)), combined),
        ),
        RESULTS: FamilyTruth(
            "reasoning", "work_out", (result,), "single", "in-series",
            prepares=(*codes["operand"], Place("move", (moved_operand,))), relays=(combined,),
        ),
    }  # fmt: skip
    return Truth(
        said.name,
        "judge",
        "gpt2",
        said.layers,
        families,
        order_of(families),
        origin="compiled",
        variant="compiled program",
    )


def _codes(said: Described, whose: str) -> tuple[Place, ...]:
    """Re-encodings of the input, beyond block 0 at a replaced word, which is never counted."""
    blocks = sorted(block for name, block in said.writes["mlp"].items() if name.startswith(f"{whose}_code_") and block)
    return tuple(Place("enrich", (block,)) for block in blocks)
