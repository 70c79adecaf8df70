"""An opened model: everything above this file knows a model only through these names."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import nn

from strata.probes.checkpoints.architecture_anatomy import Anatomy
from strata.probes.checkpoints.checkpoint_caveats import CheckpointCaveat
from strata.probes.checkpoints.identity import ON_SERVER, Identity
from strata.probes.checkpoints.quiet_libraries import guarded
from strata.probes.checkpoints.readout import Readout
from strata.probes.checkpoints.stretched_rope import stretch_of, thresholds_of
from strata.probes.errors import StrataError


class NoEmbeddingError(StrataError):
    """A text needs a token that was added to the tokenizer and never to the model."""

    def __init__(self, token: str, id: int, n_tokenizer: int, n_model: int, n_tokens: int) -> None:
        super().__init__(
            f"The text needs the token {token!r} (id {id}), for which the model has no embedding: "
            f"{_sizes(n_tokenizer, n_model)}",
            "Leave it out of the text, or give the checkpoint whose embedding was resized with its tokenizer",
        )
        self.token, self.n_tokenizer, self.n_model = token, n_tokenizer, n_model
        self.n_tokens = n_tokens
        """Length of the whole text."""

    @property
    def reason(self) -> str:
        """Worded alike for all texts that need the token."""
        return no_embedding_words(self.token, self.n_tokenizer, self.n_model)


def no_embedding_words(token: str, n_tokenizer: int, n_model: int) -> str:
    """As a clause about a text."""
    return f"needs {token!r}, which the model has no embedding for ({_sizes(n_tokenizer, n_model)})"


def _sizes(n_tokenizer: int, n_model: int) -> str:
    return f"the tokenizer has {n_tokenizer} tokens, the model {n_model}"


@dataclass(frozen=True, repr=False)
class Checkpoint:
    """A causal language model in evaluation mode, without gradients on its parameters.

    ```
    checkpoint
    ├── identity      which weights, which tokenizer
    ├── caveats       what was odd about opening it
    ├── anatomy       body, blocks (attention, mlp), final norm
    ├── readout       final norm + unembedding + output transform
    ├── encode(text)  token ids with the one BOS policy
    └── model         the Hugging Face object, for backends only
    ```
    """

    model: Any
    tokenizer: Any
    anatomy: Anatomy
    readout: Readout
    identity: Identity
    caveats: tuple[CheckpointCaveat, ...] = ()
    """What a reader of its numbers has to know about how it was opened."""
    text_start: tuple[int, ...] | None = None
    """Token ids that stand before every text, where something else than the tokenizer decides it; None: the tokenizer."""

    def __repr__(self) -> str:
        return (
            f"Checkpoint({self.identity.spec!r}: {type(self.model).__name__}, n_layers={self.n_layers}, "
            f"d_model={self.d_model}, vocab_size={self.vocab_size}, {self.dtype}, {self.device})"
        )

    @property
    def body(self) -> nn.Module:
        return self.anatomy.body

    @cached_property
    def blocks(self) -> tuple[nn.Module, ...]:
        return tuple(parts.block for parts in self.anatomy.blocks)

    @property
    def final_norm(self) -> nn.Module | None:
        return self.anatomy.final_norm

    @property
    def is_elsewhere(self) -> bool:
        """Whether its weights lie on a server: only what reads streams out, and the embedding, is here, and nothing can be run."""
        return self.identity.source == ON_SERVER

    @property
    def is_attributable(self) -> bool:
        """Whether nothing but a norm stands before the unembedding, so that parts of a stream can be read out by themselves."""
        return self.readout.norm is self.final_norm or isinstance(self.readout.norm, nn.Identity)

    @property
    def n_layers(self) -> int:
        return len(self.anatomy.blocks)

    @cached_property
    def d_model(self) -> int:
        """Width of the stream: of all streams of a token together, where a model has several."""
        return int(self.model.get_input_embeddings().weight.shape[1]) * self.anatomy.n_streams

    @property
    def vocab_size(self) -> int:
        return int(self.readout.weight.shape[0])

    @cached_property
    def device(self) -> torch.device:
        """Where token ids go (with a device map: the embedding's device)."""
        return self.model.get_input_embeddings().weight.device

    @cached_property
    def dtype(self) -> torch.dtype:
        """Read from the parameters: configurations have been seen to lie about it."""
        return self.model.get_input_embeddings().weight.dtype

    @property
    def attention(self) -> str:
        """Attention implementation, as recorded in the manifest."""
        return str(self.model.config._attn_implementation)

    @cached_property
    def max_context(self) -> int | None:
        """Longest prompt in tokens, or None when the configuration doesn't say."""
        limit = getattr(self.model.config.get_text_config(), "max_position_embeddings", None)
        return int(limit * stretch_of(self.model)) if limit else None

    @cached_property
    def thresholds(self) -> tuple[int, ...]:
        """Prompt lengths beyond which position embeddings change (long rope, dynamic scaling); empty in most models."""
        return thresholds_of(self.model)

    def is_stretched(self, n_tokens: int) -> bool:
        """Whether a row of `n_tokens` is embedded otherwise than a short one, so that rows need position ids of their own."""
        return any(n_tokens > threshold for threshold in self.thresholds)

    @cached_property
    def pad_id(self) -> int:
        """Fills padded places, which are masked: any id will do, but it has to exist."""
        for candidate in (self.tokenizer.pad_token_id, self.tokenizer.eos_token_id):
            if candidate is not None and 0 <= candidate < self.vocab_size:
                return int(candidate)
        return 0

    @cached_property
    def prefix(self) -> tuple[int, ...]:
        """What the tokenizer itself puts before any text: its BOS, two tokens (GLM), or nothing. Never added twice."""
        if self.text_start is not None:
            return self.text_start
        whole, bare = (list(self.tokenizer("a", add_special_tokens=special)["input_ids"]) for special in (True, False))
        if not bare:  # a vocabulary without that letter, nor a token for what is unknown
            return tuple(int(token) for token in whole[:1] if token == self.tokenizer.bos_token_id)
        starts = (start for start in range(len(whole)) if whole[start : start + len(bare)] == bare)
        return tuple(int(token) for token in whole[: next(starts, 0)])

    @cached_property
    def n_embeddings(self) -> int:
        """How many token ids the model can read; a tokenizer may have been given more, or fewer."""
        return int(self.model.get_input_embeddings().weight.shape[0])

    def encode(self, text: str) -> tuple[int, ...]:
        """Token ids of `text` with the tokenizer's own BOS policy and nothing appended.

        A text that already spells the BOS out gets no second one. Raises NoEmbeddingError where the model can't read it.
        """
        ids = guarded(
            lambda: tuple(self.tokenizer(text, add_special_tokens=False)["input_ids"]),
            f"The tokenizer of {self.identity.spec} fails on {text[:40]!r}",
            "Copy or download its files again",
        )
        if not self.prefix or ids[: len(self.prefix)] != self.prefix:
            ids = self.prefix + ids
        beyond = next((token for token in ids if token >= self.n_embeddings), None)
        if beyond is not None:
            word = self.token_text(beyond)
            raise NoEmbeddingError(word, beyond, len(self.tokenizer), self.n_embeddings, len(ids))
        return ids

    def encode_with_offsets(self, text: str) -> tuple[tuple[int, ...], tuple[tuple[int, int], ...]]:
        """`encode` and, for every token, the half-open character range of `text` it covers ((0, 0) for the BOS)."""
        ids = self.encode(text)
        if not self.tokenizer.is_fast:
            return ids, self._offsets_by_prefix(text, ids)
        encoded = self.tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
        offsets = [(int(start), int(end)) for start, end in encoded["offset_mapping"]]
        added = len(ids) - len(offsets)
        return ids, tuple([(0, 0)] * added + offsets)

    def token_text(self, token: int) -> str:
        """The text of one token as it stands in running text (a leading space stays)."""
        piece = self.tokenizer.convert_ids_to_tokens(int(token))
        if piece is None:
            return f"<unused {token}>"
        text = str(self.tokenizer.decode([int(token)], clean_up_tokenization_spaces=False))
        # SentencePiece decoders drop the space of a first piece.
        return " " + text if piece.startswith("▁") and not text.startswith(" ") else text

    def _offsets_by_prefix(self, text: str, ids: tuple[int, ...]) -> tuple[tuple[int, int], ...]:
        """For slow tokenizers: a token ends where the shortest prefix of the text that already yields it ends."""
        offsets, start, added = [(0, 0)] * len(self.prefix), 0, len(self.prefix)
        for count in range(added + 1, len(ids) + 1):
            end = start
            while end < len(text) and self.encode(text[:end])[:count] != ids[:count]:
                end += 1
            offsets.append((start, end))
            start = end
        return tuple(offsets)
