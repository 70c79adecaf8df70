"""Small tokenizers of the kinds that published models have, and directories that say of them what people's directories say."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

BOS, EOS = "<|begin|>", "<|end|>"
CL100K = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
CORPUS = [
    f"The capital of {country} is {city}. Tom has {n} apples and gets {n + 7} more: {2 * n + 7}."
    for n, (country, city) in enumerate(
        [("France", "Paris"), ("Italy", "Rome"), ("Spain", "Madrid"), ("Peru", "Lima")] * 12
    )
]
UNSEEN = (
    *("4567 and 12345678", "don't we'LL", " leading", "  two leading", "tail  ", "a\n\n b\tc", "café cafe\u0301"),
    *("東京 は", "🙂🇵🇪", "...!?", "def f(x):\n    return x", "MiXeD", "\u00a0nbsp", "x = 12 + 34"),
)


def byte_level(
    *before: Any, prefix: bool = False, bos: bool = False, normalizer: Any = None, whole: bool = False
) -> Tokenizer:
    """GPT-2's and its heirs'; `before`: splits ahead of the bytes, which then have no expression of their own."""
    core = Tokenizer(models.BPE(ignore_merges=whole))
    own = pre_tokenizers.ByteLevel(add_prefix_space=prefix, use_regex=not before or whole)
    core.pre_tokenizer = pre_tokenizers.Sequence([*before, own])
    core.decoder = decoders.ByteLevel()
    if normalizer is not None:
        core.normalizer = normalizer
    trainer = trainers.BpeTrainer(
        vocab_size=500,
        special_tokens=[BOS, EOS],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    core.train_from_iterator(CORPUS, trainer)
    if bos:
        core.post_processor = processors.TemplateProcessing(single=f"{BOS} $A", special_tokens=[(BOS, 0)])
    return core


def with_fallback(prepend: str | None, *, normalised: bool = False) -> Tokenizer:
    """Llama 2's and Gemma's: words behind ▁, bytes for what is unknown."""
    core = Tokenizer(models.BPE(byte_fallback=True, fuse_unk=True, unk_token="<unk>"))
    if normalised:
        core.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    elif prepend is None:
        core.normalizer = normalizers.Replace(" ", "▁")
        core.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    else:
        core.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme=prepend, split=True)
    core.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    trainer = trainers.BpeTrainer(
        vocab_size=700,
        special_tokens=["<unk>", "<s>", "</s>", *(f"<0x{n:02X}>" for n in range(256))],
        show_progress=False,
    )
    core.train_from_iterator(CORPUS, trainer)
    core.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    return core


def _split(expression: str) -> Any:
    return pre_tokenizers.Split(Regex(expression), "isolated")


PIPELINES: dict[str, Callable[[], Tokenizer]] = {
    "gpt2": byte_level,
    "prefix space": lambda: byte_level(prefix=True),
    "cl100k": lambda: byte_level(_split(CL100K)),
    "llama 3": lambda: byte_level(_split(CL100K), bos=True, whole=True),
    "single digits": lambda: byte_level(pre_tokenizers.Digits(individual_digits=True)),
    "deepseek": lambda: byte_level(_split(r"\p{N}{1,3}"), _split("[一-龥]+"), _split(CL100K), bos=True),
    "nfc": lambda: byte_level(_split(CL100K), normalizer=normalizers.NFC()),
    "space first": lambda: with_fallback("first"),
    "space always": lambda: with_fallback("always"),
    "no space": lambda: with_fallback("never"),
    "prepended": lambda: with_fallback(None, normalised=True),
    "gemma": lambda: with_fallback(None),
}


def save_tokenizer(
    directory: Path, core: Tokenizer, *, kind: str | None = None, model_type: str = "llama", **settings: Any
) -> Path:
    """tokenizer.json, tokenizer_config.json (`kind`: the class it names) and a config.json."""
    directory.mkdir(parents=True, exist_ok=True)
    core.save(str(directory / "tokenizer.json"))
    ends = {"bos_token": BOS, "eos_token": EOS}
    if core.token_to_id(BOS) is None:
        ends = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
    named = {"tokenizer_class": kind} if kind else {}
    (directory / "tokenizer_config.json").write_text(json.dumps({**ends, **named, **settings}))
    if not (directory / "config.json").exists():
        (directory / "config.json").write_text(json.dumps({"model_type": model_type}))
    return directory


def sentencepiece_model(*, dummy_prefix: bool) -> bytes:
    """A tokenizer.model, as Llama 2 (with a space before every text) or Gemma (without) has."""
    from sentencepiece import SentencePieceTrainer

    buffer = io.BytesIO()
    SentencePieceTrainer.train(
        sentence_iterator=iter(CORPUS), model_writer=buffer, vocab_size=420, model_type="bpe", byte_fallback=True,
        remove_extra_whitespaces=False, normalization_rule_name="identity", add_dummy_prefix=dummy_prefix, unk_id=0, bos_id=1,
        eos_id=2, minloglevel=2,
    )  # fmt: skip
    return buffer.getvalue()
