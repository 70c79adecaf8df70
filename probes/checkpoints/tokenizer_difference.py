"""Do two checkpoints read the same text as the same tokens? What differs."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from strata.probes.checkpoints.telling_texts import TELLING

_EXAMPLES = 6


class TemplateDifference(StrEnum):
    """What B has for a chat template beside A's."""

    SAME = "same"
    DIFFERS = "differs"
    ONLY_A = "only A"
    ONLY_B = "only B"
    NEITHER = "neither"


@dataclass(frozen=True)
class TokenizerDifference:
    size_a: int
    """Tokens of A, added ones included."""
    size_b: int
    """Tokens of B, added ones included."""
    only_a: int
    """Tokens that B hasn't."""
    only_b: int
    """Tokens that A hasn't."""
    moved: int
    """Tokens of both that have another id in B."""
    examples: tuple[str, ...]
    """A few of those three kinds, with their ids."""
    special: dict[str, tuple[str | None, str | None]]
    """Special tokens that differ: role to (A, B)."""
    bos: tuple[bool, bool]
    """Whether A and B put their BOS before a text."""
    eos: tuple[bool, bool]
    """Whether A and B put their EOS after a text."""
    template: TemplateDifference
    """Of the chat templates."""
    splits_differ: tuple[str, ...]
    """Telling texts that become other ids (special tokens aside)."""

    @property
    def same_ids(self) -> bool:
        """Texts become the same ids, up to BOS and EOS; new tokens at new ids are allowed."""
        return not self.moved and not self.splits_differ

    @property
    def same(self) -> bool:
        """Nothing that is compared here differs."""
        return self.same_ids and not (
            (self.only_a or self.only_b or self.special)
            or (self.bos[0] != self.bos[1] or self.eos[0] != self.eos[1])
            or self.template not in (TemplateDifference.SAME, TemplateDifference.NEITHER)
        )


def tokenizer_difference(a: Any, b: Any) -> TokenizerDifference:
    """Vocabulary, special tokens, BOS and EOS policy, chat template and splits of two tokenizers."""
    first, second = a.get_vocab(), b.get_vocab()
    only_a, only_b = sorted(first.keys() - second.keys()), sorted(second.keys() - first.keys())
    moved = sorted(token for token in first.keys() & second.keys() if first[token] != second[token])
    shown = [f"{token!r} {first[token]}→{second[token]}" for token in moved[:2]]
    shown += [f"{token!r} only B" for token in only_b[:2]] + [f"{token!r} only A" for token in only_a[:2]]
    special_a, special_b = _special(a), _special(b)
    return TokenizerDifference(
        size_a=len(first),
        size_b=len(second),
        only_a=len(only_a),
        only_b=len(only_b),
        moved=len(moved),
        examples=tuple(shown[:_EXAMPLES]),
        special={
            role: (special_a.get(role), special_b.get(role))
            for role in sorted(special_a.keys() | special_b.keys())
            if special_a.get(role) != special_b.get(role)
        },
        bos=(_puts(a, a.bos_token_id, 0), _puts(b, b.bos_token_id, 0)),
        eos=(_puts(a, a.eos_token_id, -1), _puts(b, b.eos_token_id, -1)),
        template=_template(getattr(a, "chat_template", None), getattr(b, "chat_template", None)),
        splits_differ=tuple(
            text
            for text in TELLING
            if a.encode(text, add_special_tokens=False) != b.encode(text, add_special_tokens=False)
        ),
    )


def _special(tokenizer: Any) -> dict[str, str]:
    return {role: str(token) for role, token in tokenizer.special_tokens_map.items() if not isinstance(token, list)}


def _puts(tokenizer: Any, token: int | None, place: int) -> bool:
    ids = list(tokenizer(TELLING[0])["input_ids"])
    return token is not None and bool(ids) and ids[place] == token


def _template(a: Any, b: Any) -> TemplateDifference:
    if not a and not b:
        return TemplateDifference.NEITHER
    if not a or not b:
        return TemplateDifference.ONLY_A if a else TemplateDifference.ONLY_B
    return TemplateDifference.SAME if a == b else TemplateDifference.DIFFERS
