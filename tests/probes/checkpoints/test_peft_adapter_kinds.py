"""Every kind of adapter answers as PEFT answers with it beside the weights, or is refused with the cause."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import peft
import pytest
import torch
from safetensors.torch import load_file, save_file
from saved import logits_of, save_directory
from tiny_models import tiny_model, tiny_tokenizer
from transformers import AutoModelForCausalLM, AutoTokenizer

from strata.probes.checkpoints.checkpoint_caveats import CheckpointCaveat
from strata.probes.checkpoints.open_spec import open_checkpoint, open_on_meta
from strata.probes.errors import StrataError
from strata.probes.weights.tensor_source import open_tensors

IDS = (4, 9, 30, 12, 7)
LINEAR = ["q_proj", "down_proj"]


def save_adapter(directory: Path, base: Path, kind: str = "Lora", *, resized: int = 0, **settings: Any) -> Path:
    """A trained adapter of `base`, as PEFT saves it."""
    torch.manual_seed(3)
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    if resized:
        model.resize_token_embeddings(resized)
    config = getattr(peft, f"{kind}Config")(task_type="CAUSAL_LM", **settings)
    adapted = peft.get_peft_model(model, config)
    with torch.no_grad():
        for weight in adapted.parameters():
            if weight.requires_grad:
                weight.add_(0.2 * torch.randn_like(weight))
    adapted.save_pretrained(directory)
    return directory


def beside(base: Path, adapter: Path) -> torch.Tensor:
    """Logits of plain PEFT, nothing merged."""
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    return logits_of(peft.PeftModel.from_pretrained(model, str(adapter)).eval(), IDS)


def refused(spec: str, message: str, remedy: str = "") -> None:
    with pytest.raises(StrataError, match=message) as caught:
        open_checkpoint(spec, device="cpu")
    assert remedy in caught.value.remedy and caught.value.remedy and "\n" not in str(caught.value)


@pytest.mark.parametrize("tied", [False, True], ids=["untied", "tied"])
@pytest.mark.parametrize(
    "settings",
    [
        {"target_modules": [*LINEAR, "lm_head"]},
        {"target_modules": [*LINEAR, "embed_tokens"]},
        {"target_modules": ["embed_tokens", "lm_head"]},
        {"target_modules": [*LINEAR, "embed_tokens"], "use_dora": True},
        {"target_modules": [*LINEAR, "lm_head"], "use_dora": True, "use_rslora": True},
        {"target_modules": LINEAR, "modules_to_save": ["lm_head"]},
        {"target_modules": LINEAR, "modules_to_save": ["embed_tokens"]},
        {"target_modules": LINEAR, "modules_to_save": ["embed_tokens", "lm_head"], "ensure_weight_tying": True},
        {"target_modules": ["embed_tokens"], "modules_to_save": ["lm_head"]},
        {"target_modules": LINEAR, "trainable_token_indices": [3, 40]},
        {"target_modules": LINEAR, "bias": "all"},
    ],
    ids=lambda settings: "-".join([*settings.get("target_modules", ()), *(str(name) for name in settings if name != "target_modules")]),
)  # fmt: skip
def test_an_adapter_of_the_ends_answers_as_it_does_in_peft(
    tmp_path: Path, tied: bool, settings: dict[str, Any]
) -> None:
    base = save_directory(tmp_path / "base", tie_word_embeddings=tied)
    adapter = save_adapter(tmp_path / "lora", base, **settings)
    checkpoint = open_checkpoint(f"{base}+{adapter}", device="cpu")
    logits = logits_of(checkpoint.model, IDS)
    torch.testing.assert_close(logits, beside(base, adapter), atol=2e-4, rtol=1e-4)
    assert not torch.allclose(logits, logits_of(tiny_model("llama", tie_word_embeddings=tied), IDS), atol=1e-2)
    # The read-out is the model's own last step.
    with torch.no_grad():
        streams = checkpoint.model(torch.tensor([IDS]), output_hidden_states=True).hidden_states[-1][0]
    torch.testing.assert_close(
        torch.nn.functional.linear(streams, checkpoint.readout.weight), logits, atol=1e-4, rtol=1e-4
    )


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("IA3", {"target_modules": LINEAR, "feedforward_modules": ["down_proj"]}),
        ("LoHa", {"target_modules": LINEAR}),
        ("LoKr", {"target_modules": LINEAR}),
        ("AdaLora", {"target_modules": LINEAR, "total_step": 10}),
        ("OFT", {"target_modules": LINEAR, "r": 0, "oft_block_size": 4}),
        ("Vera", {"target_modules": ["q_proj"]}),
        ("LNTuning", {"target_modules": ["input_layernorm"]}),
        ("FourierFT", {"target_modules": LINEAR, "n_frequency": 20}),
        ("TrainableTokens", {"target_modules": ["embed_tokens"], "token_indices": [4, 30]}),
    ],
)
def test_other_kinds_that_change_weights_answer_as_in_peft(tmp_path: Path, kind: str, settings: dict[str, Any]) -> None:
    base = save_directory(tmp_path / "base")
    adapter = save_adapter(tmp_path / "a", base, kind, **settings)
    logits = logits_of(open_checkpoint(f"{base}+{adapter}", device="cpu").model, IDS)
    torch.testing.assert_close(logits, beside(base, adapter), atol=2e-4, rtol=1e-4)


@pytest.mark.parametrize(
    ("kind", "settings", "message"),
    [
        ("PromptTuning", {"num_virtual_tokens": 4}, r"\(PROMPT_TUNING\) that can't be merged into weights"),
        ("PrefixTuning", {"num_virtual_tokens": 4}, r"\(PREFIX_TUNING\) that can't be merged into weights"),
        ("PromptEncoder", {"num_virtual_tokens": 4}, r"\(P_TUNING\) that can't be merged into weights"),
        ("AdaptionPrompt", {"adapter_len": 4, "adapter_layers": 2}, r"\(ADAPTION_PROMPT\) that can't be merged"),
        ("Lora", {"target_modules": LINEAR, "alora_invocation_tokens": [5, 6]}, "acts only behind certain tokens"),
        ("Lora", {"target_modules": LINEAR, "layer_replication": [[0, 2], [1, 3]]}, "repeats blocks of its base"),
        ("Lora", {"target_modules": LINEAR, "lora_bias": True}, "can't be merged into weights .*no bias"),
    ],
)  # fmt: skip
def test_a_kind_that_cannot_be_merged_says_so(
    tmp_path: Path, kind: str, settings: dict[str, Any], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = save_directory(tmp_path / "base")
    adapter = save_adapter(tmp_path / "a", base, kind, **settings)
    if "lora_bias" not in settings:
        # Before the base is loaded.
        monkeypatch.setattr("transformers.AutoModelForCausalLM.from_pretrained", lambda *_, **__: pytest.fail("loaded"))
        with pytest.raises(StrataError, match=message):
            open_on_meta(f"{base}+{adapter}")
    refused(f"{base}+{adapter}", message)


def test_a_kind_that_peft_does_not_know_says_so(tmp_path: Path) -> None:
    base = save_directory(tmp_path / "base")
    adapter = save_adapter(tmp_path / "a", base, target_modules=LINEAR)
    settings = json.loads((adapter / "adapter_config.json").read_text())
    (adapter / "adapter_config.json").write_text(json.dumps({**settings, "peft_type": "NEXT_YEARS"}))
    refused(f"{base}+{adapter}", r"of a kind \(NEXT_YEARS\) that PEFT .* doesn't know", "Install a PEFT that knows it")


@pytest.mark.parametrize(
    "settings",
    [
        {"target_modules": LINEAR, "modules_to_save": ["embed_tokens", "lm_head"]},
        {"target_modules": [*LINEAR, "lm_head"]},
        {"target_modules": [*LINEAR, "embed_tokens"]},
    ],
    ids=["saved", "head", "embedding"],
)
def test_a_resized_vocabulary_is_named_with_both_sizes(tmp_path: Path, settings: dict[str, Any]) -> None:
    base = save_directory(tmp_path / "base")
    adapter = save_adapter(tmp_path / "a", base, resized=88, **settings)
    refused(f"{base}+{adapter}", "resized vocabulary: 88 tokens, this base has 80", "Merge it into the resized base")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"hidden_size": 64, "head_dim": 16}, r".*mlp.down_proj writes 64 numbers, its change 32"),
        ({"num_hidden_layers": 5}, "it has weights for 3 blocks, the base has 5"),
        ({"num_hidden_layers": 2}, "it has weights for 3 blocks, the base has 2"),
    ],
)
def test_an_adapter_of_another_shape_says_which(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    adapter = save_adapter(tmp_path / "a", save_directory(tmp_path / "base"), target_modules=LINEAR)
    other = save_directory(tmp_path / "other", **changes)
    refused(f"{other}+{adapter}", f"does not fit this base model: {message}")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda state, name: state.pop(name), "is incomplete .* it holds .*lora_B.weight, but not the lora_A.weight"),
        (lambda state, name: state.update({name: torch.empty(0)}), "holds an empty tensor .*lora_A"),
        (lambda state, name: state[name].fill_(float("nan")), "holds numbers that are not finite .*lora_A"),
        (lambda state, name: state[name].fill_(float("inf")), "holds numbers that are not finite .*lora_A"),
    ],
    ids=["half", "empty", "nan", "inf"],
)
def test_a_damaged_adapter_says_where(tmp_path: Path, damage: Any, message: str) -> None:
    base = save_directory(tmp_path / "base")
    file = save_adapter(tmp_path / "a", base, target_modules=LINEAR) / "adapter_model.safetensors"
    state = load_file(file)
    damage(state, next(name for name in sorted(state) if "lora_A" in name))
    save_file(state, file)
    refused(f"{base}+{tmp_path / 'a'}", message)


def test_a_pair_check_reads_what_an_adapter_of_the_ends_makes(tmp_path: Path) -> None:
    base = save_directory(tmp_path / "base")
    adapter = save_adapter(tmp_path / "a", base, target_modules=["lm_head", "embed_tokens"])
    opened, read = open_checkpoint(f"{base}+{adapter}", device="cpu").model, open_tensors(f"{base}+{adapter}")
    for name, weight in (
        ("lm_head.weight", opened.lm_head.weight),
        ("embed_tokens.weight", opened.model.embed_tokens.weight),
    ):
        torch.testing.assert_close(read.rows(name, 0, 80), weight.detach(), atol=1e-5, rtol=1e-5)


def named(adapter: Path, base: str) -> None:
    settings = json.loads((adapter / "adapter_config.json").read_text())
    (adapter / "adapter_config.json").write_text(json.dumps({**settings, "base_model_name_or_path": base}))


def caveats(base: Path, adapter: Path) -> tuple[CheckpointCaveat, ...]:
    return open_checkpoint(f"{base}+{adapter}", device="cpu").caveats


def test_another_base_than_the_one_given_is_told(tmp_path: Path) -> None:
    base = save_directory(tmp_path / "Some-Base")
    adapter = save_adapter(tmp_path / "a", base, target_modules=LINEAR)
    other = save_directory(tmp_path / "other", seed=1)
    assert caveats(base, adapter) == ()
    (caveat,) = caveats(other, adapter)
    assert caveat == CheckpointCaveat("adapter-of-other-base", adapter=str(adapter), named=str(base), base=str(other))
    for name in ("org/Some-Base", "/not/here/some_base", "org/Some-Base@main", f"{tmp_path}/nothing/Some-Base/"):
        named(adapter, name)
        assert caveats(base, adapter) == (), name
    named(adapter, "org/Another-Base")
    (caveat,) = caveats(base, adapter)
    assert caveat.named == "org/Another-Base"
    assert open_on_meta(f"{base}+{adapter}").caveats == (caveat,)


def test_the_same_base_under_another_path_is_not_worth_a_word(tmp_path: Path) -> None:
    base = save_directory(tmp_path / "base")
    adapter = save_adapter(tmp_path / "a", base, target_modules=LINEAR)
    copy, other = shutil.copytree(base, tmp_path / "copy"), save_directory(tmp_path / "elsewhere", seed=1)
    assert caveats(copy, adapter) == ()
    sharded = save_directory(tmp_path / "sharded", shard="20KB")
    assert caveats(sharded, adapter) == ()
    assert open_on_meta(f"{copy}+{adapter}").caveats == ()
    assert len(caveats(other, adapter)) == 1


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("end", ["lm_head", "embed_tokens"])
def test_a_copy_of_another_bases_weights_is_told(tmp_path: Path, end: str, tied: bool) -> None:
    base = save_directory(tmp_path / "one" / "base", tie_word_embeddings=tied)
    adapter = save_adapter(tmp_path / "a", base, target_modules=[*LINEAR, end])
    half = save_directory(tmp_path / "half" / "base", tie_word_embeddings=tied, dtype=torch.bfloat16)
    other = save_directory(tmp_path / "two" / "base", seed=1, tie_word_embeddings=tied)
    named(adapter, "org/base")
    assert caveats(base, adapter) == caveats(half, adapter) == ()
    (caveat,) = caveats(other, adapter)
    assert caveat.code == "adapter-of-other-weights"
    assert (caveat.tensor, caveat.base) == (f"{end}.weight", str(other))
    # As PEFT does it all the same.
    logits = logits_of(open_checkpoint(f"{other}+{adapter}", device="cpu").model, IDS)
    torch.testing.assert_close(logits, beside(other, adapter), atol=2e-4, rtol=1e-4)


def test_a_tokenizer_of_its_own_is_told_and_not_used(tmp_path: Path) -> None:
    base = save_directory(tmp_path / "base")
    adapter = save_adapter(tmp_path / "a", base, target_modules=LINEAR)
    tokenizer = AutoTokenizer.from_pretrained(base)
    tokenizer.save_pretrained(adapter)
    assert caveats(base, adapter) == ()
    tokenizer.add_tokens(["new0", "new1", "new2"])
    tokenizer.chat_template = "{{ messages[0]['content'] }}"
    tokenizer.save_pretrained(adapter)
    (caveat,) = caveats(base, adapter)
    assert caveat.code == "adapter-tokenizer-unused" and caveat.tokenizer is not None
    assert (caveat.tokenizer.only_b, caveat.new_tokens) == (3, ("new0", "new1", "new2"))
    assert caveat.tokenizer.template == "only B"
    checkpoint = open_checkpoint(f"{base}+{adapter}", device="cpu")
    assert checkpoint.encode("a new0") == open_checkpoint(str(base), device="cpu").encode("a new0")


def test_a_template_alone_is_told(tmp_path: Path) -> None:
    base = save_directory(tmp_path / "base")
    adapter = save_adapter(tmp_path / "a", base, target_modules=LINEAR)
    (adapter / "chat_template.jinja").write_text("{{ messages[0]['content'] }}")
    (caveat,) = caveats(base, adapter)
    assert caveat == CheckpointCaveat("adapter-template-unused", adapter=str(adapter))
    tokenizer = tiny_tokenizer()
    tokenizer.chat_template = "{{ messages[0]['content'] }}"
    tokenizer.save_pretrained(base)
    assert caveats(base, adapter) == ()


def test_a_model_where_an_adapter_belongs_says_so(tmp_path: Path) -> None:
    base = save_directory(tmp_path / "base")
    refused(f"{base}+{base}", "has no adapter_config.json: it is a model, not a PEFT adapter")


def test_an_adapter_that_answers_otherwise_when_merged_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever PEFT's merge of a kind leaves out, what is measured has to be what PEFT runs."""
    base = save_directory(tmp_path / "base")
    adapter = save_adapter(tmp_path / "a", base, target_modules=LINEAR)
    monkeypatch.setattr("peft.tuners.lora.layer.Linear.merge", lambda self, *_, **__: None)
    refused(f"{base}+{adapter}", "merged into the weights answers otherwise than beside them")
