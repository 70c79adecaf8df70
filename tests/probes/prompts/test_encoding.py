"""Token ids follow the tokenizer's own BOS policy, once, and every token knows which characters it covers."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny_models import VOCAB_SIZE, WORDS, tiny_model, tiny_tokenizer
from transformers import PreTrainedTokenizer, PreTrainedTokenizerFast

from strata.probes.checkpoints.checkpoint import Checkpoint, NoEmbeddingError
from strata.probes.checkpoints.open_spec import checkpoint_from

MODEL = tiny_model("llama")
WIDE = tiny_model("llama", vocab_size=300)
words = st.lists(st.sampled_from(WORDS), min_size=1, max_size=8)


def opened(tokenizer: Any) -> Checkpoint:
    return checkpoint_from(MODEL if tokenizer.vocab_size <= MODEL.config.vocab_size else WIDE, tokenizer)


def byte_level() -> PreTrainedTokenizerFast:
    """A byte-level BPE with a few merges, as GPT-2 and its heirs have."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    merges = [("Ġ", "P"), ("ĠP", "a"), ("ĠPa", "r"), ("a", "b")]
    tokens = [*letters, *(a + b for a, b in merges), "<pad>"]
    core = Tokenizer(models.BPE({token: i for i, token in enumerate(tokens)}, merges))
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(tokenizer_object=core, pad_token="<pad>")


class SlowWords(PreTrainedTokenizer):
    """A pure-Python tokenizer, which can't say where its tokens lie."""

    def __init__(self, **options: Any) -> None:
        self.words = ["<unk>", *WORDS]
        super().__init__(unk_token="<unk>", **options)

    @property
    def vocab_size(self) -> int:
        return len(self.words)

    def get_vocab(self) -> dict[str, int]:
        return {word: index for index, word in enumerate(self.words)}

    def _tokenize(self, text: str, **options: Any) -> list[str]:
        return text.split(" ")

    def _convert_token_to_id(self, token: str) -> int:
        return self.get_vocab().get(token, 0)

    def _convert_id_to_token(self, index: int) -> str:
        return self.words[index]


def test_a_tokenizer_that_adds_bos_adds_it_once() -> None:
    checkpoint = opened(tiny_tokenizer(adds_bos=True))
    assert checkpoint.prefix == (1,)
    assert checkpoint.encode("a b") == (1, 4, 5)
    assert checkpoint.encode("<s> a b") == (1, 4, 5)
    assert checkpoint.encode("") == (1,)


def test_a_tokenizer_that_adds_none_gets_none() -> None:
    checkpoint = opened(tiny_tokenizer())
    assert checkpoint.prefix == ()
    assert checkpoint.encode("a b") == (4, 5)
    assert checkpoint.encode("<s> a b") == (1, 4, 5)


def test_a_bos_that_merely_exists_is_not_added() -> None:
    tokenizer = byte_level()
    tokenizer.bos_token = "<pad>"
    assert opened(tokenizer).prefix == ()


def test_all_that_a_tokenizer_puts_before_a_text_stands_there_once() -> None:
    """As GLM does it."""
    from tokenizers import processors

    tokenizer = tiny_tokenizer()
    tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single="<unk> <s> $A", special_tokens=[("<unk>", 3), ("<s>", 1)]
    )
    checkpoint = opened(tokenizer)
    assert checkpoint.prefix == (3, 1)
    assert checkpoint.encode("a b") == checkpoint.encode("<unk> <s> a b") == (3, 1, 4, 5)
    assert checkpoint.encode_with_offsets("a b") == ((3, 1, 4, 5), ((0, 0), (0, 0), (0, 1), (2, 3)))


def test_a_vocabulary_without_letters_keeps_its_bos() -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    core = Tokenizer(models.BPE({"<s>": 0, "1": 1, "2": 2}, []))
    core.pre_tokenizer = pre_tokenizers.Split(" ", "removed")
    core.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 0)])
    checkpoint = opened(PreTrainedTokenizerFast(tokenizer_object=core, bos_token="<s>"))
    assert checkpoint.prefix == (0,) and checkpoint.encode("1 2") == (0, 1, 2)


