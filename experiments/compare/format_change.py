"""Does a model begin with a format of its own where the answer is asked for? Then a fall of the answers may be the format."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from strata.experiments.compare.paired_estimates import BASE, DISTILLED, Role

Rows = Sequence[Mapping[str, Any]]
LEAST = 0.1
"""Share of prompts by which the distilled model must open more tags than the base before its format is named."""
_NAMES = "think|thought|reason|reflect|scratch|answer|solution|step|plan"
_OPENING = re.compile(rf"<[a-z]*|[<\[][^/\s]*(?:{_NAMES})[^/\s]*[>\]]", re.IGNORECASE)
"""`<` and `<think`, which begin a tag; `<think>`, `[THINK]`, `<|begin_of_thought|>`. Closing tags and a tokenizer's special
tokens (`<eos>`, `<unused99>`) are none."""


def opens_tag(token: str) -> bool:
    """Whether a token is an opening tag, or the beginning of one."""
    return _OPENING.fullmatch(token.strip()) is not None


def next_tokens(rows: Mapping[Role, Rows]) -> dict[Role, dict[str, Any]]:
    """By model: on how many prompts the likeliest next token is known, on how many it opens a tag, and which one mostly."""
    counts = {}
    for role, table in rows.items():
        known = [str(row["next_token"]) for row in table if row.get("next_token") is not None]
        opening = [token for token in known if opens_tag(token)]
        token = Counter(opening).most_common(1)[0][0] if opening else None
        counts[role] = {"known": len(known), "opening": len(opening), "token": token}
    return counts


def format_instead(kind: str, of_kind: Mapping[str, Any]) -> str | None:
    """A sentence where the distilled model opens a tag instead of answering, clearly more often than the base; else None."""
    tokens = of_kind.get("next_token") or {}
    shares = {role: counts["opening"] / counts["known"] for role, counts in tokens.items() if counts["known"]}
    if BASE not in shares or DISTILLED not in shares or shares[DISTILLED] - shares[BASE] < LEAST:
        return None
    of_role = tokens[DISTILLED]
    others = ", ".join(f"{role} {counts['opening']}" for role, counts in tokens.items() if role != DISTILLED)
    known, asked = of_role["known"], of_kind.get("asked", of_role["known"])
    # Where answer and foil begin alike, what the model would say before that beginning is not measured.
    which = f" of which it is known ({asked} were asked)" if asked > known else ""
    return (
        f"on {of_role['opening']} of {known} {kind} prompts{which} the distilled model's likeliest next token opens a tag "
        f"({json.dumps(of_role['token'].strip(), ensure_ascii=False)}; {others}), so that a fall there may be the format of its answers"
    )
