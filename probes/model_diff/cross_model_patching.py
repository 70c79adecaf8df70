"""Which block's contribution, taken from one model and written into another on the same tokens, brings its answer along?

Both models read the same clean prompt. What a block, its attention or its MLP adds in the source stands in for what it
adds in the receiver, at one block and one position group (cross-model activation patching: 2402.14811). A block above
the one that was changed carries the change on: attention that reads it brings an effect of its own. A layer swap, which
exchanges weights, does not have that; so the two are read together. The null: the receiver's own contribution moved by
as much in a random direction, which any change of that size may do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.errors import StrataError
from strata.probes.interventions.activation_patching import BATCH_TOKENS
from strata.probes.interventions.intervention import CrossPatching
from strata.probes.interventions.minimal_pairs import SPAN, Pair
from strata.probes.interventions.noise import generator_for, unit_vectors
from strata.probes.interventions.scores import logit_difference
from strata.probes.model_diff.random_step import MISS, distances, moved
from strata.probes.model_diff.shared_inputs import batches_by_length, check_ids, check_same_shape
from strata.probes.prompts.batching import tokens_a_batch
from strata.probes.rerun.edit_sweep import sweep
from strata.probes.rerun.recording import Recording, record
from strata.probes.rerun.run_edits import Component, Replacement

CONTRIBUTIONS: tuple[Component, ...] = ("block_out", "attn_out", "mlp_out")
EVERY = "all"
"""Position group: every token of the prompt, the first included, edited at once."""


class SourceRun(Protocol):
    """The source's run of the clean prompts of one batch."""

    @property
    def difference(self) -> Float[Tensor, " item"]:
        """Logit difference answer − foil, float32."""
        ...

    def at(
        self, component: str, layer: int, tokens: Int[Tensor, "item position"]
    ) -> Float[Tensor, "item position d_model"]:
        """What a component adds at `tokens`, indices into the unpadded prompts."""
        ...


SourceModel = Callable[[Sequence[Pair]], SourceRun]
"""Gives the source's run of a batch: from a model (`source_of`) or from disk (`strata.probes.model_diff.stored_contributions.stored`)."""


@dataclass(frozen=True)
class CrossPatched:
    rows: tuple[int, ...]
    """Indices into the pairs given."""
    source: Float[Tensor, " item"]
    """Logit difference answer − foil of the clean prompt in the source model."""
    receiver: Float[Tensor, " item"]
    """The same in the model that receives."""
    shift: Mapping[CrossPatching, Float[Tensor, "item layer"]]
    """Patched − receiver, in logits: over `source − receiver` it is the normalised effect.
    Exactly 0 where the source adds bit for bit what the receiver adds. NaN: the pair lacks the position."""


@dataclass(frozen=True)
class _ModelRun:
    run: Recording
    difference: Float[Tensor, " item"]

    def at(
        self, component: str, layer: int, tokens: Int[Tensor, "item position"]
    ) -> Float[Tensor, "item position d_model"]:
        return self.run.at(component, layer, tokens + self.run.batch.start[:, None])


def source_of(checkpoint: Checkpoint) -> SourceModel:
    """A source that runs `checkpoint`."""

    def run(pairs: Sequence[Pair]) -> SourceRun:
        recording = record(checkpoint, [pair.clean for pair in pairs])
        return _ModelRun(recording, difference_of(recording, pairs))

    return run


def difference_of(recording: Recording, pairs: Sequence[Pair]) -> Float[Tensor, " item"]:
    """Logit difference answer − foil at the end of the recorded prompts, float32 on the CPU."""
    return _difference(recording.checkpoint, recording.streams[-1][None, :, -1], pairs)[0]


def cross_patch(
    receiver: Checkpoint,
    source: Checkpoint | SourceModel,
    pairs: Sequence[Pair],
    lines: Sequence[CrossPatching],
    *,
    seed: int = 0,
    batch_tokens: int | None = None,
) -> Iterator[CrossPatched]:
    """Yields the effects of `lines` batch by batch; memory does not depend on the number of pairs.

    Exchange the two models for the other direction; take a control model as source for the control. `Pair.swapped()` measures the foil
    prompts instead. A random line's directions depend on the seed, the pair, the block and the token. Raises StrataError for models or
    sites that don't fit.
    """
    for line in lines:
        if line.component not in CONTRIBUTIONS:
            raise StrataError(
                f"{line.component} can't be patched across models", f"Choose one of: {', '.join(CONTRIBUTIONS)}"
            )
        if line.window != 1:
            raise StrataError(f"{line.window} blocks can't be patched across models at once", "Patch one by one")
    check_ids(pairs, receiver)
    if isinstance(source, Checkpoint):
        check_same_shape(receiver, source)
        check_ids(pairs, source)
        source = source_of(source)
    tokens = tokens_a_batch(batch_tokens, receiver.device, BATCH_TOKENS)
    for rows in batches_by_length(pairs, tokens):
        members = [pairs[row] for row in rows]
        yield _Batch(receiver, source(members), members, seed).run(tuple(rows), lines)