def test_a_token_without_an_embedding_is_named_where_a_text_needs_it() -> None:
    tokenizer = tiny_tokenizer()
    tokenizer.add_tokens([f"unused{n}" for n in range(VOCAB_SIZE - len(tokenizer))] + ["<think>", " Lima"])
    checkpoint = opened(tokenizer)
    assert len(tokenizer) == 82 and checkpoint.encode("a b") == (4, 5)
    for encode in (checkpoint.encode, checkpoint.encode_with_offsets):
        with pytest.raises(NoEmbeddingError, match="the tokenizer has 82 tokens, the model 80") as refused:
            encode("a <think> b")
        assert "'<think>' (id 80)" in refused.value.what and refused.value.remedy and refused.value.exit_code == 2
        assert "'<think>'" in refused.value.reason and refused.value.n_tokens == 3


def test_nothing_is_put_after_a_text() -> None:
    from tokenizers import processors

    tokenizer = tiny_tokenizer()
    tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 1), ("</s>", 2)]
    )
    assert opened(tokenizer).encode("a b") == (1, 4, 5)


@given(words)
@pytest.mark.parametrize("adds_bos", [False, True])
def test_offsets_cut_out_the_word_of_each_token(adds_bos: bool, text: list[str]) -> None:
    checkpoint = opened(tiny_tokenizer(adds_bos=adds_bos))
    joined = " ".join(text)
    ids, offsets = checkpoint.encode_with_offsets(joined)
    assert ids == checkpoint.encode(joined)
    assert [joined[a:b] for a, b in offsets[adds_bos:]] == text
    assert offsets[:adds_bos] == ((0, 0),) * adds_bos


@given(words)
def test_a_slow_tokenizer_covers_the_text_without_gap_or_overlap(text: list[str]) -> None:
    checkpoint = opened(SlowWords())
    joined = " ".join(text)
    ids, offsets = checkpoint.encode_with_offsets(joined)
    assert len(ids) == len(offsets) == len(text)
    assert offsets[0][0] == 0
    assert all(before[1] == after[0] for before, after in pairwise(offsets))
    # The text up to a token's end already yields that token: that is what its end means.
    for index, (_, end) in enumerate(offsets):
        assert checkpoint.encode(joined[:end])[: index + 1] == ids[: index + 1]


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=20))
def test_byte_level_offsets_stay_inside_the_text_and_in_order(text: str) -> None:
    ids, offsets = opened(byte_level()).encode_with_offsets(text)
    assert len(ids) == len(offsets)
    assert all(0 <= start <= end <= len(text) for start, end in offsets)
    assert list(offsets) == sorted(offsets)


def test_a_leading_space_belongs_to_the_token() -> None:
    checkpoint = opened(byte_level())
    ids, offsets = checkpoint.encode_with_offsets("ab Par")
    assert [checkpoint.token_text(token) for token in ids] == ["ab", " Par"]
    assert offsets in (((0, 2), (2, 6)), ((0, 2), (3, 6)))


def test_an_id_beyond_the_tokenizer_has_a_text_all_the_same() -> None:
    assert opened(tiny_tokenizer()).token_text(79) == "<unused 79>"


def test_the_hash_tells_tokenizers_apart() -> None:
    hashes = {
        opened(t).identity.tokenizer_sha256 for t in (tiny_tokenizer(), tiny_tokenizer(adds_bos=True), byte_level())
    }
    assert len(hashes) == 3
    assert opened(tiny_tokenizer()).identity == opened(tiny_tokenizer()).identity


def test_padding_uses_an_id_that_the_model_has() -> None:
    tokenizer = tiny_tokenizer()
    tokenizer.pad_token = None
    assert opened(tokenizer).pad_id == 2
    tokenizer.eos_token = None
    assert opened(tokenizer).pad_id == 0
    outside = tiny_tokenizer()
    outside.add_tokens([f"new{i}" for i in range(60)])
    outside.pad_token = "new59"
    assert outside.pad_token_id >= 80
    assert opened(outside).pad_id == 2


@pytest.mark.model
def test_the_embedded_model_gets_no_bos_and_leading_spaces_are_kept(smollm2: Checkpoint) -> None:
    ids, offsets = smollm2.encode_with_offsets("The capital of France is")
    assert smollm2.prefix == ()
    assert [smollm2.token_text(token) for token in ids] == ["The", " capital", " of", " France", " is"]
    assert offsets[-2][1] == len("The capital of France")
