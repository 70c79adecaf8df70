"""What was odd about opening a checkpoint, in a sentence each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import assert_never

from strata.dashboards.number_formats import count
from strata.dashboards.sentences.tokenizer_difference import tokenizer_differences
from strata.probes.checkpoints.checkpoint_caveats import CheckpointCaveat, OddIds
from strata.probes.checkpoints.tokenizer_difference import TemplateDifference, TokenizerDifference

_CONFIG = "tokenizer_config.json"
_NAMED_FILES = 3
_NAMED_DIFFERENCES = 3


def checkpoint_caveat(caveat: CheckpointCaveat) -> str:
    """Without its full stop, with paths as they were given."""
    match caveat.code:
        case "said":
            return caveat.text or ""
        case "weights-in-several-forms":
            names, more = caveat.ignored[:_NAMED_FILES], len(caveat.ignored) - _NAMED_FILES
            shown = ", ".join(names) + (f" and {more} more" if more > 0 else "")
            return f"The directory holds weights in several forms: {caveat.file} is loaded, as transformers does, and {shown} not"
        case "hooks-not-in-force":
            return (
                f"The forward hooks on {caveat.hooked} of the model's modules (first: {caveat.module}) are not in force"
            )
        case "weights-on-server":
            return (
                "The weights lie on NDIF's servers: what stands for their hash is that of embedding, final norm and "
                "unembedding, which were fetched from there"
            )
        case "own-code-other-ids":
            return f"The checkpoint's own tokenizer code gives other ids than its {caveat.file} ({_odd(caveat.odd)})"
        case "tokenizer-from-file":
            return (
                f"Text becomes the ids of {caveat.file}; {caveat.made}, which transformers makes of this checkpoint, would "
                f"give others ({_odd(caveat.odd)})"
            )
        case "tokenizer-not-made":
            return (
                f"Text becomes the ids of {caveat.file}: transformers can't make what {_CONFIG} names ({caveat.error})"
            )
        case "special-tokens-configured":
            return f"Special tokens are read as {_CONFIG} says, which differs from {caveat.file} ({_odd(caveat.odd)})"
        case "bos-from-file":
            does = "No BOS stands before a text" if caveat.asked else f"The BOS {caveat.bos!r} stands before every text"
            return (
                f"{does}, as {caveat.file} has it, although {_CONFIG} says add_bos_token: {str(caveat.asked).lower()}"
            )
        case "tokenizer-from-model":
            return f"Text becomes the ids of {caveat.file}; what transformers makes of it would give others ({_odd(caveat.odd)})"
        case "tokenizer-unlike-model":
            return f"Text becomes the ids that transformers makes of {caveat.file}, which sentencepiece reads otherwise ({_odd(caveat.odd)})"
        case "adapter-of-other-base":
            return f"The adapter {caveat.adapter} names {caveat.named} as its base, and is added to {caveat.base} here"
        case "adapter-of-other-weights":
            return (
                f"The adapter {caveat.adapter} brings a copy of its base's {caveat.tensor}, which is not that of {caveat.base} "
                "and stands in its place: it was trained on other weights"
            )
        case "adapter-template-unused":
            return f"The adapter {caveat.adapter} brings a chat template of its own, which is not used"
        case "adapter-tokenizer-unreadable":
            return f"The adapter {caveat.adapter} brings a tokenizer of its own, which can't be read and is not used"
        case "adapter-tokenizer-unused":
            assert caveat.tokenizer is not None
            parts = ", ".join(_own_tokenizer(caveat.tokenizer, caveat.new_tokens))
            return f"The adapter {caveat.adapter} brings a tokenizer of its own, which is not used: with {parts}"
        case "other-mixers":
            return f"Where it says attention, a block's mixer is meant: {_mixers(caveat.mixers)}"
        case "no-mlp":
            return f"No MLP writes in {_blocks(caveat.blocks)} of this architecture: what it adds there is nothing"
        case "joint-streams":
            return f"A token has {caveat.streams} streams in this architecture, which are read and replaced as one of their joint width"
        case "read-beside-stream":
            return f"Blocks of this architecture read {caveat.beside} beside the stream, which replacing a stream doesn't replace"
        case "ends-differ-in-configuration":
            return _ends(caveat, "configuration", [f"{what} {a} and {b}" for what, a, b in caveat.settings])
        case "ends-differ-in-tokenizer":
            assert caveat.tokenizer is not None
            return _ends(caveat, "tokenizer", tokenizer_differences(caveat.tokenizer))
        case _:
            assert_never(caveat.code)


def _odd(odd: OddIds | None) -> str:
    assert odd is not None
    text = f"with special tokens {odd.text!r}" if odd.special else repr(odd.text)
    if odd.ids is None:
        return f"{text}: no ids at all"
    ids, wanted = (", ".join(map(str, each)) or "nothing" for each in (odd.ids, odd.wanted))
    return f"{text}: {ids} instead of {wanted}"


def _own_tokenizer(difference: TokenizerDifference, new_tokens: Sequence[str]) -> Iterator[str]:
    """What an adapter's tokenizer has that its base's hasn't."""
    if difference.only_b:
        shown = ", ".join(map(repr, new_tokens[:2])) + (", …" if len(new_tokens) > 2 else "")
        yield f"{count(difference.only_b, 'more token')} ({shown})"
    if difference.only_a:
        yield count(difference.only_a, "fewer token")
    if difference.moved:
        yield f"other ids of {difference.moved} tokens"
    if difference.splits_differ:
        yield f"other ids of texts such as {difference.splits_differ[0]!r}"
    if difference.bos[0] != difference.bos[1]:
        yield "another BOS policy"
    if difference.template in (TemplateDifference.DIFFERS, TemplateDifference.ONLY_B):
        yield "another chat template"


def _mixers(mixers: Sequence[tuple[str, Sequence[int]]]) -> str:
    if len(mixers) == 1:
        return f"{mixers[0][0]} in every block"
    return "; ".join(f"{name} in {_blocks(layers)}" for name, layers in mixers)


def _blocks(layers: Sequence[int]) -> str:
    """`blocks 0–2, 4–6`: ranges of consecutive ones."""
    ranges: list[list[int]] = []
    for layer in layers:
        if ranges and layer == ranges[-1][-1] + 1:
            ranges[-1].append(layer)
        else:
            ranges.append([layer])
    words = [str(one[0]) if len(one) == 1 else f"{one[0]}–{one[-1]}" for one in ranges]
    return f"{'block' if len(layers) == 1 else 'blocks'} {', '.join(words)}"


def _ends(caveat: CheckpointCaveat, what: str, differences: Sequence[str]) -> str:
    shown = "; ".join(differences[:_NAMED_DIFFERENCES])
    return (
        f"{caveat.base} (A) and {caveat.distilled} (B) differ in their {what} ({shown}); below the dose 1 that of "
        f"{caveat.base} is used"
    )
