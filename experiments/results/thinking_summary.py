"""What `summary.json` of a `behave` says of thinking: fast against slow answers, what the steps tell of the answer, whether they are true."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from strata.experiments.items.schema import Kind
from strata.experiments.results.confidence_summary import ChainConfidence
from strata.experiments.results.estimates import Estimated
from strata.experiments.results.record import Record

Pace = Literal["fast", "slow", "other_chain"]
StepSource = Literal["written", "own"]
StepControl = Literal["other_steps", "filler", "repeated"]
Change = Literal[
    "gains",  # the interval lies above 0
    "loses",  # below it
    "not-seen",  # it holds 0
    "undecided",  # there is none: too few clusters
]
NotThought = Literal["context-too-short"]


class WhyNoThinking(Record):
    """Why nothing of it was measured."""

    code: Literal[
        "not-asked-for",
        "no-problems",  # the items hold none
        "no-closing-tag",  # the chat template opens a block, and nothing says how it is closed
        "tags-not-writable",  # the tokenizer can't write them
    ]


class Settling(Record):
    """Of a group of problems the first stream from which on the likeliest token stays, where the answer begins."""

    problems: int
    not_read: int = 0
    """Further problems of the group: with the model's own chain they don't fit its context, or their answer can't be scored."""
    fast: Estimated
    """Behind an empty block."""
    slow: Estimated
    """Behind the model's own chain."""
    other_chain: Estimated | None
    """Behind the chain that it wrote for another problem. None: there is none."""
    difference: Estimated
    """Slow − fast, in streams."""


class FastSlow(Record):
    """Of the problems of one kind, asked with the think block closed by force and opened."""

    problems: int
    clusters: int
    samples: int
    """Answers drawn of each."""
    fast: Estimated
    """Share of right answers."""
    slow: Estimated
    gain: Estimated
    """δ = slow − fast = won − lost."""
    won: Estimated
    """δc: share of answers wrong fast and right slow."""
    lost: Estimated
    """δo: right fast and wrong slow."""
    won_of_wrong: Estimated | None
    """rc: of the answers that are wrong fast. None: there are fewer than eight."""
    lost_of_right: Estimated | None
    """ro: of those that are right fast."""
    change: Change
    """Of the gain."""
    chains: Mapping[Pace, Estimated]
    """Share of answers with a chain of thought."""
    never_closed: int
    """Slow answers whose block stays open: no answer."""
    other_chain: Estimated | None
    """Share of right answers behind the chain of another problem of the family: as much text, nothing of this one. None: there is none."""
    beyond: Estimated | None
    """Slow less that."""
    only_slow: Settling | None
    """Of the problems that only slow answers solve. None: there is none whose chain was closed."""
    both: Settling | None
    """Of those that both solve."""


class ShownFrom(Record):
    """From which stream on a reading exceeds that of another problem."""

    stream: int | None
    """None: at none."""
    depth: float | None
    interval: tuple[int, int | None] | None
    """None: it isn't found often enough for one; its upper end None: it reaches past every stream."""
    definition: str


class WhyNotShown(Record):
    """Why nothing is said about streams."""

    code: Literal[
        "too-few-clusters",
        "no-other-problem",  # there is none to be held against
        "none-readable",  # none fits the model's context and can be scored
    ]


class InformationGain(Record):
    """How much likelier the right answer becomes by the steps before it; all in nats, summed over the answer's tokens."""

    problems: int
    clusters: int
    steps: Estimated
    """Mean number of steps."""
    gain: Estimated
    """G = log P(answer | all steps) − log P(answer | none), mean over problems."""
    gain_per_step: Estimated
    """Mean of G / t."""
    controls: Mapping[StepControl, Estimated]
    """G of other steps in their place: another problem's, words of the question, the first step again and again."""
    beyond: Estimated | None
    """G less the largest control's, over the problems that have it; the largest is chosen anew in every draw. None: no control."""
    largest: StepControl | None
    """Which control that is."""
    change: Change
    """Of `beyond`."""
    perplexity_drop: float
    """Mean of (PPL without steps − PPL with all) / t, which one hard item can carry (2506.02126)."""
    largest_share: float | None
    """Share of the largest item in the sum of its sizes. None: every drop is 0."""
    shows: ShownFrom | None = None
    """From where on the steps gain more than another problem's. None: see `why_no_layers`."""
    why_no_layers: WhyNotShown | None = None


class KnowledgeIndex(Record):
    """Of the steps that the model wrote itself, which are true of the problem."""

    problems: int
    """With a closed chain of thought."""
    clusters: int
    steps: int
    checkable: int
    """Steps that a reader can read; the others are never taken for true."""
    elsewhere: int
    """True by themselves, of things that the problem doesn't speak of."""
    index: Estimated
    """KI: mean over problems of the share of their steps that are true of the problem."""
    true_by_themselves: Estimated
    """The same where a step only has to be true of anything."""
    of_another: Estimated | None
    """The null: the same steps held against another problem of the family. None: there is none."""
    beyond: Estimated | None
    """KI less that."""
    change: Change
    """Of `beyond`."""
    right: Estimated | None
    """KI of the right answers. None: there are none."""
    wrong: Estimated | None
    shows: ShownFrom | None = None
    """From where on a true step's result is likelier than another problem's, where the model is about to write it. None: see `why_no_layers`."""
    results_not_read: int = 0
    """Chains with a true step whose result isn't read by stream: up to it they don't fit the model's context, or it can't be scored."""
    why_no_layers: WhyNotShown | None = None


class WhyNoSteps(Record):
    """Why steps of a source weren't read."""

    code: Literal[
        "no-written-steps",  # nobody wrote any for these problems
        "never-thinks",  # no answer has a closed chain of thought with a step in it
        "context-too-short",  # there are some, and with none of them does a problem fit the model's context
    ]


class Thinking(Record):
    """What was measured, by kind."""

    tags: tuple[str, str] | None = None
    """What a chain of thought stands between."""
    fast_slow: Mapping[Kind, FastSlow] = Field(default_factory=dict)
    information_gain: Mapping[StepSource, Mapping[Kind, InformationGain]] = Field(default_factory=dict)
    confidence: Mapping[StepSource, Mapping[Kind, ChainConfidence]] = Field(default_factory=dict)
    """Of problems that offer options, before and behind the steps; a source without any isn't there."""
    knowledge_index: Mapping[Kind, KnowledgeIndex] = Field(default_factory=dict)
    not_asked: Mapping[NotThought, int] = Field(default_factory=dict)
    """Problems that couldn't be, by reason."""
    steps_too_long: Mapping[StepSource, int] = Field(default_factory=dict)
    """Problems left aside, since their question with all steps, or a control's text, is longer than the model's context."""
    options_not_read: Mapping[StepSource, Mapping[Kind, int]] = Field(default_factory=dict)
    """Problems with options whose confidence isn't told: with the steps they don't fit the context, or one of the options can't be scored."""
    why_no_steps: Mapping[StepSource, WhyNoSteps] = Field(default_factory=dict)
    why: WhyNoThinking | None = None
    """None: it was measured."""
