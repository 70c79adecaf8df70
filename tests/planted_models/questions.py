"""Which items does the planted model get asked? Minimal pairs of every kind, and controls matched to both."""

from __future__ import annotations

from random import Random
from typing import Any

from planted_models.words import ADDENDS, RELATIONS, SUBJECTS, VALUES, Facts, added

CHOICES = tuple(f" {value}" for value in VALUES)
_KNOWN_FRAMES = {"plain": "{relation} of {subject} is", "tell": "tell the {relation} of {subject} : it is"}
_SUM_FRAMES = {"plain": "{operand} plus {operand_two} is", "take": "take {operand} plus {operand_two} : it is"}
_STATED = "{owner} has {stated} . {relation} of {subject} is"
_WORKED, _COPIED = "{operand} plus not copy {operand_two} is", "{operand} copy not plus {operand_two} is"
_CHAINED = "{relation} of {subject} plus {operand_two} is"


def questions(facts: Facts, seed: int, *, composite: bool) -> list[dict[str, Any]]:
    """Records of the item schema: 80 knowledge, 80 reasoning and 80 control items, and 40 composite ones if asked."""
    rng = Random(f"questions {seed}")
    records = _knowledge(facts, rng) + _stated_facts(facts, rng) + _sums(rng)
    return records + (_composite(facts, rng) if composite else [])


def _knowledge(facts: Facts, rng: Random) -> list[dict[str, Any]]:
    records = []
    for number, subject in enumerate(SUBJECTS):
        relation = rng.choice([candidate for candidate in RELATIONS if candidate != facts.unknown[subject]])
        template = list(_KNOWN_FRAMES)[number % 2]
        other = _other_subject(facts, rng, subject, relation)
        records.append(
            _item(
                f"fact:{subject}:{template}", "knowledge", "fact", _KNOWN_FRAMES[template], template, subject,
                {"relation": relation, "subject": subject}, {"subject": other},
                facts.known[subject, relation], facts.known[other, relation],
                extra={"subject": subject, "relation": relation},
            )
        )  # fmt: skip
    return records


def _stated_facts(facts: Facts, rng: Random) -> list[dict[str, Any]]:
    """K-C: a fact that is stated (of the relation that the model doesn't know), next to one that has to be known."""
    records = []
    for subject in SUBJECTS:
        asked = rng.choice([candidate for candidate in RELATIONS if candidate != facts.unknown[subject]])
        answer, other = facts.known[subject, asked], _other_subject(facts, rng, subject, asked)
        foil = facts.known[other, asked]
        owner = rng.choice([candidate for candidate in SUBJECTS if candidate not in (subject, other)])
        aside = rng.choice([value for value in VALUES if value not in (answer, foil)])
        about = {"match": f"fact_stated:{subject}", "contrast": "K-C"}
        records += [
            _item(
                f"fact_stated:{subject}:K", "knowledge", "fact", _STATED, "stated", subject,
                {"owner": owner, "stated": aside, "relation": asked, "subject": subject}, {"subject": other},
                answer, foil, extra={**about, "subject": subject, "relation": asked},
            ),
            _item(
                f"fact_stated:{subject}:C", "control", "fact_stated", _STATED, "stated", subject,
                {"owner": subject, "stated": answer, "relation": facts.unknown[subject], "subject": subject},
                {"stated": foil}, answer, foil, hops=0,
                extra={**about, "subject": subject, "relation": facts.unknown[subject]},
            ),
        ]  # fmt: skip
    return records


def _sums(rng: Random) -> list[dict[str, Any]]:
    """Sums in two templates; then, on the same operands, R-R0: one prompt says to add, the other to copy."""
    pairs = [(value, addend) for value in VALUES for addend in ADDENDS]
    rng.shuffle(pairs)
    records = []
    for number, (value, addend) in enumerate(pairs[:40]):
        template = list(_SUM_FRAMES)[number % 2]
        records.append(_sum(f"sum:{value}+{addend}", "sum", _SUM_FRAMES[template], template, value, addend, rng, {}))
    for value, addend in pairs[40:80]:
        name = f"sum_stated:{value}+{addend}"
        about = {"match": name, "contrast": "R-R0"}
        copied = rng.choice([candidate for candidate in VALUES if candidate != value])
        records += [
            _sum(f"{name}:R", "sum", _WORKED, "stated", value, addend, rng, about),
            _item(
                f"{name}:R0", "control", "sum_stated", _COPIED, "stated", f"{value}+{addend}",
                {"operand": value, "operand_two": addend}, {"operand": copied}, value, copied, hops=0,
                extra={**about, "operands": [value, addend], "intermediate": []},
            ),
        ]  # fmt: skip
    return records


