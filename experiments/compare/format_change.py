"""Does a model begin with a format of its own where the answer is asked for? Then a fall of the answers may be the format."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence

from strata.experiments.results.comparison import AnswerChange, NextTokens
from strata.experiments.results.roles import BASE, DISTILLED, Role
from strata.experiments.results.rows import Row

Rows = Sequence[Row]
LEAST = 0.1
"""Share of prompts by which the distilled model must open more tags than the base before its format is named."""
_NAMES = "think|thought|reason|reflect|scratch|answer|solution|step|plan"
_OPENING = re.compile(rf"<[a-z]*|[<\[][^/\s]*(?:{_NAMES})[^/\s]*[>\]]", re.IGNORECASE)
"""`<` and `<think`, which begin a tag; `<think>`, `[THINK]`, `<|begin_of_thought|>`. Closing tags and a tokenizer's special
tokens (`<eos>`, `<unused99>`) are none."""


def opens_tag(token: str) -> bool:
    """Whether a token is an opening tag, or the beginning of one."""
    return _OPENING.fullmatch(token.strip()) is not None


def next_tokens(rows: Mapping[Role, Rows]) -> dict[Role, NextTokens]:
    """By model: on how many prompts the likeliest next token is known, on how many it opens a tag, and which one mostly."""
    counts = {}
    for role, table in rows.items():
        known = [str(row["next_token"]) for row in table if row.get("next_token") is not None]
        opening = [token for token in known if opens_tag(token)]
        token = Counter(opening).most_common(1)[0][0] if opening else None
        counts[role] = NextTokens(known=len(known), opening=len(opening), token=token)
    return counts


def begins_with_its_format(change: AnswerChange) -> bool:
    """Whether the distilled model opens a tag instead of answering, clearly more often than the base."""
    shares = {role: counts.opening / counts.known for role, counts in change.next_token.items() if counts.known}
    return BASE in shares and DISTILLED in shares and shares[DISTILLED] - shares[BASE] >= LEAST
