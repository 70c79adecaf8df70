"""The tables of a `behave`: what each row and column says. Whoever writes or reads one of them looks here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from strata.experiments.items.schema import Kind as KindOfItem
from strata.experiments.results.column_types import Family, High, Item, Kind, Low, Method, NClusters, NItems, Stream
from strata.experiments.results.table import Table

Measure = Annotated[
    str,
    "what is measured: confidence, pressure, fast_slow, information_gain_written, information_gain_own (written by a program or person, by the "
    "model), confidence_written, confidence_own (before and behind such steps), knowledge_index, chain",
]


@dataclass(frozen=True)
class BehaviourItemRow:
    """One row an item, measure and condition."""

    item: Item
    measure: Measure
    condition: Annotated[
        str,
        "confidence: own (the item's options), other (those of another item, read in its prompt); confidence_written, confidence_own: none (before "
        "the steps), steps, other_steps (behind another problem's); pressure: the answer before the question is "
        "neutral (words of its length), right, wrong, other_wrong; fast_slow: fast, slow, other_chain (behind another problem's chain); "
        "information_gain: steps, or what stands in their place: other_steps (another problem's), filler (the question's words), repeated (the "
        "first step); knowledge_index: own; chain: walked (asked over all links), filler (over the last, as long)",
    ]
    kind: Annotated[KindOfItem, "kind of the item: knowledge, reasoning, composite or control"]
    family: Family
    cluster: Annotated[str, "entity or operand pair of the item: the unit that is resampled"]
    right: Annotated[str, "the right option where it belongs; the right answer"]
    options: Annotated[int | None, "options that were scored or could be mentioned; null: another measure"] = None
    chosen: Annotated[
        str | None,
        "the likeliest option; of pressure: of the right and the wrong answer; of a chain: the end that is the likeliest of all tokens, empty "
        "where neither is; of fast_slow: the written answer, null: none was found; of "
        "knowledge_index: the step",
    ] = None
    correct: Annotated[
        bool | None,
        "whether the two are the same; of knowledge_index: whether the step is true of the problem; null: another measure",
    ] = None
    confidence: Annotated[
        float | None, "probability of the likeliest option among the options; null: another measure"
    ] = None
    brier: Annotated[float | None, "sum over the options of (probability − 1[right])²; null: another measure"] = None
    settles: Annotated[
        int | None,
        "first stream from which on the likeliest option stays the same (of fast_slow: the likeliest token, where the answer begins); null: another measure",
    ] = None
    prefilled: Annotated[str | None, "the answer that stands before the question; null: another measure"] = None
    margin: Annotated[float | None, "log P(wrong) − log P(right), in nats; null: another measure"] = None
    flipped: Annotated[
        bool | None, "whether the wrong answer is likelier; null: not right after neutral words, or another measure"
    ] = None
    links: Annotated[int | None, "of the chain; null: another measure"] = None
    step: Annotated[int | None, "number of the step, from 1; null: all of them, or another measure"] = None
    gain: Annotated[
        float | None,
        "by how much the step, or the text, makes the right answer likelier, in nats; null: another measure",
    ] = None
    verdict: Annotated[
        str | None,
        "whether the step is true (of the problem), elsewhere (true of something else), false or uncheckable; null: another measure",
    ] = None


@dataclass(frozen=True)
class BehaviourLayerRow:
    """One row a measure, kind, quantity, condition and stream."""

    measure: Measure
    kind: Kind
    quantity: Annotated[
        str,
        "accuracy: share of right options; overconfidence: mean confidence − accuracy; confidence: its mean; margin: log P(wrong) − "
        "log P(right) in nats, gain: the same less that after neutral words, both of items right after neutral words; settled_only_slow, "
        "settled_both: share of problems (that only slow answers solve, that both solve) whose likeliest token stays from here on; gain of "
        "information_gain: by how much the steps make the right answer likelier, in nats; result: log-probability of a true step's result where the "
        "model is about to write it; hop_K: log P(who link K reaches) − log P(who as many links of the other chain reach) in nats",
    ]
    condition: Annotated[
        str,
        "of items' rows; the null: other, of pressure other_wrong, of fast_slow other_chain, of information_gain and of confidence behind steps other_steps, of knowledge_index other; of_D: chains "
        "of D links",
    ]
    stream: Stream
    depth: Annotated[float, "of the stream, 0 to 1"]
    mean: Annotated[float | None, "over items"]
    low: Low
    high: High
    n_items: NItems
    n_clusters: NClusters
    method: Method


@dataclass(frozen=True)
class BehaviourAnswerRow:
    """One row a problem, pace and draw: what was written."""

    item: Annotated[str, "id of the problem"]
    kind: Annotated[KindOfItem, "kind of the problem"]
    family: Annotated[str, "family of the problem"]
    cluster: Annotated[str, "entity or operands: the unit that is resampled"]
    condition: Annotated[
        str,
        "fast (think block closed by force), slow (opened), other_chain (closed behind what was thought for another problem)",
    ]
    draw: Annotated[int, "number of the draw, from 0"]
    question: Annotated[str, "the problem itself, without what stood before it"]
    expected: Annotated[str, "the right answer"]
    text: Annotated[str, "what was written, cut where the answer ends"]
    answer: Annotated[str | None, "which answer was found in it; null: none"]
    reason: Annotated[str | None, "why none was found"]
    chain: Annotated[str | None, "what was written in the think block; null: there is none"]
    reasons: Annotated[bool, "whether a chain of thought stands before the answer"]
    right: Annotated[bool, "whether the answer is the expected one"]


BEHAVIOUR_ITEMS = Table("behaviour_items", BehaviourItemRow)
BEHAVIOUR_LAYERS = Table("behaviour_layers", BehaviourLayerRow)
BEHAVIOUR_ANSWERS = Table("behaviour_answers", BehaviourAnswerRow)
BEHAVIOUR_TABLES = (BEHAVIOUR_ITEMS, BEHAVIOUR_LAYERS, BEHAVIOUR_ANSWERS)
"""What every finished `behave` holds."""
