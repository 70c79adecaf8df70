"""Does the model answer every single hop of a composite item? Only then is its two-hop answer a conclusion."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from strata.experiments.items.alignment import EncodedItem, encode_items
from strata.experiments.items.schema import HOPS, Item
from strata.probes.backends.contract import Site
from strata.probes.backends.model_reader import ModelReader
from strata.probes.lens.logit import NO_TOKEN, read_lens


def hops_answered(reader: ModelReader, encoded: Sequence[EncodedItem]) -> dict[str, bool]:
    """For items that carry `first_hop` and `second_hop`: whether each hop's answer outranks its foil.

    A hop without a foil counts as answered when its answer is the most likely token. A hop that can't be scored under
    this tokenizer counts as not answered.
    """
    checkpoint = reader.checkpoint
    wanted = {
        encoded_item.key: [hop for name in HOPS if (hop := _hop(encoded_item.item, name))] for encoded_item in encoded
    }
    unique = {hop.id: hop for hops in wanted.values() for hop in hops}
    scored, _ = encode_items(unique.values(), checkpoint, checkpoint.max_context)
    right: dict[str, bool] = {}
    prompts, last_stream = [encoded_item.prompt for encoded_item in scored], Site("resid_post", checkpoint.n_layers - 1)
    for batch in reader.batches(prompts, sites=[last_stream], stage="single hops") if scored else ():
        members = [scored[row] for row in batch.rows]
        targets = {
            "answer": torch.tensor([encoded_item.answer_id for encoded_item in members]),
            "foil": torch.tensor(
                [NO_TOKEN if encoded_item.foil_id is None else encoded_item.foil_id for encoded_item in members]
            ),
        }
        reading = read_lens(checkpoint.readout, batch.values, targets, top_k=1)
        margin, rank = reading.logit_difference()[:, 0, 0], reading.rank("answer")[:, 0, 0]
        for row, encoded_item in enumerate(members):
            right[encoded_item.key] = bool(rank[row] == 0) if encoded_item.foil_id is None else bool(margin[row] > 0)
    return {key: all(right.get(hop.id, False) for hop in hops) for key, hops in wanted.items() if hops}


def _hop(item: Item, name: str) -> Item | None:
    hop: Any = item.extra.get(name)
    if not isinstance(hop, Mapping) or not hop.get("prompt") or not hop.get("answer"):
        return None
    prompt, answer, foil = str(hop["prompt"]), str(hop["answer"]), str(hop.get("foil", ""))
    return Item(
        id=f"{prompt}\0{answer}\0{foil}", kind="knowledge", family=name, domain=item.domain, prompt=prompt, answer=answer,
        foil_prompt=str(hop.get("foil_prompt", "")), foil=foil, cluster=item.cluster, template=name,
    )  # fmt: skip
