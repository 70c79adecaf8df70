"""What a question is: one item, its minimal-pair partner, and what must not straddle folds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

Kind = Literal["knowledge", "reasoning", "composite", "control"]
KINDS: tuple[Kind, ...] = get_args(Kind)
Span = tuple[int, int]


@dataclass(frozen=True)
class Item:
    """One item of the schema in the design document (JSON Lines, one object a line).

    `prompt` is the text up to the answer; `answer` and `foil` carry their leading space. `foil_prompt` is the
    minimal pair: same template, same token length under the tokenizer it was made for, another answer.
    `cluster` names what must not straddle folds (an entity, an operand pair). `spans` are half-open character
    offsets into `prompt` (`foil_spans` into `foil_prompt`). Keys the schema doesn't know are kept in `extra`.
    """

    id: str
    kind: Kind
    family: str
    domain: str
    prompt: str
    answer: str
    foil_prompt: str
    foil: str
    cluster: str
    template: str
    hops: int = 1
    choices: tuple[str, ...] = ()
    spans: Mapping[str, Span] = field(default_factory=dict)
    foil_spans: Mapping[str, Span] = field(default_factory=dict)
    source: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict)