def _sum(
    name: str, family: str, frame: str, template: str, value: str, addend: str, rng: Random, about: dict[str, Any]
) -> dict[str, Any]:
    other = rng.choice([candidate for candidate in VALUES if candidate != value])
    return _item(
        name, "reasoning", family, frame, template, f"{value}+{addend}", {"operand": value, "operand_two": addend},
        {"operand": other}, added(value, addend), added(other, addend),
        extra={**about, "operands": [value, addend], "foil_operands": [other, addend], "intermediate": []},
    )  # fmt: skip


def _composite(facts: Facts, rng: Random) -> list[dict[str, Any]]:
    records = []
    for subject in SUBJECTS:
        relation = rng.choice([candidate for candidate in RELATIONS if candidate != facts.unknown[subject]])
        other, addend = _other_subject(facts, rng, subject, relation), rng.choice(ADDENDS)
        bridge, foil_bridge = facts.known[subject, relation], facts.known[other, relation]
        answer, foil = added(bridge, addend), added(foil_bridge, addend)
        plain, total = _KNOWN_FRAMES["plain"], _SUM_FRAMES["plain"]
        hops = {
            "first_hop": {
                "prompt": plain.format(relation=relation, subject=subject), "answer": f" {bridge}",
                "foil_prompt": plain.format(relation=relation, subject=other), "foil": f" {foil_bridge}",
            },
            "second_hop": {
                "prompt": total.format(operand=bridge, operand_two=addend), "answer": f" {answer}",
                "foil_prompt": total.format(operand=foil_bridge, operand_two=addend), "foil": f" {foil}",
            },
        }  # fmt: skip
        records.append(
            _item(
                f"fact_sum:{subject}", "composite", "fact_sum", _CHAINED, "plain", subject,
                {"relation": relation, "subject": subject, "operand_two": addend}, {"subject": other}, answer, foil,
                hops=2,
                extra={
                    "subject": subject, "foil_subject": other, "bridge": bridge, "bridge_answer_form": f" {bridge}",
                    "foil_bridge": foil_bridge, "relations": [relation, "plus"], "operands": [bridge, addend],
                    "intermediate": [bridge], **hops,
                },
            )
        )  # fmt: skip
    return records


def _other_subject(facts: Facts, rng: Random, subject: str, relation: str) -> str:
    value = facts.known[subject, relation]
    return rng.choice([candidate for candidate in SUBJECTS if facts.known.get((candidate, relation), value) != value])


def _item(
    id: str,
    kind: str,
    family: str,
    frame: str,
    template: str,
    cluster: str,
    words: dict[str, str],
    swapped: dict[str, str],
    answer: str,
    foil: str,
    *,
    hops: int = 1,
    extra: dict[str, Any],
) -> dict[str, Any]:
    prompt, spans = _filled(frame, words)
    foil_prompt, foil_spans = _filled(frame, words | swapped)
    return {
        "id": id, "kind": kind, "family": family, "domain": "planted", "prompt": prompt, "answer": f" {answer}",
        "foil_prompt": foil_prompt, "foil": f" {foil}", "choices": list(CHOICES), "cluster": f"{family.removesuffix('_stated')}:{cluster}",
        "template": f"{family}.{template}", "hops": hops, "spans": spans, "foil_spans": foil_spans,
        "source": "planted", **extra,
    }  # fmt: skip


def _filled(frame: str, words: dict[str, str]) -> tuple[str, dict[str, list[int]]]:
    text, spans = "", {}
    for part in frame.split(" "):
        name = part.strip("{}")
        word = words[name] if part != name else part
        start = len(text) + bool(text)
        text = f"{text} {word}" if text else word
        if part != name:
            spans[name] = [start, len(text)]
    return text, spans
