"""Why can a question not be asked of a model, or its pair not be patched? A code, and the words for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from strata.probes.checkpoints.checkpoint import no_embedding_words

Unscorable = Literal[
    "no-embedding",  # token, n_tokenizer, n_model
    "prompt-empty",
    "prompt-too-long",
    "answer-empty",
    "answer-unknown",
    "answer-blank",
    "foil-empty",
    "foil-same",
    "foil-differs-in-space",
    "foil-begins-alike",
]
"""Why there is no token to score."""
Misaligned = Literal[
    "lengths-differ", "span-without-token", "spans-differ", "answers-differ", "no-pair", "no-foil", "same-prompts"
]
"""Why the two prompts of an item can't be patched into each other."""
_WORDS: Mapping[Unscorable | Misaligned, str] = {
    "prompt-empty": "the prompt tokenises to nothing",
    "prompt-too-long": "the prompt is longer than the model's context",
    "answer-empty": "the answer tokenises to nothing",
    "answer-unknown": "the answer has no token in the vocabulary",
    "answer-blank": "the answer is only a space",
    "foil-empty": "the foil tokenises to nothing",
    "foil-same": "answer and foil are the same tokens",
    "foil-differs-in-space": "answer and foil differ first in a bare leading space",
    "foil-begins-alike": "one of answer and foil is the beginning of the other",
    "lengths-differ": "the pair's prompts differ in length",
    "span-without-token": "a span covers no token",
    "spans-differ": "the pair's spans lie at different tokens",
    "answers-differ": "the answers tokenise differently after the two prompts",
    "no-pair": "no counterfactual prompt",
    "no-foil": "no foil",
    "same-prompts": "the pair's prompts are the same tokens",
}


@dataclass(frozen=True)
class Exclusion:
    """Why one item is excluded."""

    code: Unscorable | Misaligned
    token: str | None = None
    """What the model has no embedding for."""
    n_tokenizer: int | None = None
    """Tokens of the tokenizer."""
    n_model: int | None = None
    """Tokens that the model has embeddings for."""

    @property
    def words(self) -> str:
        """As a clause, worded alike for all such items."""
        if self.code == "no-embedding":
            return no_embedding_words(self.token or "", self.n_tokenizer or 0, self.n_model or 0)
        return _WORDS[self.code]