class _Batch:
    def __init__(self, receiver: Checkpoint, given: SourceRun, pairs: Sequence[Pair], seed: int) -> None:
        self.receiver, self.given, self.pairs, self.seed = receiver, given, pairs, seed
        self.own = record(receiver, [pair.clean for pair in pairs])

    def run(self, rows: tuple[int, ...], lines: Sequence[CrossPatching]) -> CrossPatched:
        before = difference_of(self.own, self.pairs)
        shift: dict[CrossPatching, Tensor] = {}
        for position in dict.fromkeys(line.position for line in lines):
            tokens, present = self._tokens(position)
            here = [line for line in lines if line.position == position]
            shift |= self._at(here, tokens, present, before)
        return CrossPatched(rows, self.given.difference, before, shift)

    def _at(
        self, lines: Sequence[CrossPatching], tokens: Tensor, present: Bool[Tensor, " item"], before: Tensor
    ) -> dict[CrossPatching, Float[Tensor, "item layer"]]:
        n_layers = self.receiver.n_layers
        effects = {line: torch.zeros(len(self.pairs), n_layers) for line in lines}
        # Putting back what stands there is no edit: recomputed it would be 0 up to rounding, and it is 0.
        edits = {
            (line, layer): moves
            for line in lines
            for layer in range(n_layers)
            if bool((moves := self._moves(line.component, layer, tokens) & present).any())
        }
        if edits:
            replacements = [
                Replacement(line.component, range(layer, layer + 1), self._values(line, tokens))
                for line, layer in edits
            ]
            ends = sweep(self.own, replacements, tokens + self.own.batch.start[:, None])[:, :, 0]
            patched = _difference(self.receiver, ends, self.pairs)
            for ((line, layer), moves), values in zip(edits.items(), patched, strict=True):
                effects[line][:, layer] = torch.where(moves, values - before, 0.0)
        for values in effects.values():
            values[~present] = torch.nan
        return effects

    def _moves(self, component: Component, layer: int, tokens: Tensor) -> Bool[Tensor, " item"]:
        own = self._own(component, layer, tokens)
        return (self.given.at(component, layer, tokens).to(own) != own).flatten(1).any(1).cpu()

    def _own(self, component: Component, layer: int, tokens: Tensor) -> Float[Tensor, "item position d_model"]:
        return self.own.at(component, layer, tokens + self.own.batch.start[:, None])

    def _values(self, line: CrossPatching, tokens: Tensor) -> Callable[[int], Tensor]:
        if line.measure == "other_model":
            return lambda layer: self.given.at(line.component, layer, tokens)

        def moved_at_random(layer: int) -> Tensor:
            own = self._own(line.component, layer, tokens)
            size = distances(self.given.at(line.component, layer, tokens).to(own), own)
            shifted = own + (size[..., None] * self._directions(layer, tokens).to(own.device)).to(own.dtype)
            # What half precision would round away, or to another size, is moved vector by vector.
            missed = (distances(shifted, own) - size).abs() > MISS * size
            for row, column in missed.nonzero().tolist():
                names = (self.seed, self.pairs[row].key, layer, int(tokens[row, column]))
                shifted[row, column] = moved(own[row, column], float(size[row, column]), generator_for(*names))
            return shifted

        return moved_at_random

    def _directions(self, layer: int, tokens: Tensor) -> Float[Tensor, "item position d_model"]:
        # By token of the prompt: where a shorter one names its last token again, it gets the same vector again.
        directions = [
            unit_vectors((len(pair.clean.ids), self.receiver.d_model), self.seed, pair.key, layer)[places]
            for pair, places in zip(self.pairs, tokens, strict=True)
        ]
        return torch.stack(directions)

    def _tokens(self, position: str) -> tuple[Int[Tensor, "item position"], Bool[Tensor, " item"]]:
        """Tokens of a position group, and which pairs have it."""
        lengths = torch.tensor([len(pair.clean.ids) for pair in self.pairs])
        if position == EVERY:
            # A shorter prompt names its last token more than once.
            every = torch.arange(int(lengths.max())).expand(len(self.pairs), -1)
            return torch.minimum(every, lengths[:, None] - 1), torch.ones(len(self.pairs), dtype=torch.bool)
        named = [place_of(pair, position) for pair in self.pairs]
        places = [int(end) - 1 if place is None else place for place, end in zip(named, lengths, strict=True)]
        return torch.tensor(places)[:, None], torch.tensor([place is not None for place in named])


def place_of(pair: Pair, position: str) -> int | None:
    """Token of a named position in the clean prompt, or of the end of the replaced span (`span`); None: the pair lacks it."""
    return pair.replaced_end if position == SPAN else pair.clean.positions.get(position)


def _difference(
    checkpoint: Checkpoint, h: Float[Tensor, "edit item d_model"], pairs: Sequence[Pair]
) -> Float[Tensor, "edit item"]:
    tokens = torch.tensor([[pair.answer_id, pair.foil_id] for pair in pairs])
    return logit_difference(checkpoint.readout, h, tokens).cpu()
