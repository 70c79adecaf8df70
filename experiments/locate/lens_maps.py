"""Which items' whole lens maps are kept for the page, by a rule that is printed there, and the files they go to."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import get_args

from safetensors.torch import save_file
from torch import Tensor

from strata.experiments.items.alignment import EncodedItem
from strata.experiments.items.schema import Kind
from strata.experiments.lens.prompt_map import prompt_map
from strata.experiments.results.lens_maps import METRICS, LensMaps, MapRecord, Why
from strata.experiments.results.locate_tables import BehaviourRow
from strata.experiments.run.directory import RunDirectory
from strata.probes.backends.contract import Backend
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.files import whole_file
from strata.probes.lens.lenses import Lens
from strata.probes.progress import Progress, silent

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


def write_lens_maps(
    run: RunDirectory,
    checkpoint: Checkpoint,
    backend: Backend,
    encoded: Mapping[str, EncodedItem],
    chosen: Sequence[tuple[str, Why]],
    lens: Lens,
    *,
    progress: Progress = silent,
) -> None:
    """`lens_maps.safetensors` and `lens_maps.json` of the run."""
    tensors: dict[str, Tensor] = {}
    maps: list[MapRecord] = []
    words: dict[int, str] = {}
    for number, (item, why) in enumerate(chosen):
        encoded_item = encoded[item]
        key = f"m{number:03d}"
        lens_map = prompt_map(checkpoint, backend, encoded_item.prompt, answer_id=encoded_item.answer_id, lens=lens)
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
        progress("lens maps", number + 1, len(chosen), "items")
    with run.writing("lens_maps.safetensors"), whole_file(run.path / "lens_maps.safetensors") as part:
        save_file(tensors, part)
    kept = LensMaps(
        rule=RULE, lens=lens.name, metrics=METRICS, maps=tuple(maps), vocabulary=dict(sorted(words.items()))
    )
    run.write_json("lens_maps.json", kept.as_json())


def _margin(row: BehaviourRow) -> float:
    margin = row.answer_logprob if row.logit_difference is None else row.logit_difference
    assert margin is not None
    return margin
