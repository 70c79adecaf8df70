"""Is what was odd about opening a checkpoint said with its numbers, and read back from what runs hold of it?"""

from __future__ import annotations

from typing import get_args

import pytest
from pydantic import TypeAdapter

from strata.dashboards.sentences.checkpoint_caveats import checkpoint_caveat
from strata.dashboards.sentences.run_caveats import caveat_sentence
from strata.dashboards.sentences.whole_forward import why_whole_words
from strata.experiments.results.caveats import BriefCaveat, Caveat
from strata.probes.checkpoints.checkpoint_caveats import CheckpointCaveat, CheckpointCaveatCode, OddIds, each_once
from strata.probes.checkpoints.tokenizer_difference import TemplateDifference, TokenizerDifference
from strata.probes.rerun.no_restart import WhyWhole, WhyWholeCode

_READ = TypeAdapter[Caveat](BriefCaveat).validate_python
"""As a manifest holds it."""

ODD = OddIds("12", False, (5, 6), (7,))
TOKENIZERS = TokenizerDifference(
    size_a=80, size_b=83, only_a=0, only_b=3, moved=0, examples=("'new0' only B",), special={"eos_token": ("a", "b")},
    bos=(False, True), eos=(False, False), template=TemplateDifference.ONLY_B, splits_differ=(" x",),
)  # fmt: skip
SAID = {
    "said": (CheckpointCaveat("said", text="What an earlier version wrote"), "What an earlier version wrote"),
    "weights-in-several-forms": (
        CheckpointCaveat("weights-in-several-forms", file="model.safetensors", ignored=("a", "b", "c", "d")),
        "The directory holds weights in several forms: model.safetensors is loaded, as transformers does, and a, b, c and 1 more not",
    ),
    "hooks-not-in-force": (
        CheckpointCaveat("hooks-not-in-force", hooked=2, module="model.layers.1"),
        "The forward hooks on 2 of the model's modules (first: model.layers.1) are not in force",
    ),
    "weights-on-server": (CheckpointCaveat("weights-on-server"), "The weights lie on NDIF's servers: what stands"),
    "own-code-other-ids": (
        CheckpointCaveat("own-code-other-ids", file="tokenizer.json", odd=ODD),
        "The checkpoint's own tokenizer code gives other ids than its tokenizer.json ('12': 5, 6 instead of 7)",
    ),
    "tokenizer-from-file": (
        CheckpointCaveat("tokenizer-from-file", file="tokenizer.json", made="GPT2Tokenizer", odd=OddIds("a", True, None, (7,))),
        "Text becomes the ids of tokenizer.json; GPT2Tokenizer, which transformers makes of this checkpoint, would give others "
        "(with special tokens 'a': no ids at all)",
    ),
    "tokenizer-not-made": (
        CheckpointCaveat("tokenizer-not-made", file="tokenizer.json", error="no such class"),
        "Text becomes the ids of tokenizer.json: transformers can't make what tokenizer_config.json names (no such class)",
    ),
    "special-tokens-configured": (
        CheckpointCaveat("special-tokens-configured", file="tokenizer.json", odd=OddIds("12", False, (), (7,))),
        "Special tokens are read as tokenizer_config.json says, which differs from tokenizer.json ('12': nothing instead of 7)",
    ),
    "bos-from-file": (
        CheckpointCaveat("bos-from-file", file="tokenizer.json", bos="<s>", asked=False),
        "The BOS '<s>' stands before every text, as tokenizer.json has it, although tokenizer_config.json says add_bos_token: false",
    ),
    "tokenizer-from-model": (
        CheckpointCaveat("tokenizer-from-model", file="tokenizer.model", odd=ODD),
        "Text becomes the ids of tokenizer.model; what transformers makes of it would give others ('12': 5, 6 instead of 7)",
    ),
    "tokenizer-unlike-model": (
        CheckpointCaveat("tokenizer-unlike-model", file="tokenizer.model", odd=ODD),
        "Text becomes the ids that transformers makes of tokenizer.model, which sentencepiece reads otherwise ('12': 5, 6 instead of 7)",
    ),
    "adapter-of-other-base": (
        CheckpointCaveat("adapter-of-other-base", adapter="lora", named="org/b", base="base"),
        "The adapter lora names org/b as its base, and is added to base here",
    ),
    "adapter-of-other-weights": (
        CheckpointCaveat("adapter-of-other-weights", adapter="lora", tensor="lm_head.weight", base="base"),
        "The adapter lora brings a copy of its base's lm_head.weight, which is not that of base and stands in its place: it was "
        "trained on other weights",
    ),
    "adapter-template-unused": (
        CheckpointCaveat("adapter-template-unused", adapter="lora"),
        "The adapter lora brings a chat template of its own, which is not used",
    ),
    "adapter-tokenizer-unreadable": (
        CheckpointCaveat("adapter-tokenizer-unreadable", adapter="lora"),
        "The adapter lora brings a tokenizer of its own, which can't be read and is not used",
    ),
    "adapter-tokenizer-unused": (
        CheckpointCaveat("adapter-tokenizer-unused", adapter="lora", tokenizer=TOKENIZERS, new_tokens=("new0", "new1", "new2")),
        "The adapter lora brings a tokenizer of its own, which is not used: with 3 more tokens ('new0', 'new1', …), other ids of "
        "texts such as ' x', another BOS policy, another chat template",
    ),
    "other-mixers": (
        CheckpointCaveat("other-mixers", mixers=(("linear attention", (0, 1, 2, 4)), ("attention", (3,)))),
        "Where it says attention, a block's mixer is meant: linear attention in blocks 0–2, 4; attention in block 3",
    ),
    "no-mlp": (
        CheckpointCaveat("no-mlp", blocks=(1,)),
        "No MLP writes in block 1 of this architecture: what it adds there is nothing",
    ),
    "joint-streams": (
        CheckpointCaveat("joint-streams", streams=4),
        "A token has 4 streams in this architecture, which are read and replaced as one of their joint width",
    ),
    "read-beside-stream": (
        CheckpointCaveat("read-beside-stream", beside="embeddings of each layer"),
        "Blocks of this architecture read embeddings of each layer beside the stream, which replacing a stream doesn't replace",
    ),
    "ends-differ-in-configuration": (
        CheckpointCaveat("ends-differ-in-configuration", base="a", distilled="b", settings=(("norm epsilon", "1e-06", "0.001"),)),
        "a (A) and b (B) differ in their configuration (norm epsilon 1e-06 and 0.001); below the dose 1 that of a is used",
    ),
    "ends-differ-in-tokenizer": (
        CheckpointCaveat("ends-differ-in-tokenizer", base="a", distilled="b", tokenizer=TOKENIZERS),
        "a (A) and b (B) differ in their tokenizer (vocabulary: 80 tokens in A, 83 in B; tokens: 0 only in A, 3 only in B, 0 with "
        "another id ('new0' only B); eos_token: 'a' in A, 'b' in B); below the dose 1 that of a is used",
    ),
}  # fmt: skip


