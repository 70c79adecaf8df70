"""The questions of an invented world as one right-padded batch of the embedded model, run from any block on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from strata.experiments.calibrate.embedded.invented import FRAMES, SPAN, Asked, prompt_of
from strata.experiments.calibrate.planted_items import filled


@dataclass(frozen=True)
class QuestionBatch:
    """Causal attention never sees what stands to its right, so padding needs no mask."""

    asked: tuple[Asked, ...]
    ids: Int[Tensor, "row position"]
    last: Int[Tensor, " row"]
    """Position that predicts the answer."""
    span: Int[Tensor, " row"]
    """Last token of the entity."""
    answers: Int[Tensor, " row"]
    """Ids of the answers."""
    choices: Int[Tensor, "row choice"]
    """Ids of all answers of the row's kind."""
    learns_facts: Float[Tensor, " row"]
    """1 for facts, 0 for operations."""

    def rows(self, family: str) -> Int[Tensor, " of_family"]:
        return torch.tensor([row for row, one in enumerate(self.asked) if one.family == family])

    def moved(self, device: torch.device) -> QuestionBatch:
        tensors = (self.ids, self.last, self.span, self.answers, self.choices, self.learns_facts)
        return QuestionBatch(self.asked, *(tensor.to(device) for tensor in tensors))


def batch_of(asked: Sequence[Asked], tokenizer: Any) -> QuestionBatch:
    """Raises ValueError for an answer of several tokens."""
    rows = [tokenizer(prompt_of(one), return_offsets_mapping=True) for one in asked]
    length = max(len(row["input_ids"]) for row in rows)
    ids = torch.tensor([[*row["input_ids"], *[0] * (length - len(row["input_ids"]))] for row in rows])
    last = torch.tensor([len(row["input_ids"]) - 1 for row in rows])
    spans = [_span_end(one, row["offset_mapping"]) for one, row in zip(asked, rows, strict=True)]
    words = {kind: sorted({one.answer for one in asked if one.kind == kind}) for kind in FRAMES}
    token = {word: _token(word, tokenizer) for of_kind in words.values() for word in of_kind}
    widest = max(len(of_kind) for of_kind in words.values())
    choices = torch.tensor(
        [[token[word] for word in (words[one.kind] * widest)[:widest]] for one in asked]
    )  # fmt: skip
    answers = torch.tensor([token[one.answer] for one in asked])
    facts = torch.tensor([float(one.kind == "knowledge") for one in asked])
    return QuestionBatch(tuple(asked), ids, last, torch.tensor(spans), answers, choices, facts)


def streams_into_blocks(model: Any, batch: QuestionBatch) -> list[Float[Tensor, "row position d_model"]]:
    """The stream into every block without any change: what lies below the first changed block is computed once."""
    with torch.no_grad():
        hidden = model.model(batch.ids, use_cache=False, output_hidden_states=True).hidden_states
    return list(hidden[:-1])


def logits_from(
    model: Any,
    stream: Float[Tensor, "row position d_model"],
    first: int,
    last: Int[Tensor, " row"],
    *,
    until: int | None = None,
) -> Float[Tensor, "row vocab"]:
    """What the model predicts at `last`, run from the stream into block `first`; `until`: as if that block were the last one."""
    positions = torch.arange(stream.shape[1], device=stream.device)[None]
    rotary = model.model.rotary_emb(stream, positions)
    for layer in model.model.layers[first : None if until is None else until + 1]:
        stream = layer(stream, attention_mask=None, position_ids=positions, position_embeddings=rotary, use_cache=False)
    at_last = stream[torch.arange(len(stream), device=stream.device), last]
    logits: Tensor = model.lm_head(model.model.norm(at_last))
    return logits


def margins(batch: QuestionBatch, logits: Float[Tensor, "row vocab"]) -> Float[Tensor, " row"]:
    """Answer over the best other answer of its kind, in logits."""
    of_choices = logits.gather(1, batch.choices)
    right = logits.gather(1, batch.answers[:, None])
    others = of_choices.masked_fill(batch.choices == batch.answers[:, None], -torch.inf)
    return right[:, 0] - others.max(dim=1).values


def _span_end(one: Asked, offsets: Sequence[tuple[int, int]]) -> int:
    words = {"task": one.family, "second": one.second, SPAN[one.kind]: one.entity}
    end = filled(FRAMES[one.kind][one.frame], words)[1][SPAN[one.kind]][1]
    return next(place for place, (_, stop) in enumerate(offsets) if stop >= end)


def _token(word: str, tokenizer: Any) -> int:
    ids = tokenizer(f" {word}", add_special_tokens=False)["input_ids"]
    if len(ids) != 1:
        raise ValueError(f"{word} has {len(ids)} tokens")
    return int(ids[0])
