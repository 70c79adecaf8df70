"""Which tokens open a tag, as models do that were trained to think or answer in one?"""

from __future__ import annotations

import re

from strata.probes.checkpoints.checkpoint import Checkpoint

_NAMES = "think|thought|reason|reflect|scratch|answer|solution|step|plan"
_OPENING = re.compile(rf"<[a-z]*|[<\[][^/\s]*(?:{_NAMES})[^/\s]*[>\]]", re.IGNORECASE)
"""`<` and `<think`, which begin a tag; `<think>`, `[THINK]`, `<|begin_of_thought|>`. Closing tags and a tokenizer's special
tokens (`<eos>`, `<unused99>`) are none."""


def opens_tag(token: str) -> bool:
    """Whether a token is an opening tag, or the beginning of one."""
    return _OPENING.fullmatch(token.strip()) is not None


def opening_tokens(checkpoint: Checkpoint) -> list[int]:
    """Ids of all tokens of the vocabulary that open a tag."""
    vocabulary: dict[str, int] = checkpoint.tokenizer.get_vocab()
    # Reading every token of a vocabulary takes seconds; those that open a tag hold its bracket in any spelling.
    bracketed = sorted(id for piece, id in vocabulary.items() if "<" in piece or "[" in piece)
    return [id for id in bracketed if id < checkpoint.vocab_size and opens_tag(checkpoint.token_text(id))]
