"""Which parts of the model carry a wrong answer from where it stands before the question to where it is answered?

The question after a wrong and after the right answer is a minimal pair: cells, windows, heads and knockout of `locate` apply. What installs
must be the answer that was read: pieces of the run after a third answer, before the same question, are the control.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from strata.experiments.behave.prefills import Pressed, prefilled
from strata.experiments.behave.pressure import Margins
from strata.experiments.items.alignment import EncodedItem, encode_items
from strata.experiments.items.entity import entity_of
from strata.experiments.items.round_robin import round_robin
from strata.experiments.items.schema import KINDS, Item, Kind
from strata.experiments.locate.activation_stores import effects_store
from strata.experiments.locate.causal.family_decision import FamilyPairs, analyse, unmeasured, why_not_measured
from strata.experiments.locate.causal.family_workers import FamilyWorkers
from strata.experiments.locate.causal.localisation import PLACE_DRAWS
from strata.experiments.locate.causal.measure_family import Effort
from strata.experiments.locate.causal.pair_sampling import as_pair
from strata.experiments.locate.causal.pair_selection import SelectedFamily, family_pairs
from strata.experiments.locate.causal.pipeline import measured_or_kept
from strata.experiments.results.pressure_cells import PressureCells, WhyNoCells
from strata.experiments.run.directory import RunDirectory
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.interventions.scores import LEAST_DIFFERENCE
from strata.probes.progress import Progress, silent

SPAN = "answer before"
"""The replaced span: the answer before the question."""


@dataclass(frozen=True)
class PressedPairs:
    """Of one kind."""

    family: FamilyPairs
    eligible: int
    """Items that are right after neutral words."""
    moved: int
    """Of those, whose margin a wrong answer moves by a logit at least, against the right one."""


def pressed_pairs(
    checkpoint: Checkpoint, pressed: Sequence[Pressed], margins: Margins, prompt_prefix: str, most: int
) -> Mapping[Kind, PressedPairs]:
    """At most `most` pairs of every kind that has any, items in their order: right after neutral words, and moved by the wrong answer."""
    found: dict[Kind, PressedPairs] = {}
    for kind in KINDS:
        rows = [row for row, one in enumerate(pressed) if one.item.item.kind == kind]
        right = [row for row in rows if margins["neutral"][row, -1] < 0]
        moved = [row for row in right if _moved(margins, row)]
        in_turn = round_robin((pressed[row] for row in moved), lambda one: entity_of(one.item.item))[: 2 * most]
        pairs = [pair for one in in_turn if (pair := _pair(checkpoint, one, prompt_prefix)) is not None][:most]
        if rows:
            found[kind] = PressedPairs(_family(kind, pairs), len(right), len(moved))
    return found


def _moved(margins: Margins, row: int) -> bool:
    return bool(margins["wrong"][row, -1] - margins["right"][row, -1] >= LEAST_DIFFERENCE)


def carried(
    run: RunDirectory,
    checkpoint: Checkpoint,
    found: Mapping[Kind, PressedPairs],
    *,
    most: int,
    draws: int,
    seed: int,
    progress: Progress = silent,
) -> Mapping[Kind, PressureCells] | WhyNoCells:
    """What the interventions say of every kind; one shard a kind, so that what was measured isn't measured again."""
    if not most:
        return "not-asked"
    store = effects_store(run.path, run.run_id)
    cells: dict[Kind, PressureCells] = {}
    workers = FamilyWorkers(checkpoint, at_once=1)
    for done, (kind, pairs) in enumerate(found.items()):
        progress("pressure, interventions", done, len(found), "kinds")
        why = why_not_measured(pairs.family, most)
        if why is None:
            chosen = SelectedFamily(pairs.family, (), True, {})
            measured = measured_or_kept(run, workers, store, seed, chosen, Effort(most, all_pairs=True))
            analysis = analyse(pairs.family, measured, draws=min(draws, PLACE_DRAWS), seed=seed)
        else:
            analysis = unmeasured(pairs.family, why)
        cells[kind] = PressureCells(eligible=pairs.eligible, moved=pairs.moved, family=analysis.result)
    progress("pressure, interventions", len(found), len(found), "kinds")
    return cells


@dataclass(frozen=True)
class _Pair:
    item: EncodedItem
    """Wrong answer before the question against the right one; answered by the wrong one and the right one."""
    third: EncodedItem
    """Another wrong answer against the right one."""


def _pair(checkpoint: Checkpoint, pressed: Pressed, prompt_prefix: str) -> _Pair | None:
    """None where the prompts don't line up under this tokenizer."""
    item = pressed.item.item
    asked = [
        _asked(item, answer, pressed.answers["right"], prompt_prefix, name)
        for name, answer in (("wrong", pressed.answers["wrong"]), ("third", pressed.answers["other_wrong"]))
    ]
    encoded, _ = encode_items(asked, checkpoint, checkpoint.max_context)
    if len(encoded) < len(asked) or not all(one.aligned for one in encoded):
        return None
    # A tokenizer that doesn't know the answers may write both alike.
    if any(one.foil_prompt is None or one.prompt.ids == one.foil_prompt.ids for one in encoded):
        return None
    # Answers that share their beginning with the right one to other lengths are predicted at other places.
    if encoded[0].prompt.positions != encoded[1].prompt.positions:
        return None
    return _Pair(*encoded)


def _asked(item: Item, answer: str, right: str, prompt_prefix: str, name: str) -> Item:
    """The question after `answer`, paired with itself after the right one."""
    start = len(item.prompt)
    return replace(
        prefilled(item, answer, prompt_prefix),
        id=f"{item.id}\0{name} against right",
        answer=answer,
        foil=right,
        foil_prompt=prefilled(item, right, prompt_prefix).prompt,
        spans={SPAN: (start, start + len(answer))},
        foil_spans={SPAN: (start, start + len(right))},
    )


def _family(kind: Kind, pairs: Sequence[_Pair]) -> FamilyPairs:
    made = family_pairs([pair.item for pair in pairs], SPAN)
    return replace(
        made,
        name=f"pressure on {kind}",
        kind=kind,
        entities=tuple(entity_of(pair.item.item) for pair in pairs),
        third=tuple(as_pair(pair.third) for pair in pairs),
    )
