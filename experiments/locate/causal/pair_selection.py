"""Which pairs of a family are intervened on: those whose two prompts are both answered by a margin, each in one direction."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from strata.experiments.items.alignment import EncodedItem
from strata.experiments.items.schema import Kind
from strata.experiments.locate.causal.choose import as_pair, spread_over_entities
from strata.experiments.locate.causal.family_analysis import FamilyPairs
from strata.experiments.locate.questions import entity_of
from strata.probes.backends.contract import Backend, Site
from strata.probes.capture_batches import BatchBudget, capture_batches
from strata.probes.causal.scores import LEAST_DIFFERENCE, logit_difference
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.progress import Progress, silent

FOIL_NOT_ANSWERED = "its counterfactual prompt is not answered by the foil"
WEAK = f"clean and counterfactual run differ by less than {LEAST_DIFFERENCE:g} logit"
REPEATED = "its prompts are those of another pair, exchanged"
_MORE = 3
"""Counterfactual prompts that are run for every pair that is wanted: not all of them are answered."""


@dataclass(frozen=True)
class SelectedFamily:
    """The pairs of one family in the order in which they are added."""

    pairs: FamilyPairs
    items: tuple[EncodedItem, ...]
    """The same, as items."""
    answered: bool
    """Whether the family is answered above chance."""
    excluded: Mapping[str, int]
    """How many items are not intervened on, by reason."""


def select_pairs(
    checkpoint: Checkpoint,
    backend: Backend,
    encoded: Sequence[EncodedItem],
    behaviour: Sequence[Mapping[str, Any]],
    *,
    most: int,
    seed: int,
    among: Collection[str] | None = None,
    budget: BatchBudget | None = None,
    progress: Progress = silent,
) -> list[SelectedFamily]:
    """At most `most` pairs of every family, entities in turn. `among`: ids that are eligible in all models of a comparison.

    The order within a family depends on item ids and the seed alone.
    """
    rows = {row["item"]: row for row in behaviour}
    families: dict[tuple[Kind, str], list[EncodedItem]] = defaultdict(list)
    for encoded_item in encoded:
        families[encoded_item.item.kind, encoded_item.item.family].append(encoded_item)
    asked: dict[tuple[Kind, str], list[EncodedItem]] = {}
    excluded: dict[tuple[Kind, str], Counter[str]] = {}
    for family, members in families.items():
        excluded[family] = Counter()
        candidates = []
        for encoded_item in members:
            reason = _why_not(encoded_item, rows[encoded_item.key], among)
            if reason is None:
                candidates.append(encoded_item)
            else:
                excluded[family][reason] += 1
        once = _once(spread_over_entities(candidates, seed))
        excluded[family][REPEATED] += len(candidates) - len(once)
        asked[family] = once[: _MORE * most]
    differences = foil_differences(
        checkpoint, backend, [item for members in asked.values() for item in members], budget=budget, progress=progress
    )
    return [
        _selected(family, families[family], members, rows, differences, excluded[family], most)
        for family, members in asked.items()
    ]


def foil_differences(
    checkpoint: Checkpoint,
    backend: Backend,
    items: Sequence[EncodedItem],
    *,
    budget: BatchBudget | None = None,
    progress: Progress = silent,
) -> dict[str, float]:
    """Logit of the answer minus logit of the foil after each item's counterfactual prompt."""
    prompts = [encoded_item.foil_prompt for encoded_item in items]
    differences: dict[str, float] = {}
    for batch in capture_batches(
        backend, [prompt for prompt in prompts if prompt is not None], pad_id=checkpoint.pad_id, device=checkpoint.device,
        sites=[Site("resid_post", checkpoint.n_layers - 1)], budget=budget, keep_on_device=True, progress=progress,
        stage="counterfactual prompts",
    ) if items else ():  # fmt: skip
        members = [items[row] for row in batch.rows]
        tokens = torch.tensor([[encoded_item.answer_id, encoded_item.foil_id] for encoded_item in members])
        with torch.no_grad():
            values = logit_difference(checkpoint.readout, batch.values[:, 0, 0][None], tokens)[0]
        differences |= {item.key: float(value) for item, value in zip(members, values, strict=True)}
    return differences


def _why_not(encoded_item: EncodedItem, row: Mapping[str, Any], among: Collection[str] | None) -> str | None:
    if row["reason"] and row["answered"] is None:
        return str(row["reason"])
    if not encoded_item.aligned or encoded_item.foil_prompt is None or encoded_item.foil_id is None:
        return encoded_item.unaligned_reason or "no minimal pair"
    if encoded_item.prompt.ids == encoded_item.foil_prompt.ids:
        return "the pair's prompts are the same tokens"
    if row["reason"]:
        return str(row["reason"])
    if not row["correct_by_likelihood"]:
        return "the model does not answer it"
    if among is not None and encoded_item.key not in among:
        return "not answered in a model it is compared with"
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
    asked: Sequence[EncodedItem],
    rows: Mapping[str, Mapping[str, Any]],
    differences: Mapping[str, float],
    excluded: Counter[str],
    most: int,
) -> SelectedFamily:
    kind, name = family
    usable = []
    for encoded_item in asked:
        clean, foil = float(rows[encoded_item.key]["logit_difference"]), differences[encoded_item.key]
        if foil > 0:
            excluded[FOIL_NOT_ANSWERED] += 1
        elif clean - foil < LEAST_DIFFERENCE:
            excluded[WEAK] += 1
        else:
            usable.append(encoded_item)
    span = replaced_span(usable)
    with_span = [item for item in usable if span is None or _is_replaced_before(item, span)]
    if len(usable) > len(with_span):
        excluded[f"it has no replaced {span}"] += len(usable) - len(with_span)
    kept = with_span[:most]
    if len(with_span) > most:
        excluded[f"beyond the {most} pairs of its family that are intervened on"] += len(with_span) - most
    aligned = [item for item in members if item.aligned and rows[item.key]["answered"] is not None]
    contrast = members[0].item.extra.get("contrast")
    pairs = FamilyPairs(
        name, kind, tuple(as_pair(item) for item in kept), tuple(entity_of(item.item) for item in kept),
        tuple(_inputs(item) for item in kept), span, all(_same_last(item) for item in kept), len(aligned),
        len(usable) / len(asked) if asked else None, contrast if isinstance(contrast, str) else None,
    )  # fmt: skip
    answered = any(rows[item.key]["answered"] is not None and not rows[item.key]["reason"] for item in members)
    return SelectedFamily(pairs, tuple(kept), answered, {reason: n for reason, n in excluded.items() if n})


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
