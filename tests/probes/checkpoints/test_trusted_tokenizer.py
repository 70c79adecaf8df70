"""Text becomes the ids that the checkpoint's own tokenizer file gives, whatever class transformers makes of it."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_models import tiny_model, tiny_tokenizer
from tokenizer_files import BOS, PIPELINES, UNSEEN, byte_level, save_tokenizer, sentencepiece_model, with_fallback
from tokenizers import Tokenizer

from strata.probes.checkpoints.open_spec import open_checkpoint, open_on_meta
from strata.probes.checkpoints.trusted_tokenizer import TELLING, open_tokenizer, stated_tokenizer
from strata.probes.errors import StrataError
from strata.probes.weights.lineage import verify_pair

KINDS = (
    None,
    "GPT2Tokenizer",
    "LlamaTokenizerFast",
    "Qwen2Tokenizer",
    "GPTNeoXTokenizerFast",
    "GemmaTokenizer",
    "CohereTokenizer",
)
MODEL_TYPES = ("llama", "qwen2", "gpt2", "gpt_neox", "mistral")


@cache
def pipeline(name: str) -> Tokenizer:
    return PIPELINES[name]()


def ids(tokenizer: Any, text: str, *, special: bool = False) -> list[int]:
    return list(tokenizer(text, add_special_tokens=special)["input_ids"])


@pytest.mark.parametrize("name", PIPELINES)
def test_every_class_and_model_type_gives_the_ids_of_the_file(tmp_path: Path, name: str) -> None:
    core = pipeline(name)
    caveats = 0
    for kind in KINDS:
        for model_type in MODEL_TYPES:
            directory = save_tokenizer(tmp_path / f"{kind}-{model_type}", core, kind=kind, model_type=model_type)
            opened = open_tokenizer(directory)
            for text in (*UNSEEN, *TELLING):
                assert ids(opened.tokenizer, text) == core.encode(text, add_special_tokens=False).ids, (
                    kind,
                    model_type,
                )
            assert ids(opened.tokenizer, "a b", special=True) == core.encode("a b").ids
            caveats += any(caveat.code == "tokenizer-from-file" for caveat in opened.caveats)
    # Some of these classes rebuild every one of these pipelines otherwise.
    assert 0 < caveats < len(KINDS) * len(MODEL_TYPES)


def saved(directory: Path, core: Tokenizer, *, model_type: str = "llama", **settings: Any) -> Path:
    """A whole checkpoint with this tokenizer."""
    tiny_model(model_type, vocab_size=core.get_vocab_size(), **settings.pop("model", {})).save_pretrained(directory)
    return save_tokenizer(directory, core, **settings)


@pytest.mark.parametrize("model_type", ["gpt2", "llama"])
def test_a_checkpoint_reads_numbers_as_its_file_splits_them(tmp_path: Path, model_type: str) -> None:
    core = pipeline("cl100k")
    directory = saved(tmp_path / "m", core, model_type=model_type, kind="GPT2Tokenizer")
    checkpoint = open_checkpoint(str(directory), device="cpu")
    prompt = "1004 + 4007 ="
    assert list(checkpoint.encode(prompt)) == core.encode(prompt).ids
    plain = tiny_model(model_type, vocab_size=core.get_vocab_size())
    with torch.no_grad():
        wanted, logits = (model(torch.tensor([core.encode(prompt).ids])).logits for model in (plain, checkpoint.model))
    assert torch.equal(wanted, logits)
    (caveat,) = checkpoint.caveats
    assert (caveat.code, caveat.made) == ("tokenizer-from-file", "GPT2Tokenizer")
    assert caveat.odd is not None and caveat.odd.ids != caveat.odd.wanted
    planned = open_on_meta(str(directory))
    assert planned.caveats == checkpoint.caveats and planned.encode(prompt) == checkpoint.encode(prompt)
    assert planned.identity.tokenizer_sha256 == checkpoint.identity.tokenizer_sha256


@pytest.mark.parametrize("model_type", ["llama", "qwen2"])
@pytest.mark.parametrize("kind", ["LlamaTokenizerFast", "LlamaTokenizer"])
def test_a_byte_level_file_under_llamas_name_stays_byte_level(tmp_path: Path, kind: str, model_type: str) -> None:
    """As the R1 distillations are published."""
    core = pipeline("deepseek")
    more = {"add_bos_token": True, "legacy": True, "sp_model_kwargs": {}, "unk_token": None}
    directory = save_tokenizer(tmp_path / "m", core, kind=kind, model_type=model_type, **more)
    opened = open_tokenizer(directory)
    assert all(ids(opened.tokenizer, text, special=True) == core.encode(text).ids for text in UNSEEN)
    assert opened.tokenizer.bos_token == BOS and opened.tokenizer.decode(ids(opened.tokenizer, "Peru is")) == "Peru is"


@pytest.mark.parametrize(("file", "says"), [(True, False), (False, True), (True, True), (False, False), (True, None)])
def test_the_file_decides_about_a_bos_and_a_setting_that_says_otherwise_is_told(
    tmp_path: Path, file: bool, says: bool | None
) -> None:
    core = byte_level(bos=file)
    settings = {} if says is None else {"add_bos_token": says}
    opened = open_tokenizer(save_tokenizer(tmp_path / "m", core, **settings))
    assert ids(opened.tokenizer, "a", special=True) == core.encode("a").ids
    caveats = [caveat.asked for caveat in opened.caveats if caveat.code == "bos-from-file"]
    assert caveats == ([says] if says is not None and says != file else [])


def test_a_chat_template_and_special_tokens_survive_the_change_of_pipeline(tmp_path: Path) -> None:
    directory = save_tokenizer(tmp_path / "m", pipeline("cl100k"), kind="GPT2Tokenizer", pad_token="<|end|>")
    (directory / "chat_template.jinja").write_text("{{ messages[0]['content'] }}:")
    opened = open_tokenizer(directory)
    assert opened.caveats
    request = [{"role": "user", "content": "hi"}]
    assert opened.tokenizer.apply_chat_template(request, tokenize=False) == "hi:"
    assert (opened.tokenizer.pad_token, opened.tokenizer.eos_token) == ("<|end|>", "<|end|>")


def test_a_token_that_only_the_configuration_adds_does_not_change_plain_text(tmp_path: Path) -> None:
    core = pipeline("gpt2")
    new = {
        "content": "Paris",
        "special": False,
        "lstrip": False,
        "rstrip": False,
        "normalized": False,
        "single_word": False,
    }
    opened = open_tokenizer(
        save_tokenizer(tmp_path / "m", core, added_tokens_decoder={str(core.get_vocab_size()): new})
    )
    assert ids(opened.tokenizer, "in Paris is") == core.encode("in Paris is", add_special_tokens=False).ids
    assert len(opened.caveats) == 1


def test_other_rules_for_a_special_token_are_told(tmp_path: Path) -> None:
    rules = {"content": BOS, "special": True, "lstrip": True, "rstrip": True, "normalized": False, "single_word": False}
    (caveat,) = open_tokenizer(
        save_tokenizer(tmp_path / "m", pipeline("gpt2"), added_tokens_decoder={"0": rules})
    ).caveats
    assert caveat.code == "special-tokens-configured"


@pytest.mark.parametrize("name", ["gpt2", "llama 3", "gemma", "prepended"])
def test_files_that_agree_are_not_worth_a_word(tmp_path: Path, name: str) -> None:
    assert open_tokenizer(save_tokenizer(tmp_path / "m", pipeline(name), kind="PreTrainedTokenizerFast")).caveats == ()


@pytest.mark.parametrize("kind", ["LlamaTokenizer", "GemmaTokenizer", None])
@pytest.mark.parametrize("dummy_prefix", [True, False])
def test_without_a_file_text_becomes_what_sentencepiece_makes_of_it(
    tmp_path: Path, kind: str | None, dummy_prefix: bool
) -> None:
    from sentencepiece import SentencePieceProcessor

    directory = save_tokenizer(tmp_path / "m", with_fallback("first"), kind=kind)
    (directory / "tokenizer.json").unlink()
    (directory / "tokenizer.model").write_bytes(sentencepiece_model(dummy_prefix=dummy_prefix))
    truth = SentencePieceProcessor(model_file=str(directory / "tokenizer.model"))
    tokenizer = open_tokenizer(directory).tokenizer
    for text in (*UNSEEN, *TELLING):
        assert ids(tokenizer, text) == truth.encode(text), text


@pytest.mark.parametrize("kind", ["CTRLTokenizer", "BertJapaneseTokenizer", "NoSuchTokenizer", "XLNetTokenizer"])
def test_a_class_that_cannot_be_made_of_it_does_not_matter(tmp_path: Path, kind: str) -> None:
    core = pipeline("cl100k")
    opened = open_tokenizer(save_tokenizer(tmp_path / "m", core, kind=kind))
    assert all(ids(opened.tokenizer, text, special=True) == core.encode(text).ids for text in UNSEEN)


def test_what_cannot_be_read_is_one_sentence(tmp_path: Path) -> None:
    directory = save_tokenizer(tmp_path / "m", pipeline("gpt2"))
    whole = (directory / "tokenizer.json").read_text()
    for damage, message in ((whole[:200], "no tokenizer that can be loaded|can't be read"), (None, "has no tokenizer")):
        (directory / "tokenizer.json").unlink() if damage is None else (directory / "tokenizer.json").write_text(damage)
        with pytest.raises(StrataError, match=message) as refused:
            open_tokenizer(directory)
        assert "\n" not in str(refused.value) and refused.value.remedy


def test_code_of_its_own_is_named_and_not_run(tmp_path: Path) -> None:
    directory = save_tokenizer(tmp_path / "m", pipeline("gpt2"), auto_map={"AutoTokenizer": ["own.T", "own.T"]})
    (directory / "own.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    with pytest.raises(StrataError, match="code that comes with the checkpoint") as refused:
        open_tokenizer(directory)
    assert "--trust-remote-code" in refused.value.remedy
    # A pair can be compared all the same: by what its file says.
    stated = stated_tokenizer(directory)
    assert all(ids(stated, text) == pipeline("gpt2").encode(text, add_special_tokens=False).ids for text in UNSEEN)
    assert not (tmp_path / "ran").exists()


def test_a_pair_is_compared_by_the_ids_that_are_used(tmp_path: Path) -> None:
    """The class makes the same of both; the files don't."""
    a, b = (
        str(saved(tmp_path / name, pipeline(of), kind="GPT2Tokenizer"))
        for name, of in (("a", "cl100k"), ("b", "single digits"))
    )
    vocabulary = json.loads((tmp_path / "a" / "tokenizer.json").read_text())["model"]
    other = json.loads((tmp_path / "b" / "tokenizer.json").read_text())
    other["model"] = vocabulary
    (tmp_path / "b" / "tokenizer.json").write_text(json.dumps(other))
    difference = verify_pair(a, b).tokenizer
    assert (
        difference is not None and not difference.moved and any("12345678" in text for text in difference.splits_differ)
    )


def test_keys_of_a_file_that_the_library_does_not_know_reach_no_terminal(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    tiny_tokenizer().save_pretrained(tmp_path)
    file = tmp_path / "tokenizer.json"
    whole = json.loads(file.read_text())
    whole["added_tokens"][0]["\x1b[31mred"] = 1
    file.write_text(json.dumps(whole))
    assert open_tokenizer(tmp_path).tokenizer("a")["input_ids"]
    assert capfd.readouterr() == ("", "")
