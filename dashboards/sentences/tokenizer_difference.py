"""How do two tokenizers differ, A's and B's?"""

from __future__ import annotations

from strata.probes.checkpoints.tokenizer_difference import TemplateDifference, TokenizerDifference

SAME_TOKENIZER = "tokenizers: no difference"


def tokenizer_differences(found: TokenizerDifference) -> list[str]:
    """A clause each; empty when nothing differs."""
    told = []
    if found.size_a != found.size_b:
        told.append(f"vocabulary: {found.size_a:,} tokens in A, {found.size_b:,} in B")
    if found.only_a or found.only_b or found.moved:
        told.append(
            f"tokens: {found.only_a:,} only in A, {found.only_b:,} only in B, {found.moved:,} with another id"
            f" ({', '.join(found.examples)})"
        )
    told += [f"{role}: {a!r} in A, {b!r} in B" for role, (a, b) in found.special.items()]
    for name, (a, b) in (("BOS before", found.bos), ("EOS after", found.eos)):
        if a != b:
            told.append(f"{name} every text: {'A only' if a else 'B only'}")
    if found.template not in (TemplateDifference.SAME, TemplateDifference.NEITHER):
        told.append(f"chat template: {found.template}")
    if found.splits_differ:
        told.append(f"texts split differently, among them {found.splits_differ[0]!r}")
    return told
