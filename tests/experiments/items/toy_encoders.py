"""Two tokenizers small enough to reason about: one of known pieces, one trained byte-level BPE."""

from __future__ import annotations

import re
from functools import cache

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

_PIECE = re.compile(r" ?[^\W\d]+| +(?=\d)|\d| ?[^\s\w]|\s")


class PieceEncoder:
    """Words with their leading space, single digits, a space of its own before a number, as SmolLM2 has it.

    Words of more than `longest` letters are cut into pieces of that many, so that words differ in length.
    """

    def __init__(self, bos: bool = False, longest: int = 6) -> None:
        self._bos, self._longest = bos, longest
        self._ids: dict[str, int] = {"<s>": 0}
        self._texts: list[str] = ["<s>"]

    def encode(self, text: str) -> tuple[int, ...]:
        return self.encode_with_offsets(text)[0]

    def encode_with_offsets(self, text: str) -> tuple[tuple[int, ...], tuple[tuple[int, int], ...]]:
        ids: list[int] = [0] if self._bos else []
        offsets: list[tuple[int, int]] = [(0, 0)] if self._bos else []
        for match in _PIECE.finditer(text):
            for start in range(match.start(), match.end(), self._longest):
                end = min(start + self._longest, match.end())
                ids.append(self._id(text[start:end]))
                offsets.append((start, end))
        return tuple(ids), tuple(offsets)

    def token_text(self, token: int) -> str:
        return self._texts[token]

    def length(self, text: str) -> int:
        return len(self.encode(text))

    def _id(self, piece: str) -> int:
        if piece not in self._ids:
            self._ids[piece] = len(self._texts)
            self._texts.append(piece)
        return self._ids[piece]


class BytePairEncoder:
    """A byte-level BPE of a few hundred tokens, trained on the spot."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self.tokenizer = tokenizer

    def encode(self, text: str) -> tuple[int, ...]:
        return tuple(self.tokenizer.encode(text).ids)

    def encode_with_offsets(self, text: str) -> tuple[tuple[int, ...], tuple[tuple[int, int], ...]]:
        encoding = self.tokenizer.encode(text)
        return tuple(encoding.ids), tuple(encoding.offsets)

    def token_text(self, token: int) -> str:
        return self.tokenizer.decode([token])


@cache
def byte_pairs() -> BytePairEncoder:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    corpus = ["the capital of a land is a city", "a city is the capital", "one and two is three", "12 and 34 is 46"]
    tokenizer.train_from_iterator(corpus * 20, trainer)
    return BytePairEncoder(tokenizer)
