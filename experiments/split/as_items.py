"""How do `locate`, `compare` and `behave` stratify by a split? Its questions as items whose kind is what the split calls them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from strata.experiments.items.schema import Item, Kind
from strata.experiments.split.split import Called
from strata.probes.errors import StrataError


def split_as_items(calls: Sequence[Called]) -> list[Item]:
    """Every item with its kind by label, or by the classifier where it has none; a family falls into one for each kind.

    The probability, and whether a label said so, are kept as `split_probability` and `split_labelled`. Raises StrataError for rows
    that aren't items.
    """
    return [_item(call) for call in calls]


def _item(call: Called) -> Item:
    item = call.question.item
    if item is None:
        raise StrataError(
            f"The question {call.question.id!r} is no item (kind, family, prompt and answer), so it can't be written as one",
            "Make items of the table first: strata items import TABLE --mapping FILE --out items.jsonl",
        )
    kind: Kind = "reasoning" if call.reasoning else "knowledge"
    known = {"split_probability": round(call.probability, 6), "split_labelled": call.labelled}
    return replace(item, kind=kind, family=f"{item.family}-{kind}", extra={**item.extra, **known})
