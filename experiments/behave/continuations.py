"""How likely is a whole text, token by token, behind another one, read at every stream? Summed over its tokens; the last stream is the model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float

from strata.experiments.items.alignment import EncodedItem
from strata.experiments.run.stream_shard import Shard
from strata.probes.backends.contract import Site, streams_of
from strata.probes.backends.model_reader import ModelReader
from strata.probes.files.activation_store import ActivationStore
from strata.probes.lens.logit import NO_TOKEN, read_lens
from strata.probes.prompts.prompt import Prompt

Ids = tuple[int, ...]


@dataclass(frozen=True)
class Continuation:
    """A text behind a prompt. Position `n` of its prompt predicts its token `n`."""

    prompt: Prompt
    ids: Ids

    @classmethod
    def behind(cls, key: str, start: Ids, ids: Ids) -> Continuation:
        """`ids` after the prompt `start`."""
        places = {str(step): len(start) - 1 + step for step in range(len(ids))}
        return cls(Prompt(key, start + ids[:-1], places), ids)

    @classmethod
    def of_answer(cls, encoded: EncodedItem) -> Continuation:
        """The whole answer of an item behind its prompt; tokens that are fed before the scored one are part of the answer."""
        start = encoded.prompt.ids[: len(encoded.prompt.ids) - encoded.shared_prefix]
        return cls.behind(encoded.key, start, encoded.answer_ids)

    @property
    def key(self) -> str:
        return self.prompt.key


def read_continuations(
    reader: ModelReader,
    continuations: Sequence[Continuation],
    store: ActivationStore,
    *,
    last_stream_only: bool = False,
    stage: str,
) -> Float[np.ndarray, "continuation stream"]:
    """Log-probability in nats through the logit lens, at streams 0..L, or at L alone. What is in `store` isn't run again."""
    checkpoint = reader.checkpoint
    sites = streams_of(checkpoint.n_layers)
    if last_stream_only:
        sites = (Site("resid_post", checkpoint.n_layers - 1),)
    todo = [one for one in continuations if one.key not in store]
    longest = max((len(one.ids) for one in todo), default=0)
    with Shard(store, len(sites) * 4) as shard:
        prompts, places = [one.prompt for one in todo], [str(step) for step in range(longest)]
        for batch in reader.batches(prompts, sites=sites, positions=places, stage=stage):
            members = [todo[row] for row in batch.rows]
            most = max(len(one.ids) for one in members)
            ids = torch.tensor([(one.ids + (NO_TOKEN,) * most)[:most] for one in members])
            reading = read_lens(checkpoint.readout, batch.values[:, :, :most], {"next": ids}, ranked=(), top_k=1)
            shard.add([one.key for one in members], {"log_probs": reading.log_prob("next").nansum(-1)})
    if not continuations:
        return np.empty((0, len(sites)))
    return store.read("log_probs", [one.key for one in continuations]).double().numpy()
