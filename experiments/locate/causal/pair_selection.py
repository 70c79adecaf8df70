"""Which pairs of a family are intervened on: those whose two prompts are both answered by a margin, each in one direction."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from strata.experiments.items.alignment import EncodedItem
from strata.experiments.items.entity import entity_of
from strata.experiments.items.schema import Kind
from strata.experiments.locate.causal.family_decision import FamilyPairs
from strata.experiments.locate.causal.pair_sampling import as_pair, spread_over_entities
from strata.experiments.results.item_exclusions import WhyExcluded
from strata.experiments.results.locate_tables import BehaviourRow
from strata.probes.backends.contract import Site
from strata.probes.backends.model_reader import ModelReader
from strata.probes.interventions.scores import LEAST_DIFFERENCE, logit_difference

_SPARE = 4
"""Counterfactual prompts that are run beyond the pairs still wanted: not all of them are answered."""
LastStreams = Mapping[tuple[int, ...], Float[Tensor, " d_model"]]
"""Stream L at the last token by the ids of a prompt."""


@dataclass(frozen=True)
class SelectedFamily:
    """The pairs of one family in the order in which they are added."""

    pairs: FamilyPairs
    items: tuple[EncodedItem, ...]
    """The same, as items."""
    answered: bool
    """Whether the family is answered above chance."""
    excluded: Mapping[WhyExcluded, int]
    """How many items are not intervened on, and why."""


def select_pairs(
    reader: ModelReader,
    encoded: Sequence[EncodedItem],
    behaviour: Sequence[BehaviourRow],
    *,
    most: int,
    seed: int,
    first: Collection[str] = (),
    known: LastStreams | None = None,
) -> list[SelectedFamily]:
    """At most `most` pairs of every family, entities in turn. `first`: ids that all models of a comparison answer, which come before
    those that only this one answers.

    The order within a family depends on item ids, the seed and `first` alone. `known`: prompts that needn't be run again.
    """
    rows = {row.item: row for row in behaviour}
    families: dict[tuple[Kind, str], list[EncodedItem]] = defaultdict(list)
    for encoded_item in encoded:
        families[encoded_item.item.kind, encoded_item.item.family].append(encoded_item)
    candidates: dict[tuple[Kind, str], list[EncodedItem]] = {}
    excluded: dict[tuple[Kind, str], Counter[WhyExcluded]] = {}
    spans: dict[tuple[Kind, str], str | None] = {}
    for family, members in families.items():
        excluded[family] = Counter()
        eligible = []
        for encoded_item in members:
            reason = _why_not(encoded_item, rows[encoded_item.key])
            if reason is None:
                eligible.append(encoded_item)
            else:
                excluded[family][reason] += 1
        # Before any is run: as many pairs as are wanted have the span, if the file has them.
        spans[family] = span = replaced_span(eligible)
        with_span = [item for item in eligible if span is None or _is_replaced_before(item, span)]
        excluded[family][WhyExcluded(code="span-kept", span=span)] += len(eligible) - len(with_span)
        # Both sorts are stable: of either part the entities stay in turn.
        in_turn = sorted(spread_over_entities(with_span, seed), key=lambda item: bool(first) and item.key not in first)
        candidates[family] = _once(in_turn)
        excluded[family][WhyExcluded(code="exchanged-pair")] += len(with_span) - len(candidates[family])
    runs = _Counterfactuals(reader, known or {})
    asked: dict[tuple[Kind, str], list[EncodedItem]] = {family: [] for family in candidates}
    usable: dict[tuple[Kind, str], list[EncodedItem]] = {family: [] for family in candidates}
    while True:
        turn = {
            family: members[len(asked[family]) :][: most - len(usable[family]) + _SPARE]
            for family, members in candidates.items()
            if len(usable[family]) < most
        }
        if not any(turn.values()):
            break
        runs.run([item for members in turn.values() for item in members])
        for family, members in turn.items():
            for encoded_item in members:
                asked[family].append(encoded_item)
                clean = rows[encoded_item.key].logit_difference
                assert clean is not None
                reason = _why_weak(clean, runs.difference(encoded_item))
                if reason is None:
                    usable[family].append(encoded_item)
                else:
                    excluded[family][reason] += 1
    for family, members in candidates.items():
        beyond = len(members) - len(asked[family])
        if beyond:
            excluded[family][WhyExcluded(code="beyond-most", pairs=most)] += beyond
    return [
        _selected(family, members, usable[family], spans[family], len(asked[family]), rows, excluded[family], most)
        for family, members in families.items()
    ]


class _Counterfactuals:
    """Answers to counterfactual prompts; a prompt that was asked already, as another item's own, is not run again."""

    def __init__(self, reader: ModelReader, known: LastStreams) -> None:
        self.reader = reader
        self.streams: dict[tuple[int, ...], Tensor] = dict(known)

    def run(self, items: Sequence[EncodedItem]) -> None:
        """Runs those of the items' counterfactual prompts that are not known."""
        missing = {
            prompt.ids: prompt
            for prompt in (encoded_item.foil_prompt for encoded_item in items)
            if prompt is not None and prompt.ids not in self.streams
        }
        prompts = list(missing.values())
        if not prompts:
            return
        last_stream = Site("resid_post", self.reader.checkpoint.n_layers - 1)
        for batch in self.reader.batches(prompts, sites=[last_stream], stage="counterfactual prompts"):
            for row, stream in zip(batch.rows, batch.values[:, 0, 0], strict=True):
                self.streams[prompts[row].ids] = stream

    def difference(self, encoded_item: EncodedItem) -> float:
        """Logit of the answer minus logit of the foil after the counterfactual prompt."""
        assert encoded_item.foil_prompt is not None
        stream = self.streams[encoded_item.foil_prompt.ids]
        tokens = torch.tensor([[encoded_item.answer_id, encoded_item.foil_id]])
        with torch.no_grad():
            readout = self.reader.checkpoint.readout
            stream = stream.to(readout.weight)
            return float(logit_difference(readout, stream[None, None], tokens)[0, 0])


