"""How likely is each option of an item, read at every stream? Its own options, and those of another item of its family.

An option is scored on its first token that differs from the others', after the start that they share; where options differ
later, on all its tokens. The last stream is the model itself.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float

from strata.experiments.behave.continuations import Continuation, read_continuations
from strata.experiments.items.alignment import EncodedItem
from strata.experiments.items.entity import entity_of
from strata.experiments.items.round_robin import round_robin
from strata.experiments.items.schema import Kind
from strata.experiments.run.stream_shard import Shard
from strata.probes.backends.model_reader import ModelReader
from strata.probes.files.activation_store import ActivationStore
from strata.probes.lens.logit import NO_TOKEN, read_lens

Whose = Literal["own", "other"]
WHOSE: tuple[Whose, ...] = ("own", "other")


@dataclass(frozen=True)
class OptionSet:
    """An item whose options are scored, and the item whose options are read in its prompt as the null."""

    item: EncodedItem
    other: EncodedItem | None
    """None: its family has no item of another entity that is scored alike."""

    def options(self, whose: Whose) -> tuple[str, ...]:
        of = self.item if whose == "own" else self.other
        return () if of is None else tuple(of.item.choices)

    def right(self, whose: Whose) -> int | None:
        """Which option is right where it belongs."""
        of = self.item if whose == "own" else self.other
        return None if of is None else list(of.item.choices).index(of.item.answer)


@dataclass(frozen=True)
class OptionReadings:
    """Log-probabilities in nats; NaN where an item has no such option, or no other item."""

    sets: tuple[OptionSet, ...]
    own: Float[np.ndarray, "item stream option"]
    other: Float[np.ndarray, "item stream option"]

    def of(self, whose: Whose) -> Float[np.ndarray, "item stream option"]:
        return self.own if whose == "own" else self.other


def option_sets(encoded: Sequence[EncodedItem]) -> list[OptionSet]:
    """Items with at least two options, each with another item of its family and another entity. Deterministic: halfway round the family."""
    by_form: dict[tuple[str, str, int | None], list[EncodedItem]] = defaultdict(list)
    for item in encoded:
        if len(item.choices_ids) >= 2 and all(item.choices_ids):
            by_form[_form(item)].append(item)
    others: dict[str, EncodedItem | None] = {}
    for members in by_form.values():
        size = len(members)
        for place, item in enumerate(members):
            turns = [members[(place + size // 2 + step) % size] for step in range(size)]
            others[item.key] = next((one for one in turns if entity_of(one.item) != entity_of(item.item)), None)
    return [OptionSet(item, others[item.key]) for item in encoded if item.key in others]


def asked_sets(sets: Sequence[OptionSet], per_kind: int) -> list[OptionSet]:
    """At most `per_kind` of each kind, families in turn, in the order in which they are given."""
    by_kind: dict[Kind, list[OptionSet]] = defaultdict(list)
    for one in sets:
        by_kind[one.item.item.kind].append(one)
    kept = {
        one.item.key
        for members in by_kind.values()
        for one in round_robin(members, lambda member: member.item.item.family)[:per_kind]
    }
    return [one for one in sets if one.item.key in kept]


def read_options(
    reader: ModelReader,
    sets: Sequence[OptionSet],
    folder: Path,
    run_id: str,
) -> OptionReadings:
    """Log-probability of every option at every stream, through the logit lens. What is in the stores in `folder` isn't run again."""
    most = max(len(one.options(whose)) for one in sets for whose in WHOSE)
    shape = (len(sets), reader.checkpoint.n_layers + 1, most)
    readings = {whose: np.full(shape, np.nan) for whose in WHOSE}
    first = [one for one in sets if one.item.choice_ids is not None]
    first_store = ActivationStore(folder / "first-tokens", {"run": run_id, "options": most})
    _read_first_tokens(reader, first, most, first_store)
    row = {one.item.key: index for index, one in enumerate(sets)}
    if first:
        kept = first_store.read("log_probs", [one.item.key for one in first]).double().numpy()
        for index, one in enumerate(first):
            for column, whose in enumerate(WHOSE):
                readings[whose][row[one.item.key]] = kept[index, :, column * most : (column + 1) * most]
    whole = [option for one in sets if one.item.choice_ids is None for option in _whole_options(one)]
    whole_store = ActivationStore(folder / "whole-options", {"run": run_id})
    sums = read_continuations(reader, [option.continuation for option in whole], whole_store, stage="whole options")
    for option, summed in zip(whole, sums, strict=True):
        readings[option.whose][row[option.item], :, option.option] = summed
    return OptionReadings(tuple(sets), readings["own"], readings["other"])


def _form(item: EncodedItem) -> tuple[str, str, int | None]:
    """Items of one form can be asked each other's options: one family, and scored alike behind starts of one length."""
    scored_at = None if item.choice_ids is None else item.shared_prefix
    return item.item.kind, item.item.family, scored_at


def _read_first_tokens(
    reader: ModelReader,
    sets: Sequence[OptionSet],
    most: int,
    store: ActivationStore,
) -> None:
    checkpoint = reader.checkpoint
    todo = [one for one in sets if one.item.key not in store]
    with Shard(store, (checkpoint.n_layers + 1) * 2 * most * 4) as shard:
        for batch in reader.batches([one.item.prompt for one in todo], stage="options"):
            members = [todo[row] for row in batch.rows]
            ids = torch.tensor([_padded_ids(one.item, most) + _padded_ids(one.other, most) for one in members])
            targets = {str(column): ids[:, column] for column in range(2 * most)}
            reading = read_lens(checkpoint.readout, batch.values, targets, ranked=(), top_k=1)
            shard.add([one.item.key for one in members], {"log_probs": reading.log_probs[:, :, 0]})


def _padded_ids(item: EncodedItem | None, most: int) -> list[int]:
    ids = list((item.choice_ids if item is not None else None) or ())
    return ids + [NO_TOKEN] * (most - len(ids))


@dataclass(frozen=True)
class _WholeOption:
    """One whole option behind the prompt of an item."""

    item: str
    whose: Whose
    option: int
    continuation: Continuation


def _whole_options(one: OptionSet) -> list[_WholeOption]:
    # Tokens of the answer that are fed before the scored one aren't part of the question.
    start = one.item.prompt.ids[: len(one.item.prompt.ids) - one.item.shared_prefix]
    found = []
    for whose in WHOSE:
        of = one.item if whose == "own" else one.other
        for option, ids in enumerate(() if of is None else of.choices_ids):
            behind = Continuation.behind(f"{one.item.key}\0{whose}\0{option}", start, ids)
            found.append(_WholeOption(one.item.key, whose, option, behind))
    return found
