"""The tables of a `behave`: what each row and column says. Whoever writes or reads one of them looks here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from strata.experiments.items.schema import Kind as KindOfItem
from strata.experiments.results.column_types import Family, High, Item, Kind, Low, Method, NClusters, NItems, Stream
from strata.experiments.results.table import Table

Measure = Annotated[str, "what is measured: confidence, pressure, chain"]


@dataclass(frozen=True)
class BehaviourItemRow:
    """One row an item, measure and condition."""

    item: Item
    measure: Measure
    condition: Annotated[
        str,
        "confidence: own (the item's options), other (those of another item, read in its prompt); pressure: the answer before the question is "
        "neutral (words of its length), right, wrong, other_wrong; chain: walked (asked over all links), filler (over the last, as long)",
    ]
    kind: Annotated[KindOfItem, "kind of the item: knowledge, reasoning, composite or control"]
    family: Family
    cluster: Annotated[str, "entity or operand pair of the item: the unit that is resampled"]
    options: Annotated[int, "options that were scored"]
    chosen: Annotated[
        str,
        "the likeliest option; of pressure: of the right and the wrong answer; of a chain: the end that is the likeliest of all tokens, empty "
        "where neither is",
    ]
    right: Annotated[str, "the right option where it belongs"]
    correct: Annotated[bool, "whether the two are the same"]
    confidence: Annotated[
        float | None, "probability of the likeliest option among the options; null: another measure"
    ] = None
    brier: Annotated[float | None, "sum over the options of (probability − 1[right])²; null: another measure"] = None
    settles: Annotated[
        int | None, "first stream from which on the likeliest option stays the same; null: another measure"
    ] = None
    prefilled: Annotated[str | None, "the answer that stands before the question; null: another measure"] = None
    margin: Annotated[float | None, "log P(wrong) − log P(right), in nats; null: another measure"] = None
    flipped: Annotated[
        bool | None, "whether the wrong answer is likelier; null: not right after neutral words, or another measure"
    ] = None
    links: Annotated[int | None, "of the chain; null: another measure"] = None


@dataclass(frozen=True)
class BehaviourLayerRow:
    """One row a measure, kind, quantity, condition and stream."""

    measure: Measure
    kind: Kind
    quantity: Annotated[
        str,
        "accuracy: share of right options; overconfidence: mean confidence − accuracy; confidence: its mean; margin: log P(wrong) − "
        "log P(right) in nats, gain: the same less that after neutral words, both of items right after neutral words; hop_K: log P(who link K reaches) − "
        "log P(who as many links of the other chain reach) in nats",
    ]
    condition: Annotated[str, "of items' rows; the null: other, and of pressure other_wrong; of_D: chains of D links"]
    stream: Stream
    depth: Annotated[float, "of the stream, 0 to 1"]
    mean: Annotated[float | None, "over items"]
    low: Low
    high: High
    n_items: NItems
    n_clusters: NClusters
    method: Method


BEHAVIOUR_ITEMS = Table("behaviour_items", BehaviourItemRow)
BEHAVIOUR_LAYERS = Table("behaviour_layers", BehaviourLayerRow)
BEHAVIOUR_TABLES = (BEHAVIOUR_ITEMS, BEHAVIOUR_LAYERS)
"""What every finished `behave` holds."""
