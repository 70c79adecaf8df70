"""The same chain of friends asked over all of its links, and over its last one behind as many tokens of filler.

Both name the same facts in the same order, end in the same person and are equally long: what the first asks for more is to walk.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from strata.experiments.items.family import TokenLength
from strata.experiments.items.reasoning.binding import RELATION_CHAIN
from strata.experiments.items.reasoning.frame import (
    Problem,
    Side,
    Template,
    Vocabulary,
    interleaved,
    item_of,
    seeded,
    vocabulary,
    worked_examples,
)
from strata.experiments.items.reasoning.text_with_spans import Marked, mark
from strata.experiments.items.schema import Item

DEPTHS = RELATION_CHAIN.difficulties
"""Links that are asked over."""
_EXAMPLES = 1
_ATTEMPTS = 60
_FILLER = ("So", "now", "once", "more", "as", "asked", "here", "and", "there", "too")
_MOST_FILLER = 40
TEMPLATES = (
    Template("friend", "{lines}{filler} The friend{path} of {query} is", "The friend of {a} is {b}.", after=".\n"),
    Template("question", "{lines}\nQ:{filler} Who is {query}{links}?\nA:", "{a}'s friend is {b}."),
)
"""Those of the family, with room for filler."""


@dataclass(frozen=True)
class ChainPair:
    """One chain, asked twice."""

    depth: int
    walked: Item
    """Asked over `depth` links."""
    filler: Item
    """Asked over the last link; at depth 1 the same prompt."""
    hops: tuple[tuple[str, str], ...]
    """Of every link who is reached, and who is reached by as many links of the other chain; the last: answer and foil."""


def chain_pairs(depth: int, *, n: int, seed: int, token_length: TokenLength) -> list[ChainPair]:
    """At most `n` chains of `depth` links, ends and templates in turn, each pair of prompts of one length in tokens; fewer where no more
    fit.
    """
    words = vocabulary(RELATION_CHAIN, token_length)
    answers = list(RELATION_CHAIN.answers(depth, words))
    seeded(seed, "chain-lengths", depth).shuffle(answers)
    wanted = interleaved(answers, TEMPLATES)
    pairs: list[ChainPair] = []
    seen: set[str] = set()
    for turn in range(_ATTEMPTS * n):
        if len(pairs) == n:
            break
        answer, template = wanted[turn % len(wanted)]
        pair = _pair(depth, answer, template, words, seed, turn, token_length)
        if pair is not None and pair.walked.prompt not in seen:
            seen.add(pair.walked.prompt)
            pairs.append(pair)
    return pairs


def asked_id(chain: str, asked: str) -> str:
    """Of the item that asks a chain in one of the two ways."""
    return f"{chain}.{asked}"


def chain_of_id(item: str) -> str:
    """The chain that `asked_id` named an item of."""
    return item.rpartition(".")[0]


def _pair(
    depth: int, answer: str, template: Template, words: Vocabulary, seed: int, turn: int, token_length: TokenLength
) -> ChainPair | None:
    """None where this draw came to nothing, or no filler makes the prompts equally long."""
    rng = seeded(seed, "chain-lengths", depth, template.id, answer, turn)
    problem = RELATION_CHAIN.draw(rng, answer, depth, words)
    if problem is None:
        return None
    shown = replace(template, n_examples=_EXAMPLES)
    examples = worked_examples(RELATION_CHAIN, rng, shown, depth, words, problem)
    id = f"chain.{depth}.{turn:05d}"
    walked = _item(problem, [_filled(side, 0) for side in examples], template, depth, asked_id(id, "walked"))
    if depth == 1:
        filler = replace(walked, id=asked_id(id, "filler"))
    else:
        found = _equally_long(problem, examples, template, depth, asked_id(id, "filler"), token_length, walked.prompt)
        if found is None:
            return None
        filler = found
    hops = tuple(zip(_way(problem.clean)[1:], _way(problem.foil)[1:], strict=True))
    return ChainPair(depth, walked, filler, hops)


def _equally_long(  # seven parameters: a problem, where it is asked, and how long it is to be
    problem: Problem,
    examples: Sequence[Side],
    template: Template,
    depth: int,
    id: str,
    token_length: TokenLength,
    like: str,
) -> Item | None:
    """The last link asked, with the fewest words of filler that make the prompt as long as `like`."""
    wanted = token_length(like)
    last = Problem(
        _last_link(problem.clean), _last_link(problem.foil), problem.cluster, problem.foil_cluster, problem.choices
    )
    for n in range(_MOST_FILLER):
        sides = [_filled(_last_link(side), n) for side in examples]
        item = _item(last, sides, template, depth, id, filler=n)
        length = token_length(item.prompt)
        if length >= wanted:
            return item if length == wanted else None
    return None


def _item(problem: Problem, examples: Sequence[Side], template: Template, depth: int, id: str, filler: int = 0) -> Item:
    filled = replace(problem, clean=_filled(problem.clean, filler), foil=_filled(problem.foil, filler))
    item = item_of(RELATION_CHAIN, filled, template, examples, depth, id)
    # No minimal pair: the two prompts of a last link differ in whom they ask about.
    return replace(item, foil_prompt="", foil_spans={})


def _way(side: Side) -> list[str]:
    """From the person asked about to the end."""
    return [side.fields["query"].text, *map(str, side.intermediate), side.answer]


def _last_link(side: Side) -> Side:
    fields = {**side.fields, "query": mark(_way(side)[-2], "query"), "path": Marked(""), "links": Marked("'s friend")}
    return replace(side, fields=fields, intermediate=())


def _filled(side: Side, n: int) -> Side:
    words = "".join(f" {_FILLER[number % len(_FILLER)]}" for number in range(n))
    return replace(side, fields={**side.fields, "filler": Marked(f"{words}," if words else "")})
