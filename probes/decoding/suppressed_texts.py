"""Which token sequences would write a text, or begin it unmistakably? Those that a model must not write where the text is suppressed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from strata.probes.checkpoints.checkpoint import Checkpoint

_BARE = 1
"""Characters of a text that may stand: `<` alone begins no tag yet."""
_BLANKS = " \n\t\rĠ▁Ċĉč"
"""As vocabularies spell them."""


def suppressing(checkpoint: Checkpoint, texts: Sequence[str]) -> Any:
    """The library's logits processor that keeps every one of `texts` from being written, in whatever pieces; None for no texts."""
    sequences = [ids for text in texts for ids in beginnings(checkpoint, text)]
    if not sequences:
        return None
    from transformers import NoBadWordsLogitsProcessor

    return NoBadWordsLogitsProcessor(sequences)


def beginnings(checkpoint: Checkpoint, text: str) -> list[list[int]]:
    """Single tokens that begin `text` with more than its first character, and pairs that do so after a token of that character.

    Blanks before it don't matter. A text of one character has that one token.
    """
    pieces: dict[str, int] = checkpoint.tokenizer.get_vocab()
    # Reading every token of a vocabulary takes seconds: only those that are part of the text, or hold it, are read.
    candidates = sorted(id for piece, id in pieces.items() if id < checkpoint.vocab_size and _may_write(piece, text))
    read = {id: checkpoint.token_text(id) for id in candidates}
    whole = [[id] for id, written in read.items() if _begins(text, written.lstrip(), len(text) > _BARE)]
    bare = [id for id, written in read.items() if len(text) > _BARE and written.lstrip() == text[:_BARE]]
    rest = [id for id, written in read.items() if _begins(text[_BARE:], written, False)]
    return whole + [[first, second] for first in bare for second in rest]


def _may_write(piece: str, text: str) -> bool:
    """Whether a token may, as its vocabulary spells it: with a mark for a blank before it."""
    core = piece.lstrip(_BLANKS)
    return bool(core) and (core in text or core.startswith((text, text[_BARE:] or text)))


def _begins(text: str, written: str, more_than_bare: bool) -> bool:
    """Whether a text that begins with `written` goes on as `text`, or has it whole."""
    if not written or (more_than_bare and len(written) <= _BARE):
        return False
    return bool(text) and (text.startswith(written) or written.startswith(text))
