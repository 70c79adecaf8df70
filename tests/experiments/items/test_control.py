"""Controls: the prompt states what their partners have to find, and nothing else about the two differs."""

from __future__ import annotations

from collections import Counter

import pytest
from toy_encoders import PieceEncoder

from strata.experiments.items.alignment import encode_items
from strata.experiments.items.control import FAMILIES, matched_items
from strata.experiments.items.family import Family
from strata.experiments.items.format_check import format_report
from strata.experiments.items.item_validation import item_from_dict
from strata.experiments.items.jsonl import item_to_dict
from strata.experiments.items.knowledge.tables import facts
from strata.experiments.items.schema import Item

each_family = pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)


def pairs(seed: int = 0, n: int = 30, encoder: PieceEncoder | None = None) -> list[tuple[Item, Item]]:
    items = matched_items(seed, n, encoder.length if encoder else None)
    matched: dict[str, list[Item]] = {}
    for item in items:
        matched.setdefault(item.extra["match"], []).append(item)
    assert all(len(two) == 2 for two in matched.values())
    return [(partner, control) for partner, control in matched.values()]


def asked(prompt: str, joint: str) -> str:
    return prompt.rsplit(joint, 1)[-1]


def test_at_least_three_relations_and_three_operations_have_controls() -> None:
    contrasts = Counter(control.extra["contrast"] for _, control in pairs(n=1))
    assert contrasts["K-C"] >= 3 and contrasts["R-R0"] >= 3
    assert {family.kind for family in FAMILIES} == {"control"}


def test_the_sides_of_a_pair_share_question_answer_length_and_cluster() -> None:
    encoder = PieceEncoder(longest=4)
    for partner, control in pairs(encoder=encoder):
        assert control.kind == "control" and control.hops == 0
        assert partner.kind == {"K-C": "knowledge", "R-R0": "reasoning"}[control.extra["contrast"]]
        assert partner.hops >= 1
        for name in ("answer", "foil", "cluster", "template", "choices", "domain"):
            assert getattr(partner, name) == getattr(control, name)
        assert len({encoder.length(prompt) for prompt in (partner.prompt, control.prompt)}) == 1
        assert asked(partner.prompt, "\n") == asked(control.prompt, "\n")
        assert asked(partner.foil_prompt, "\n") == asked(control.foil_prompt, "\n")


def test_a_knowledge_control_states_the_fact_and_its_partner_states_neither_answer() -> None:
    for partner, control in pairs():
        if control.extra["contrast"] != "K-C":
            continue
        known = {fact.subject: fact.answer for fact in facts(partner.family)}
        subject = control.prompt[slice(*control.spans["subject"])]
        foil_subject = control.foil_prompt[slice(*control.foil_spans["subject"])]
        assert (f" {known[subject]}", f" {known[foil_subject]}") == (control.answer, control.foil)
        assert set(control.extra["stated"]) == {subject, foil_subject}
        assert not {subject, foil_subject} & set(partner.extra["stated"])
        stated = {known[other] for other in partner.extra["stated"]}
        assert not stated & {control.answer.strip(), control.foil.strip()}
        joint = "\n\n" if "\n\n" in control.prompt else ".\n"
        question = asked(control.prompt, joint)
        assert control.prompt.count(f"{question}{control.answer}{joint}") == 1
        assert partner.prompt.count(question) == 1


def test_a_reasoning_control_shows_the_solved_problem_and_its_partner_only_the_answer() -> None:
    for partner, control in pairs():
        if control.extra["contrast"] != "R-R0" or "question" in control.template:
            continue
        for prompt, answer in ((control.prompt, control.answer), (control.foil_prompt, control.foil)):
            *examples, own = prompt.split("\n")
            assert sum(line.removesuffix(".") == own + answer for line in examples) == 1
        *examples, own = partner.prompt.split("\n")
        assert not any(line.startswith(own) for line in examples)
        assert any(line.removesuffix(".").endswith(partner.answer) for line in examples)
        lines = [set(side.prompt.split("\n")[:-1]) for side in (partner, control)]
        assert len(lines[0] & lines[1]) >= 2 and len(lines[0] - lines[1]) == 2


@each_family
def test_a_control_family_is_deterministic_valid_and_asks_in_several_templates(family: Family) -> None:
    items = family.build(seed=4, n=60)
    assert len(items) >= 30 and items == family.build(seed=4, n=60)
    assert items != family.build(seed=5, n=60)
    assert len({item.id for item in items}) == len(items)
    assert len({item.template for item in items}) >= 3
    assert all(item_from_dict(item_to_dict(item)) == item for item in items)


def test_pairs_line_up_token_by_token() -> None:
    encoder = PieceEncoder(longest=4)
    encoded, excluded = encode_items([item for pair in pairs(encoder=encoder) for item in pair], encoder)
    reasons = Counter(encoded_item.unaligned_reason for encoded_item in encoded)
    assert not excluded
    assert reasons[None] >= 0.95 * len(encoded)


def test_form_alone_tells_hardly_any_control_from_its_partner() -> None:
    encoder = PieceEncoder(longest=4)
    items = [item for pair in pairs(seed=1, n=40, encoder=encoder) for item in pair]
    contrasts = format_report(items, encoder).contrasts
    assert len(contrasts) == len(FAMILIES)
    # Each verdict errs in one of forty; two of sixteen would be a difference in form.
    assert sum(not contrast.result.contains_chance for contrast in contrasts) <= 1
    assert max(contrast.result.accuracy for contrast in contrasts) < 0.7