def _why_weak(clean: float, foil: float) -> WhyExcluded | None:
    # Asked this way round, a difference that is no number isn't enough.
    if not foil <= 0:
        return WhyExcluded(code="foil-not-answered")
    return None if clean - foil >= LEAST_DIFFERENCE else WhyExcluded(code="weak-pair", least=LEAST_DIFFERENCE)


def _why_not(encoded_item: EncodedItem, row: BehaviourRow) -> WhyExcluded | None:
    if row.reason and row.answered is None:
        return WhyExcluded.from_text(row.reason)
    if not encoded_item.aligned or encoded_item.foil_prompt is None or encoded_item.foil_id is None:
        return WhyExcluded(code=encoded_item.unaligned_reason or "no-pair")
    if encoded_item.prompt.ids == encoded_item.foil_prompt.ids:
        return WhyExcluded(code="same-prompts")
    if row.reason:
        return WhyExcluded.from_text(row.reason)
    if not row.correct_by_likelihood:
        return WhyExcluded(code="not-likelier")
    return None


def _once(items: Sequence[EncodedItem]) -> list[EncodedItem]:
    """Each pair of prompts in one direction: exchanged, it turns denoising into noising."""
    seen: set[frozenset[tuple[int, ...]]] = set()
    kept = []
    for encoded_item in items:
        assert encoded_item.foil_prompt is not None
        both = frozenset((encoded_item.prompt.ids, encoded_item.foil_prompt.ids))
        if both not in seen:
            seen.add(both)
            kept.append(encoded_item)
    return kept


def _selected(
    family: tuple[Kind, str],
    members: Sequence[EncodedItem],
    usable: Sequence[EncodedItem],
    span: str | None,
    n_asked: int,
    rows: Mapping[str, BehaviourRow],
    excluded: Counter[WhyExcluded],
    most: int,
) -> SelectedFamily:
    kind, name = family
    kept = usable[:most]
    if len(usable) > most:
        excluded[WhyExcluded(code="beyond-most", pairs=most)] += len(usable) - most
    aligned = [item for item in members if item.aligned and rows[item.key].answered is not None]
    contrast = members[0].item.extra.get("contrast")
    pairs = replace(
        family_pairs(kept, span),
        name=name, kind=kind, offered=len(aligned), answered_both=len(usable) / n_asked if n_asked else None,
        contrast=contrast if isinstance(contrast, str) else None,
    )  # fmt: skip
    answered = any(rows[item.key].answered is not None and not rows[item.key].reason for item in members)
    return SelectedFamily(pairs, tuple(kept), answered, {reason: n for reason, n in excluded.items() if n})


def family_pairs(items: Sequence[EncodedItem], span: str | None) -> FamilyPairs:
    """Items of one family as the pairs that are intervened on."""
    named = items[0].item if items else None
    return FamilyPairs(
        named.family if named else "", named.kind if named else "knowledge", tuple(as_pair(item) for item in items),
        tuple(entity_of(item.item) for item in items), tuple(_inputs(item) for item in items), span,
        all(_same_last(item) for item in items), len(items), None,
    )  # fmt: skip


def replaced_span(items: Sequence[EncodedItem]) -> str | None:
    """The named position behind the replaced tokens, in most pairs; None where no pair names one before the last token."""
    names: Counter[str] = Counter()
    for encoded_item in items:
        places = encoded_item.prompt.positions
        candidates = [name for name in places if _is_replaced_before(encoded_item, name)]
        if candidates:
            names[min(candidates, key=lambda name: (places[name], name))] += 1
    return names.most_common(1)[0][0] if names else None


def _is_replaced_before(encoded_item: EncodedItem, name: str) -> bool:
    """Whether a named position is at or behind the last replaced token, and before the last token of the prompt."""
    place = encoded_item.prompt.positions.get(name)
    return (
        place is not None
        and name != "last"
        and max(_differing(encoded_item)) <= place < len(encoded_item.prompt.ids) - 1
    )


def _differing(encoded_item: EncodedItem) -> list[int]:
    assert encoded_item.foil_prompt is not None
    both = zip(encoded_item.prompt.ids, encoded_item.foil_prompt.ids, strict=True)
    return [place for place, (one, other) in enumerate(both) if one != other]


def _inputs(encoded_item: EncodedItem) -> frozenset[tuple[int, ...]]:
    """What the two prompts have in the replaced place."""
    assert encoded_item.foil_prompt is not None
    differing = _differing(encoded_item)
    window = slice(min(differing), max(differing) + 1)
    return frozenset((encoded_item.prompt.ids[window], encoded_item.foil_prompt.ids[window]))


def _same_last(encoded_item: EncodedItem) -> bool:
    return len(encoded_item.prompt.ids) - 1 not in _differing(encoded_item)
