"""Where do the labelled texts' streams come from? Which texts the model can read, captured once and kept in shards."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from strata.experiments.probe.labelled import Labelled
from strata.experiments.run.stream_shard import Shard
from strata.probes.backends.model_reader import ModelReader
from strata.probes.checkpoints.checkpoint import Checkpoint, NoEmbeddingError
from strata.probes.errors import StrataError
from strata.probes.files.activation_store import ActivationStore
from strata.probes.linear.labels import NO_LABEL
from strata.probes.prompts.prompt import Prompt
from strata.probes.prompts.texts import LAST, last_token_of


@dataclass(frozen=True)
class Readable:
    """The texts that can be probed under one tokenizer."""

    items: tuple[Labelled, ...]
    """Those with a label that the model can read."""
    prompts: tuple[Prompt, ...]
    """Their token ids, `last` and the last token of every span as positions."""
    excluded: Mapping[str, int]
    """The others, counted by reason."""

    def at(self, position: str) -> list[int]:
        """Indices of the items that have the position."""
        return [index for index, prompt in enumerate(self.prompts) if position in prompt.positions]


def readable(items: Sequence[Labelled], checkpoint: Checkpoint, positions: Sequence[str]) -> Readable:
    """Token ids of every labelled text. Raises StrataError when none is left, or a position is in none of them."""
    kept: list[Labelled] = []
    prompts: list[Prompt] = []
    excluded: Counter[str] = Counter()
    for item in items:
        prompt_or_reason = NO_LABEL if item.label is None else _prompt(item, checkpoint)
        if isinstance(prompt_or_reason, str):
            excluded[prompt_or_reason] += 1
        else:
            kept.append(item)
            prompts.append(prompt_or_reason)
    if not kept:
        reasons = "; ".join(f"{count} × {reason}" for reason, count in excluded.items())
        raise StrataError(f"No item is left to probe ({reasons})", "Give texts with labels that this model can read")
    for position in positions:
        if not any(position in prompt.positions for prompt in prompts):
            names = dict.fromkeys(name for prompt in prompts for name in prompt.positions)
            raise StrataError(f"No item has the position {position!r} (--positions)", f"There is: {', '.join(names)}")
    return Readable(tuple(kept), tuple(prompts), dict(excluded))


def capture_streams(
    reader: ModelReader, prompts: Sequence[Prompt], positions: Sequence[str], store: ActivationStore, stage: str
) -> None:
    """Runs every prompt that isn't in `store` yet; a kill loses at most one shard. Absent positions hold another's values."""
    todo = [prompt for prompt in prompts if prompt.key not in store]
    if not todo:
        return
    checkpoint = reader.checkpoint
    batches = reader.batches(todo, positions=positions, stage=stage, keep_on_device=False)
    with Shard(store, (checkpoint.n_layers + 1) * len(positions) * checkpoint.d_model * 4) as shard:
        for batch in batches:
            shard.add([todo[row].key for row in batch.rows], {"streams": batch.values})


@dataclass(frozen=True)
class KeptStreams:
    """Streams 0..L of some items at one position, with whose they are."""

    streams: Float[Tensor, "item stream d_model"]
    """In float32."""
    model: Mapping[str, str | int | float]
    """The checkpoint's identity and the position."""
    token_ids: tuple[tuple[int, ...], ...]
    """What was run for every item."""

    @property
    def numbers(self) -> tuple[int, ...]:
        """Which stream of the model each is."""
        return tuple(range(self.streams.shape[1]))


def kept_streams(
    store: ActivationStore, checkpoint: Checkpoint, prompts: Sequence[Prompt], position: str, positions: Sequence[str]
) -> KeptStreams:
    """What `capture_streams` has kept."""
    values = store.read("streams", [prompt.key for prompt in prompts])[:, :, list(positions).index(position)]
    known = {name: value for name, value in asdict(checkpoint.identity).items() if isinstance(value, (str, int, float))}
    return KeptStreams(
        values.to(torch.float32), known | {"position": position}, tuple(prompt.ids for prompt in prompts)
    )


def _prompt(item: Labelled, checkpoint: Checkpoint) -> Prompt | str:
    """The prompt, or why the model can't read it, worded alike for all such items."""
    try:
        ids, offsets = checkpoint.encode_with_offsets(item.prompt)
    except NoEmbeddingError as error:
        return error.reason
    if not ids:
        return "the text has no tokens"
    if checkpoint.max_context is not None and len(ids) > checkpoint.max_context:
        return "the text is longer than the model's context"
    tokens = {name: last_token_of(span, offsets) for name, span in item.spans.items()}
    return Prompt(item.id, ids, {name: at for name, at in tokens.items() if at is not None} | {LAST: len(ids) - 1})
