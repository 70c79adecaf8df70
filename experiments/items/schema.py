"""What a question is: one item, its minimal-pair partner, and what must not straddle folds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, get_args

from strata.experiments.items.field_rules import Choices, Extra, Filled, Hops, Id, Name, Spans, Text

Kind = Literal["knowledge", "reasoning", "composite", "control"]
KINDS: tuple[Kind, ...] = get_args(Kind)
KnowledgeOrReasoning = Literal["knowledge", "reasoning"]
KNOWLEDGE_AND_REASONING: tuple[KnowledgeOrReasoning, ...] = get_args(KnowledgeOrReasoning)
"""The two kinds that the question is about: held against each other, ordered and told; the others are steps and controls."""
Span = tuple[int, int]
HOPS = ("first_hop", "second_hop")
"""Keys of `Item.extra` whose prompts are asked as well: the single steps of a composite item."""


@dataclass(frozen=True)
class Item:
    """One item of the schema (JSON Lines, one object a line; read and written by `strata.experiments.items.jsonl`).

    A minimal pair is two prompts of one template and one token length that differ in one span and in the answer.
    An item without a `foil_prompt` has no such partner (an imported multiple-choice question, say): probes and
    lenses can use it, interventions can't. The rules of `field_rules` are asked when one is read or written, not when it is made.
    """

    id: Id
    """Unique in its set; printable, so that it can stand in a table and on a command line."""
    kind: Kind
    """What answering takes: a fact from the weights, an operation on the context, both, or neither."""
    family: Name
    """Which source of items it comes from: capital, addition, …"""
    domain: Name
    """Subject area: geography, medicine, arithmetic, …"""
    prompt: Filled
    """The text up to the answer."""
    answer: Filled
    """The right continuation, with its leading space."""
    foil_prompt: Text = ""
    """The minimal pair's other prompt, answered by `foil`; empty when the item has no pair."""
    foil: Text = ""
    """The continuation that would be right for the pair's other prompt; what the answer is scored against."""
    cluster: Filled = ""
    """What must not straddle folds: an entity, an operand pair. A reader of files fills in the id."""
    template: Filled = "0"
    """Id of the template, shared by the items worded alike."""
    hops: Hops = 1
    """Steps from the prompt to the answer; 0 for a copy."""
    choices: Choices = ()
    """Candidate continuations with the answer among them; empty when none are offered."""
    spans: Spans = field(default_factory=dict)
    """Named half-open character ranges of `prompt`, such as `subject`."""
    foil_spans: Spans = field(default_factory=dict)
    """The same names in `foil_prompt`."""
    source: Text = ""
    """Where the item comes from."""
    extra: Extra = field(default_factory=dict)
    """Keys the schema doesn't know, kept as they were found."""

    @property
    def has_pair(self) -> bool:
        """Whether there is a second prompt to swap activations with."""
        return bool(self.foil_prompt)
