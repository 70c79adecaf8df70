"""On which pairs of a family were both of two models intervened on, and what was measured there?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from strata.experiments.items.alignment import EncodedItem
from strata.experiments.items.schema import Kind
from strata.experiments.locate.causal.family_decision import FamilyPairs
from strata.experiments.locate.causal.family_measurements import FamilyMeasurements
from strata.experiments.locate.causal.pair_selection import family_pairs
from strata.experiments.locate.causal.pipeline import read_family
from strata.experiments.results.families import FamilyResult
from strata.experiments.results.family_names import result_of
from strata.probes.files.activation_store import ActivationStore

FamilyName = tuple[Kind, str]


@dataclass(frozen=True)
class MeasuredFamily:
    """A family in one model, on the pairs that this model answers."""

    result: FamilyResult
    items: Mapping[str, EncodedItem]
    """By id, in the order in which their pairs were measured."""
    store: ActivationStore
    n_layers: int

    def on(self, keys: Sequence[str]) -> tuple[FamilyPairs, FamilyMeasurements]:
        """These pairs of it, and what was measured on them: read anew each time, since all families together are large."""
        rows = {key: row for row, key in enumerate(self.items)}
        measured = read_family(self.store, list(self.items), self.n_layers)
        pairs = family_pairs([self.items[key] for key in keys], self.result.span)
        return pairs, measured.of_rows([rows[key] for key in keys])


def measured_families(
    store: ActivationStore, encoded: Sequence[EncodedItem], families: Mapping[str, FamilyResult], n_layers: int
) -> dict[FamilyName, MeasuredFamily]:
    """What the run of one model keeps of its families. `families`: what its summary says of them."""
    by_key = {item.key: item for item in encoded}
    found: dict[FamilyName, MeasuredFamily] = {}
    for keys in store.shards().values():
        items = {key: by_key[key] for key in keys}
        first = by_key[keys[0]].item
        result = result_of(families, first.kind, first.family)
        if result is not None:
            found[first.kind, first.family] = MeasuredFamily(result, items, store, n_layers)
    return found


def shared_keys(one: MeasuredFamily, other: MeasuredFamily) -> list[str]:
    """Pairs that both models answer and were intervened on in."""
    if one.result.span != other.result.span:
        return []
    return [key for key in one.items if key in other.items]
