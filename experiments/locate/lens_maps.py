"""Which lens maps are kept for the page, and the files they go to: of every item at the positions that the run read, whole of a few.

A whole map asks the vocabulary at every token and stream of a prompt, seconds of a core for each; at the read positions it was
asked already.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import get_args

import torch
from safetensors.torch import save_file
from torch import Tensor

from strata.experiments.items.alignment import EncodedItem
from strata.experiments.items.schema import Kind
from strata.experiments.lens.prompt_map import prompt_map
from strata.experiments.locate.capture_streams import MAP_TENSORS, MAPPED, TARGETS
from strata.experiments.results.lens_maps import LENS_MAPS_FILE, METRICS, LensMaps, MapRecord, ReadMaps, ReadPrompt, Why
from strata.experiments.results.locate_tables import BehaviourRow
from strata.experiments.run.directory import RunDirectory
from strata.probes.backends.model_reader import ModelReader
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.files.activation_store import ActivationStore
from strata.probes.files.atomic_writes import whole_file
from strata.probes.lens.lenses import Lens

RULE = (
    "In equal parts: the clearest answered items (largest logit difference), the median ones, the clearest failures, "
    "and a draw by seed; kinds in turn. In a comparison items that not all models answer alike come first"
)
_GROUPS: tuple[Why, ...] = tuple(why for why in get_args(Why) if why != "changed")


def chosen_for_maps(
    rows: Sequence[BehaviourRow], count: int, seed: int, changed: Sequence[str] = ()
) -> list[tuple[str, Why]]:
    """(item id, why) of at most `count` items by `RULE`, from the rows of the behaviour table, behind those of `changed`."""
    rng = random.Random(f"lens maps {seed}")
    by_kind: dict[Kind, list[BehaviourRow]] = {}
    for row in rows:
        if row.answer_logprob is not None:
            by_kind.setdefault(row.kind, []).append(row)
    queues: dict[tuple[Kind, Why], list[str]] = {}
    for kind, members in by_kind.items():
        ranked = sorted(members, key=lambda row: (-_margin(row), row.item))
        right = [row.item for row in ranked if row.answered]
        middle = len(right) // 2
        queues[kind, "largest"] = right
        queues[kind, "median"] = sorted(right, key=lambda item: abs(right.index(item) - middle))
        queues[kind, "failure"] = [row.item for row in reversed(ranked) if not row.answered]
        queues[kind, "random"] = rng.sample([row.item for row in ranked], len(ranked))
    asked = {row.item for row in rows if row.answer_logprob is not None}
    taken: dict[str, Why] = {item: "changed" for item in changed if item in asked}
    count += len(taken)
    while len(taken) < count and any(queues.values()):
        for group in _GROUPS:
            for kind in by_kind:
                queue = queues[kind, group]
                while queue and queue[0] in taken:
                    queue.pop(0)
                if queue and len(taken) < count:
                    taken[queue.pop(0)] = group
    return list(taken.items())


@dataclass(frozen=True)
class AtReadPositions:
    """What the pass over the items read through the lens `MAPPED`, as far as maps are made of it."""

    positions: Sequence[str]
    """The stored axis."""
    items: Sequence[EncodedItem]
    tensors: Mapping[str, Tensor]
    """By metric: item × stream × position."""

    def without(self, whole: Collection[str]) -> AtReadPositions:
        """The same without the items that are kept whole."""
        rows = [row for row, item in enumerate(self.items) if item.key not in whole]
        return AtReadPositions(
            self.positions, [self.items[row] for row in rows], {name: of[rows] for name, of in self.tensors.items()}
        )

    def record(self, checkpoint: Checkpoint) -> ReadMaps:
        """Which prompts they are, and what stands at their positions."""
        prompts = []
        for encoded in self.items:
            of = encoded.prompt
            at = {name: of.positions[name] for name in self.positions if name in of.positions}
            ids = {name: of.ids[index] for name, index in at.items()}
            texts = {name: checkpoint.token_text(token) for name, token in ids.items()}
            prompts.append(ReadPrompt(item=encoded.key, at=at, tokens=texts, token_ids=ids))
        return ReadMaps(positions=tuple(self.positions), items=tuple(prompts))


def at_read_positions(
    store: ActivationStore, encoded: Sequence[EncodedItem], positions: Sequence[str]
) -> AtReadPositions:
    """Of the items whose readings the store holds. What another version of Strata captured lacks the likeliest tokens."""
    prefix = f"lens.{MAPPED}"
    ids, log_probs, kl = (f"{prefix}.{name}" for name in MAP_TENSORS)
    there = {key for keys in store.shards().values() if ids in store.names(keys[0]) for key in keys}
    items = [one for one in encoded if one.key in there]
    keys = [one.key for one in items]
    if not keys:
        return AtReadPositions(positions, (), {})
    answer = store.read(f"{prefix}.log_probs", keys)[..., TARGETS.index("answer")]
    found = (store.read(ids, keys), store.read(log_probs, keys), store.read(f"{prefix}.entropy", keys), store.read(kl, keys),
             answer, store.read(f"{prefix}.rank", keys))  # fmt: skip
    return AtReadPositions(positions, items, dict(zip(METRICS, found, strict=True)))


def write_lens_maps(
    run: RunDirectory,
    reader: ModelReader,
    encoded: Mapping[str, EncodedItem],
    chosen: Sequence[tuple[str, Why]],
    lens: Lens,
    read: AtReadPositions,
) -> None:
    """`lens_maps.safetensors` and `lens_maps.json` of the run. `read`: of all items; it is cut down to those that are not chosen."""
    checkpoint = reader.checkpoint
    tensors: dict[str, Tensor] = {}
    maps: list[MapRecord] = []
    words: dict[int, str] = {}
    for number, (item, why) in enumerate(chosen):
        encoded_item = encoded[item]
        key = f"m{number:03d}"
        lens_map = prompt_map(
            checkpoint, reader.backend, encoded_item.prompt, answer_id=encoded_item.answer_id, lens=lens
        )
        tensors |= {f"{key}.{name}": tensor for name, tensor in lens_map.tensors().items()}
        words |= lens_map.words(checkpoint)
        maps.append(
            MapRecord(
                item=item,
                key=key,
                tokens=tuple(checkpoint.token_text(token) for token in encoded_item.prompt.ids),
                token_ids=encoded_item.prompt.ids,
                positions=encoded_item.prompt.positions,
                why=why,
            )
        )
        reader.progress("lens maps", number + 1, len(chosen), "items")
    others = read.without({item for item, _ in chosen})
    if others.items:
        tensors |= {f"read.{name}": of.contiguous() for name, of in others.tensors.items()}
        ids = torch.unique(others.tensors["top_ids"])
        words |= {int(token): checkpoint.token_text(int(token)) for token in ids[ids >= 0]}
    with run.writing("lens_maps.safetensors"), whole_file(run.path / "lens_maps.safetensors") as part:
        save_file(tensors, part)
    kept = LensMaps(
        rule=RULE, lens=lens.name, metrics=METRICS, maps=tuple(maps),
        read=others.record(checkpoint) if others.items else None, vocabulary=dict(sorted(words.items())),
    )  # fmt: skip
    run.write_json(LENS_MAPS_FILE, kept)


def _margin(row: BehaviourRow) -> float:
    margin = row.answer_logprob if row.logit_difference is None else row.logit_difference
    assert margin is not None
    return margin