def test_every_code_is_tried_here() -> None:
    assert set(SAID) == set(get_args(CheckpointCaveatCode))


@pytest.mark.parametrize("code", SAID)
def test_a_caveat_is_said_and_read_back_from_a_manifest(code: str) -> None:
    caveat, words = SAID[code]
    assert checkpoint_caveat(caveat).startswith(words)
    of_run = Caveat(code="opened", opened=caveat)
    assert _READ(of_run.without_defaults()) == of_run
    assert Caveat.model_validate_json(of_run.model_dump_json()) == of_run
    assert caveat_sentence(of_run) == checkpoint_caveat(caveat)


def test_what_an_earlier_version_wrote_is_said_as_it_stands() -> None:
    assert caveat_sentence(_READ("The adapter x names y as its base.")) == "The adapter x names y as its base"
    old = _READ({"code": "whole-forward", "text": "its blocks have other mixers than attention"})
    new = Caveat(code="whole-forward", why=WhyWhole("other-mixers"))
    assert caveat_sentence(old) == caveat_sentence(new)


def test_an_adapters_caveat_stands_under_its_name() -> None:
    opened = CheckpointCaveat("joint-streams", streams=2)
    assert caveat_sentence(Caveat(code="opened", opened=opened, adapter="think")).startswith("think: A token has 2")


def test_every_reason_for_whole_forward_passes_has_its_words() -> None:
    told = [
        why_whole_words(WhyWhole(code, backend="nnsight", arguments=("a",), shape=(2, 3), block="Block", blocks=1, of=2))
        for code in get_args(WhyWholeCode)
    ]  # fmt: skip
    assert len(set(told)) == len(told) and "its blocks take a of shape (2, 3)" in told


def test_equal_caveats_stand_once() -> None:
    one, other = (CheckpointCaveat("joint-streams", streams=n) for n in (2, 3))
    tokenizers = CheckpointCaveat("ends-differ-in-tokenizer", base="a", distilled="b", tokenizer=TOKENIZERS)
    assert each_once((one, tokenizers, other, one, tokenizers)) == (one, tokenizers, other)
