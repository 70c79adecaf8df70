"""A model's contributions on disk, so that another model can be patched with them when only one fits into memory."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.errors import StrataError
from strata.probes.files.activation_store import ActivationStore
from strata.probes.interventions.activation_patching import BATCH_TOKENS
from strata.probes.interventions.minimal_pairs import Pair
from strata.probes.model_diff.cross_model_patching import EVERY, SourceModel, SourceRun, difference_of, place_of
from strata.probes.model_diff.shared_inputs import batches_by_length, check_ids
from strata.probes.progress import Progress, silent
from strata.probes.prompts.batching import tokens_a_batch
from strata.probes.rerun.recording import record

_PARTS = ("attn_out", "mlp_out")


def store_contributions(
    checkpoint: Checkpoint,
    pairs: Sequence[Pair],
    store: ActivationStore,
    positions: Iterable[str] = (EVERY,),
    *,
    batch_tokens: int | None = None,
    progress: Progress = silent,
    stage: str = "contributions",
) -> None:
    """Writes what attention and MLP of every block add to the clean prompts, at the tokens that `positions` name.

    `all` is every token. In the model's dtype: 2 × blocks × tokens × d_model values a pair. Pairs that are in the store
    already are not run again; the store's signature must name the checkpoint and the positions.
    Raises StrataError for values that are not finite.
    """
    if not pairs:
        return
    names = tuple(positions)
    places_of = dict(zip((pair.key for pair in pairs), _tokens(pairs, names), strict=True))
    left = [pair for pair in pairs if pair.key not in store]
    check_ids(left, checkpoint)
    tokens = tokens_a_batch(batch_tokens, checkpoint.device, BATCH_TOKENS)
    done = len(pairs) - len(left)
    progress(stage, done, len(pairs), "pairs")
    for rows in batches_by_length(left, tokens):
        members = [left[row] for row in rows]
        run = record(checkpoint, [pair.clean for pair in members])
        places = torch.stack([places_of[pair.key] for pair in members])
        columns = places + run.batch.start[:, None]
        tensors = {
            part: torch.stack([run.at(part, layer, columns).cpu() for layer in range(checkpoint.n_layers)], 1)
            for part in _PARTS
        }
        whole = {**tensors, "token": places, "difference": difference_of(run, members)}
        store.write([pair.key for pair in members], whole, finite=_PARTS)
        done += len(rows)
        progress(stage, done, len(pairs), "pairs")


def stored(store: ActivationStore) -> SourceModel:
    """A source that reads what `store_contributions` wrote. Raises StrataError for a pair or a token it doesn't hold."""

    def run(pairs: Sequence[Pair]) -> SourceRun:
        absent = [pair.key for pair in pairs if pair.key not in store]
        if absent:
            raise StrataError(
                f"{store.directory} holds no contributions of {len(absent)} pair(s), among them {absent[0]!r}",
                "Store them first",
            )
        return _StoredRun(store, tuple(pairs))

    return run


@dataclass(frozen=True)
class _StoredRun:
    store: ActivationStore
    pairs: tuple[Pair, ...]

    @property
    def difference(self) -> Float[Tensor, " item"]:
        return self.store.read("difference", [pair.key for pair in self.pairs])

    def at(
        self, component: str, layer: int, tokens: Int[Tensor, "item position"]
    ) -> Float[Tensor, "item position d_model"]:
        keys = [pair.key for pair in self.pairs]
        same = self.store.read("token", keys)[:, None, :] == tokens[:, :, None]
        if not bool(same.any(-1).all()):
            raise StrataError(
                f"{self.store.directory} holds other tokens than those to be patched",
                "Store the contributions of these positions",
            )
        columns = same.int().argmax(-1)
        parts = _PARTS if component == "block_out" else (component,)
        values = [self.store.read(part, keys, layer) for part in parts]
        return sum(values[1:], values[0])[torch.arange(len(keys))[:, None], columns]


def _tokens(pairs: Sequence[Pair], names: Sequence[str]) -> Int[Tensor, "item position"]:
    """The tokens to keep of each pair, equally many in every shard; a pair that has fewer repeats its last."""
    tokens = []
    for pair in pairs:
        last = len(pair.clean.ids) - 1
        tokens.append(
            list(range(last + 1))
            if EVERY in names
            else sorted({last if (place := place_of(pair, name)) is None else place for name in names})
        )
    longest = max(map(len, tokens))
    return torch.tensor([own + [own[-1]] * (longest - len(own)) for own in tokens])
