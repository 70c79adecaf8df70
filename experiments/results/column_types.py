"""Columns that mean the same in every table of a run that has them."""

from __future__ import annotations

from typing import Annotated

from strata.experiments.items.schema import Kind as ItemKind

Item = Annotated[str, "id of the item"]
Kind = Annotated[ItemKind, "kind of the items: knowledge, reasoning, composite or control"]
Family = Annotated[str, "family of the items"]
FamilyOrAll = Annotated[str | None, "family of the items; null: all families of the kind"]
Position = Annotated[str, "position that is read: `last` predicts the answer, else a span of the item"]
Component = Annotated[str, "what is read or edited: the residual stream, or what attention or MLP write to it"]
Axis = Annotated[str, "what `layer` counts: `stream` (inputs of blocks, 0 to their number) or `block`"]
Layer = Annotated[int, "index of the stream or block, from 0"]
LayerOrNone = Annotated[int | None, "index of the stream or block, from 0; null: none"]
Stream = Annotated[
    int, "index of the residual stream: s is the input of block s, the last one the output of the last block"
]
Low = Annotated[float | None, "lower end of the 95 % interval; null: too few clusters"]
High = Annotated[float | None, "upper end of the 95 % interval; null: too few clusters"]
NItems = Annotated[int | None, "items behind the number"]
NClusters = Annotated[
    int | None, "clusters (entities, operand pairs) that those items fall into: the units of the interval"
]
Method = Annotated[str | None, "how number and interval were made"]
Reason = Annotated[
    str | None, "why the row has no number, as JSON: a code and the numbers its sentence needs (`WhyNoValue`); null where it has one"
]  # fmt: skip
Other = Annotated[str, "the model that is held against the base: distilled or control"]
