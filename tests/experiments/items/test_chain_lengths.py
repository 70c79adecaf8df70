"""Both questions of a chain name the same facts, are equally long, and end in the person whom an independent walk reaches."""

from __future__ import annotations

import re

import pytest

from strata.experiments.items.reasoning.chain_lengths import DEPTHS, ChainPair, chain_pairs

FACT = re.compile(r"(?:The friend of (\w+) is (\w+)\.)|(?:(\w+)'s friend is (\w+)\.)")


def token_length(text: str) -> int:
    return len(re.findall(r"\w+|[^\w\s]", text))


@pytest.fixture(scope="module", params=DEPTHS)
def pairs(request: pytest.FixtureRequest) -> list[ChainPair]:
    return chain_pairs(request.param, n=8, seed=3, token_length=token_length)


def facts(prompt: str, depth: int) -> dict[str, str]:
    """Of the problem itself, which comes last: two chains."""
    found = [tuple(filter(None, match.groups())) for match in FACT.finditer(prompt)]
    return dict(found[-2 * depth :])


def walk(prompt: str, depth: int, links: int) -> list[str]:
    known = facts(prompt, depth)
    asked = re.findall(r"(?:The friend(?: of the friend)* of (\w+) is$)|(?:Who is (\w+)(?:'s friend)+\?\nA:$)", prompt)
    person = "".join(asked[-1])
    way = []
    for _ in range(links):
        person = known[person]
        way.append(person)
    return way


def test_pairs_are_equally_long_and_share_facts_and_answer(pairs: list[ChainPair]) -> None:
    assert len(pairs) == 8 and len({pair.walked.prompt for pair in pairs}) == 8
    assert {pair.walked.template for pair in pairs} == {"relation_chain.friend", "relation_chain.question"}
    for pair in pairs:
        walked, filler = pair.walked, pair.filler
        assert token_length(walked.prompt) == token_length(filler.prompt)
        assert facts(walked.prompt, pair.depth) == facts(filler.prompt, pair.depth)
        assert (walked.answer, walked.foil) == (filler.answer, filler.foil) and not walked.has_pair
        assert (walked.prompt == filler.prompt) == (pair.depth == 1)


def test_an_independent_walk_reaches_every_hop(pairs: list[ChainPair]) -> None:
    for pair in pairs:
        way = walk(pair.walked.prompt, pair.depth, pair.depth)
        assert [own for own, _ in pair.hops] == way and f" {way[-1]}" == pair.walked.answer
        assert f" {walk(pair.filler.prompt, pair.depth, 1)[0]}" == pair.filler.answer
        others = [other for _, other in pair.hops]
        assert f" {others[-1]}" == pair.walked.foil and not set(others) & set(way)
        known = facts(pair.walked.prompt, pair.depth)
        assert [known[person] for person in others[:-1]] == others[1:]


def test_the_same_seed_gives_the_same_chains() -> None:
    again = [chain_pairs(3, n=4, seed=seed, token_length=token_length) for seed in (1, 1, 2)]
    assert again[0] == again[1] != again[2]
