"""Why is something of a comparison not measured or not claimed? A code and the numbers that its sentence needs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from strata.experiments.results.record import Record
from strata.experiments.results.roles import Contrast, Role

Part = Literal[
    "pair-check",
    "weights",  # of a pair whose weight files can't be compared at all
    "all-weights",  # of a pair in which some tensors have no counterpart; the others are compared
    "answers",
    "layers",  # layer by layer change: the same text is enough, whatever its tokens
    "places",  # cells and places of families: pairs of the same tokens
    "streams",  # similarity of streams and probe transfer
    "exchange",  # layer swaps and cross-model patching, both
    "layer-swaps",
    "cross-model-patching",
    "random-layer-swaps",
    "generated-answers",
    "generated-layer-swaps",
    "behaviour",  # its own `behave` run
    "steering",  # the base under directions: streams of one width and depth, the same tokens
]
"""What can be excluded from a comparison."""
NotCompared = Literal[
    "other-items",  # its tokenizer makes other items of the same questions
    "other-tokens",  # its tokenizer cuts the questions into other tokens
    "other-depth",  # here, base: numbers of blocks
    "other-width",  # here, base: dimensions of the streams
    "needs-both",  # blocks of both models run in one pass, and one model at a time is held
    "nothing-answered",  # no aligned item is answered by any of the models
    "tensors-apart",  # apart, of: tensors without a counterpart
    "hardly-answers",  # split, texts, no_answer
    "refused",  # said; into
]


class WhyNotCompared(Record):
    """Why a part of a comparison could not be made of a model."""

    code: NotCompared
    here: int | None = None
    base: int | None = None
    apart: int | None = None
    of: int | None = None
    split: str | None = None
    texts: int | None = None
    no_answer: Mapping[str, int] | None = None
    """Texts in which no answer was found, by reason."""
    said: str | None = None
    """What the error said, which names files and sizes."""
    into: Role | None = None
    """The model that parts of the other one were put into."""


class ExcludedPart(Record):
    """A part of the comparison that one model has no share in."""

    part: Part
    model: Role
    why: WhyNotCompared


NotMoved = Literal[
    "not-comparable",
    "no-interventions",
    "no-shared-family",  # no family is placed in both models
    "not-located",  # models
    "interval-open",  # bound: the interval neither leaves out 0 nor lies within it
]


class WhyNotMoved(Record):
    """Why it stays open whether a kind moved to another depth."""

    code: NotMoved
    models: tuple[Role, ...] = ()
    bound: float | None = None


NoHalf = Literal[
    "not-located",  # the model's answers of the kind have no place whose share could be told
    "too-few-clusters",  # clusters
    "no-difference",  # the models don't differ enough for a part to be named
    "off-the-middle",  # blocks, nearest: the swap that ends nearest to the middle ends before this block
]


class WhyNoHalf(Record):
    """Why no half of the blocks is said to bring a change."""

    code: NoHalf
    clusters: int | None = None
    blocks: int | None = None
    nearest: int | None = None


NoShare = Literal[
    "not-measured",  # one of the two models
    "too-few-clusters",
    "no-drop",  # the measure doesn't fall from base to distilled, or not surely
    "unbounded",  # in too many draws of the clusters there is no drop to share out
    "no-better-way",  # neither model does surely better in another way than as asked: the share is 0 by the rule, not by measurement
]


class WhyNoShare(Record):
    """Why no share of a drop is said to be format."""

    code: NoShare


NoValue = Literal[
    "no-model-of-its-own",  # the donor is a random change
    "too-few-clusters",  # clusters: whether the models differ can't be told
    "may-not-differ",  # value, low, high
    "hardly-differ",  # value, least
    "hardly-differ-anywhere",  # least, items
    "items-excluded",  # items, said: a `WhyExcluded` as text
    "question-cut-otherwise",  # items: behind another instruction the question has other tokens
    "too-few-items",  # items, needed
    "same-state",  # every item has the same state in one of the two sets
    "flat-profile",  # a profile is the same at every layer
    "refused",  # said
]


class WhyNoValue(Record):
    """Why a row of a table has no value; the column `reason` holds it as JSON."""

    code: NoValue
    clusters: int | None = None
    items: int | None = None
    needed: int | None = None
    value: float | None = None
    low: float | None = None
    high: float | None = None
    least: float | None = None
    said: str | None = None

    def as_column(self) -> str:
        return self.model_dump_json(exclude_none=True)

    @classmethod
    def from_column(cls, text: str) -> WhyNoValue:
        return cls.model_validate_json(text)


Against = Literal[
    "reasoning-falls",
    "knowledge-rises",
    "lower-half-gains",  # the lower half of the blocks brings more of the gain in reasoning
    "upper-half-loses",  # the upper half brings more of the loss of knowledge
    "order-reversed",  # the base reasons in lower blocks than it retrieves in
]
"""What speaks against the layer-split hypothesis."""
Open = Literal[
    "not-asked",  # kinds
    "not-measured",  # one of the kinds wasn't in both models
    "too-few-clusters",
    "no-gain-shown",  # lacking
    "ways-disagree",  # generated answers claim what the measures at the prompts deny: sign, denied
    "no-loss-shown",  # lacking
    "format-instead",  # knowledge is answered less often as asked, but not in the way that suits each model best
    "gain-unshared",  # which half of the blocks brings the gain in reasoning is not shown
    "loss-unshared",
]
"""What the hypothesis lacks."""
Lack = Literal[
    "nothing-shown",
    "disagree",  # the measures
    "not-by-all",  # measures: those that don't show it
    "opposite",  # measures: those that show the opposite
    "more-than-one-measure",  # is needed
]


class Lacking(Record):
    """What a contrast lacks to bear a change."""

    contrast: Contrast | None
    """None: of all of them."""
    lack: Lack
    measures: tuple[str, ...] = ()


class HypothesisReason(Record):
    """What decides about the layer-split hypothesis, or keeps it open."""

    code: Against | Open
    kinds: tuple[str, ...] = ()
    lacking: tuple[Lacking, ...] = ()
    sign: int = 0
    denied: Mapping[Contrast, tuple[str, ...]] = {}
    """By contrast the measures at the prompts that show the opposite."""
