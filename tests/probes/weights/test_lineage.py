"""A base is recognised, a wrong one refused, and what can't be told is called unclear: on pairs made up here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file, save_file
from saved import save_gguf
from tiny_models import tiny_model, tiny_tokenizer
from transformers import PreTrainedTokenizerFast

from strata.dashboards.sentences.tokenizer_difference import tokenizer_differences
from strata.probes.checkpoints.known_model_pairs import PAIRS, known_pair
from strata.probes.checkpoints.short_names import KNOWN
from strata.probes.checkpoints.spec import parse_spec
from strata.probes.errors import NotFetchedError, StrataError
from strata.probes.weights.lineage import hub_id_of, verify_pair


def save(directory: Path, model: Any, tokenizer: PreTrainedTokenizerFast | None = None, shard: str = "5GB") -> str:
    model.save_pretrained(directory, max_shard_size=shard)
    (tokenizer or tiny_tokenizer()).save_pretrained(directory)
    return str(directory)


def nudged(model: Any, strength: float, only: str = "", seed: int = 5) -> Any:
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if only in name:
                size = parameter.float().square().mean().sqrt()
                noise = torch.randn(parameter.shape, generator=generator)
                parameter.add_((strength * size * noise).to(parameter.dtype))
    return model


@pytest.fixture
def base(tmp_path: Path) -> str:
    return save(tmp_path / "base", tiny_model("llama"))


@pytest.mark.parametrize(
    ("strength", "verdict"),
    [(0.001, "base"), (0.02, "base"), (0.1, "base"), (0.5, "unclear"), (1.0, "unclear"), (10.0, "not the base")],
)
def test_noise_of_every_strength_gets_the_verdict_its_cosine_deserves(
    tmp_path: Path, base: str, strength: float, verdict: str
) -> None:
    check = verify_pair(base, save(tmp_path / "b", nudged(tiny_model("llama"), strength)))
    assert check.verdict == verdict
    assert check.closeness is not None
    assert check.closeness.median_cosine == pytest.approx(1 / (1 + strength**2) ** 0.5, abs=0.02)
    assert check.ok == (verdict == "base") and check.reasons and check.judged_by == "weights"


def test_a_lora_pair_is_a_base(tmp_path: Path, base: str) -> None:
    torch.manual_seed(0)
    adapted = get_peft_model(tiny_model("llama"), LoraConfig(r=4, target_modules=["q_proj", "v_proj"]))
    for name, parameter in adapted.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.5)
    adapted.save_pretrained(tmp_path / "lora")
    check = verify_pair(base, f"{base}+{tmp_path / 'lora'}")
    assert check.verdict == "base" and check.closeness is not None
    assert 0.6 < check.closeness.identical < 0.8, "q and v of seven matrices were adapted"


def test_another_initialisation_is_not_the_base_although_its_norms_are_alike(tmp_path: Path, base: str) -> None:
    check = verify_pair(base, save(tmp_path / "b", tiny_model("llama", seed=7)))
    assert check.verdict == "not the base" and "independently initialised" in check.reasons[0]
    norms = [change.cosine or 0 for change in check.tensors if change.matrix == "norms"]
    assert min(norms) > 0.8, "else this test would show nothing about norms"


@pytest.mark.parametrize("how", ["itself", "shards", "bfloat16"])
def test_the_same_weights_are_called_so_however_they_are_stored(tmp_path: Path, base: str, how: str) -> None:
    other = {
        "itself": lambda: base,
        "shards": lambda: save(tmp_path / "b", tiny_model("llama"), shard="20KB"),
        "bfloat16": lambda: save(tmp_path / "b", tiny_model("llama", dtype=torch.bfloat16)),
    }[how]()
    check = verify_pair(base, other)
    assert check.verdict == "same weights" and check.ok


def test_one_heavily_changed_block_does_not_hide_the_base(tmp_path: Path, base: str) -> None:
    check = verify_pair(base, save(tmp_path / "b", nudged(tiny_model("llama"), 10, only="layers.1.")))
    assert check.verdict == "base" and check.closeness is not None
    assert "layers.1." in check.closeness.lowest and check.closeness.lowest_cosine < 0.3


def test_a_sibling_is_told_from_the_base_by_candidates(tmp_path: Path, base: str) -> None:
    """Both are close to B; only the true one is nearest in every matrix."""
    sibling = save(tmp_path / "sibling", nudged(tiny_model("llama"), 0.05, seed=1))
    distilled = save(tmp_path / "b", nudged(tiny_model("llama"), 0.08, seed=2))
    stranger = save(tmp_path / "stranger", tiny_model("llama", seed=9))
    alone = verify_pair(sibling, distilled)
    assert alone.verdict == "base", "closeness alone can't tell"
    wrong = verify_pair(sibling, distilled, candidates=[base, stranger])
    assert (wrong.verdict, wrong.hint) == ("not the base", base)
    assert [candidate.spec for candidate in wrong.candidates] == [base, sibling, stranger]
    right = verify_pair(base, distilled, candidates=[sibling])
    assert right.verdict == "base" and right.candidates[0].nearest_in == 1.0
    assert right.candidates[0].distance == pytest.approx(0.08, rel=0.1)
    assert right.candidates[1].distance == pytest.approx((0.08**2 + 0.05**2) ** 0.5, rel=0.1)


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"num_hidden_layers": 4}, "blocks: 3 in A, 4 in B"),
        ({"hidden_size": 64}, "width: 32 in A, 64 in B"),
        ({"intermediate_size": 64}, "MLP width: 48 in A, 64 in B"),
    ],
)
def test_another_shape_is_not_the_base(tmp_path: Path, base: str, changes: dict[str, Any], what: str) -> None:
    check = verify_pair(base, save(tmp_path / "b", tiny_model("llama", **changes)))
    assert check.verdict == "not the base" and what in check.reasons


def test_what_a_configuration_leaves_unsaid_is_no_difference(tmp_path: Path, base: str) -> None:
    other = Path(save(tmp_path / "b", tiny_model("llama"))) / "config.json"
    settings = json.loads(other.read_text())
    assert settings.pop("head_dim") == 8
    other.write_text(json.dumps(settings))
    assert verify_pair(base, str(other.parent)).architecture == ()


def test_another_rope_is_told_and_decides_nothing(tmp_path: Path, base: str) -> None:
    rope = {"rope_type": "default", "rope_theta": 1e6}
    check = verify_pair(base, save(tmp_path / "b", nudged(tiny_model("llama", rope_parameters=rope), 0.05)))
    assert check.verdict == "base"
    assert [(difference.what, difference.a, difference.b) for difference in check.architecture] == [
        ("rope theta", 10000.0, 1e6)
    ]


def test_a_candidate_that_is_not_there_is_refused_before_anything_is_read(tmp_path: Path, base: str) -> None:
    read: list[str] = []

    def listen(stage: str, done: int, total: int | None, unit: str) -> None:
        read.append(stage)

    with pytest.raises(StrataError, match="no file or directory"):
        verify_pair(base, base, candidates=["./nowhere"], progress=listen)
    assert not read


def test_another_architecture_is_not_the_base(tmp_path: Path, base: str) -> None:
    check = verify_pair(base, save(tmp_path / "b", tiny_model("gpt2")))
    assert check.verdict == "not the base" and "architecture: llama in A, gpt2 in B" in check.reasons
    assert check.closeness is None


def test_an_extended_vocabulary_keeps_its_base(tmp_path: Path, base: str) -> None:
    model, tokenizer = nudged(tiny_model("llama"), 0.05), tiny_tokenizer()
    tokenizer.add_tokens(["<think>", "</think>"])
    model.resize_token_embeddings(96)
    check = verify_pair(base, save(tmp_path / "b", model, tokenizer))
    assert check.verdict == "base" and check.tokenizer is not None
    assert (check.tokenizer.only_b, check.tokenizer.moved, check.tokenizer.same_ids) == (2, 0, True)
    assert "'<think>' only B" in check.tokenizer.examples
    assert [(difference.what, difference.a, difference.b) for difference in check.architecture] == [
        ("vocabulary rows", 80, 96)
    ]


def test_a_tied_and_an_untied_copy_are_a_pair(tmp_path: Path) -> None:
    tied, untied = tiny_model("llama", tie_word_embeddings=True), tiny_model("llama")
    untied.load_state_dict(tied.state_dict())
    a, b = save(tmp_path / "a", tied), save(tmp_path / "b", nudged(untied, 0.05))
    check = verify_pair(a, b)
    assert check.verdict == "base" and not [change for change in check.tensors if change.moments is None]
    assert "tied unembedding" in [difference.what for difference in check.architecture]


def test_tokenizer_differences_are_told_apart(tmp_path: Path, base: str) -> None:
    tokenizer = tiny_tokenizer(adds_bos=True)
    tokenizer.chat_template = "{{ messages[0]['content'] }}"
    tokenizer.eos_token = "<unk>"
    core = json.loads(tokenizer.backend_tokenizer.to_str())
    vocabulary = core["model"]["vocab"]
    vocabulary["a"], vocabulary["b"] = vocabulary["b"], vocabulary["a"]
    swapped = PreTrainedTokenizerFast(
        tokenizer_object=type(tokenizer.backend_tokenizer).from_str(json.dumps(core)),
        pad_token="<pad>", bos_token="<s>", eos_token="<unk>", unk_token="<unk>",
        chat_template=tokenizer.chat_template,
    )  # fmt: skip
    check = verify_pair(base, save(tmp_path / "b", tiny_model("llama"), swapped))
    difference = check.tokenizer
    assert difference is not None and not difference.same_ids
    assert (difference.moved, difference.only_a, difference.only_b) == (2, 0, 0)
    assert difference.special == {"eos_token": ("</s>", "<unk>")}
    assert (difference.bos, difference.eos, difference.template) == ((False, True), (False, False), "only B")
    sentences = " · ".join(tokenizer_differences(difference))
    assert (
        "2 with another id" in sentences
        and "BOS before every text: B only" in sentences
        and "chat template: only B" in sentences
    )
    assert any("another id" in reason for reason in check.reasons)


def test_equal_tokenizers_differ_in_nothing(base: str) -> None:
    check = verify_pair(base, base)
    assert (
        check.tokenizer is not None
        and check.tokenizer.same
        and tokenizer_differences(check.tokenizer) == []
        and check.architecture == ()
    )


def test_the_mistake_of_pairing_a_math_distillation_with_the_general_base_is_named(tmp_path: Path) -> None:
    """Directories named as on the hub; the general model is a sibling far away, as after long further pre-training."""
    math = tiny_model("llama")
    distilled = save(tmp_path / "DeepSeek-R1-Distill-Qwen-7B", nudged(tiny_model("llama"), 0.05))
    general = save(tmp_path / "Qwen2.5-7B", nudged(tiny_model("llama"), 0.5, seed=8))
    right = save(tmp_path / "Qwen2.5-Math-7B", math)
    check = verify_pair(general, distilled)
    assert (check.verdict, check.hint) == ("not the base", "Qwen/Qwen2.5-Math-7B")
    assert "was trained from Qwen/Qwen2.5-Math-7B, not from Qwen/Qwen2.5-7B" in check.reasons[0]
    agreed = verify_pair(right, distilled)
    assert agreed.verdict == "base" and agreed.hint is None and "the registry agrees" in agreed.reasons[0]


def test_a_name_never_makes_an_unrelated_model_a_base(tmp_path: Path) -> None:
    base = save(tmp_path / "Qwen2.5-Math-7B", tiny_model("llama"))
    check = verify_pair(base, save(tmp_path / "DeepSeek-R1-Distill-Qwen-7B", tiny_model("llama", seed=4)))
    assert check.verdict == "not the base"


def test_close_weights_that_the_registry_contradicts_are_unclear(tmp_path: Path) -> None:
    base = save(tmp_path / "Llama-3.1-8B-Instruct", tiny_model("llama"))
    check = verify_pair(base, save(tmp_path / "DeepSeek-R1-Distill-Llama-8B", nudged(tiny_model("llama"), 0.05)))
    assert (check.verdict, check.hint) == ("unclear", "meta-llama/Llama-3.1-8B")


def test_a_pair_given_the_wrong_way_round_is_named(tmp_path: Path) -> None:
    base = save(tmp_path / "Qwen2.5-Math-7B", tiny_model("llama"))
    distilled = save(tmp_path / "DeepSeek-R1-Distill-Qwen-7B", nudged(tiny_model("llama"), 0.05))
    check = verify_pair(distilled, base)
    assert check.verdict == "not the base" and "wrong way round" in check.reasons[0]


@pytest.mark.parametrize(
    ("a", "b", "verdict"),
    [
        ("qwen2.5-math-7b", "r1-distill-qwen-7b", "base"),
        ("qwen2.5-7b", "r1-distill-qwen-7b", "not the base"),
        ("r1-distill-qwen-7b", "qwen2.5-math-7b", "not the base"),
        ("llama-3.1-8b-instruct", "huatuogpt-o1-8b", "unclear"),
        ("qwen2.5-7b", "someone/something", "unclear"),
    ],
)
def test_names_alone_are_judged_by_the_registry_and_said_to_be(a: str, b: str, verdict: str) -> None:
    check = verify_pair(a, b, weights=False)
    assert (check.verdict, check.judged_by) == (verdict, "names")
    assert check.reasons[-1] == "judged by name only: the weights were not asked for" and check.tensors == ()


def test_known_names_are_judged_by_name_when_the_hub_is_out_of_reach(
    monkeypatch: pytest.MonkeyPatch, base: str
) -> None:
    def unreachable(*_: Any, **__: Any) -> None:
        raise NotFetchedError("it is not in the local cache and the hub can't be reached", "Connect once")

    monkeypatch.setattr("strata.probes.checkpoints.open_spec.hub_directory", unreachable)
    check = verify_pair("qwen2.5-7b", "r1-distill-qwen-7b")
    assert (check.verdict, check.judged_by) == ("not the base", "names") and "hub can't be reached" in check.reasons[-1]
    assert check.unfetched and not verify_pair("qwen2.5-7b", "r1-distill-qwen-7b", weights=False).unfetched
    with pytest.raises(StrataError, match="hub can't be reached"):
        verify_pair("qwen2.5-7b", base)


@pytest.mark.parametrize(
    ("a", "b", "verdict", "words"),
    [
        ("smollm2", "smollm2+think", "base", "the registry agrees"),
        ("smollm2", "smollm2+plain", "base", "recorded with its hash"),
        ("smollm2+think", "smollm2+plain", "not the base", "was trained from smollm2, not from smollm2+think"),
        ("smollm2+think", "smollm2", "not the base", "the wrong way round"),
    ],
)
def test_the_shipped_pair_is_registered(a: str, b: str, verdict: str, words: str) -> None:
    check = verify_pair(a, b, weights=False)
    assert check.verdict == verdict and words in check.reasons[0]
    assert check.hint == ("smollm2" if (a, b) == ("smollm2+think", "smollm2+plain") else None)


@pytest.mark.parametrize(
    ("named", "verdict"),
    [("Qwen/Qwen2.5-Math-7B", "base"), ("qwen/qwen2.5-7b", "unclear"), ("somewhere/else", "base"), (None, "base")],
)
def test_an_adapter_that_names_another_base_leaves_the_pair_unclear(
    tmp_path: Path, named: str | None, verdict: str
) -> None:
    base = save(tmp_path / "Qwen2.5-Math-7B", tiny_model("llama"))
    adapter = tmp_path / "lora"
    get_peft_model(tiny_model("llama"), LoraConfig(r=2, target_modules=["q_proj"])).save_pretrained(adapter)
    file = adapter / "adapter_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"base_model_name_or_path": named}))
    # What was never trained adds nothing: one step of training that shows.
    weights = load_file(adapter / "adapter_model.safetensors")
    save_file(
        {name: torch.full_like(tensor, 0.05) for name, tensor in weights.items()}, adapter / "adapter_model.safetensors"
    )
    check = verify_pair(base, f"{base}+{adapter}")
    assert check.verdict == verdict
    sentence = f"names {named} as its base, and is added to Qwen/Qwen2.5-Math-7B here"
    assert any(sentence in reason for reason in check.reasons) == (verdict == "unclear")


@pytest.mark.parametrize("spec", ["{base}+{plain}+{foreign}", "{base}+{foreign}"])
def test_any_adapter_of_either_model_may_name_another_base(tmp_path: Path, spec: str) -> None:
    base = save(tmp_path / "Qwen2.5-Math-7B", tiny_model("llama"))
    paths = {}
    for name, of in (("plain", None), ("foreign", "qwen/qwen2.5-7b")):
        paths[name] = str(tmp_path / name)
        get_peft_model(tiny_model("llama"), LoraConfig(r=2, target_modules=["q_proj"])).save_pretrained(paths[name])
        file = tmp_path / name / "adapter_config.json"
        file.write_text(json.dumps(json.loads(file.read_text()) | {"base_model_name_or_path": of}))
        weights = load_file(tmp_path / name / "adapter_model.safetensors")
        save_file(
            {name: torch.full_like(tensor, 0.03) for name, tensor in weights.items()},
            tmp_path / name / "adapter_model.safetensors",
        )
    with_foreign = spec.format(base=base, **paths)
    for a, b in ((base, with_foreign), (with_foreign, f"{base}+{paths['plain']}")):
        check = verify_pair(a, b)
        reasons = [
            reason for reason in check.reasons if f"the adapter {paths['foreign']} names qwen/qwen2.5-7b" in reason
        ]
        assert check.verdict in ("unclear", "same weights") and len(reasons) == 1


def test_an_ambiguous_entry_turns_no_verdict(tmp_path: Path) -> None:
    base = save(tmp_path / "Llama-3.1-8B", tiny_model("llama"))
    check = verify_pair(base, save(tmp_path / "HuatuoGPT-o1-8B", nudged(tiny_model("llama"), 0.05)))
    assert check.verdict == "base" and "probably trained from meta-llama/Llama-3.1-8B-Instruct" in check.reasons[0]


def test_a_gguf_file_is_compared_through_the_cache(tmp_path: Path) -> None:
    model = save_gguf(tmp_path / "model.gguf")
    tuned = save(tmp_path / "b", nudged(model, 0.05))
    check = verify_pair(str(tmp_path / "model.gguf"), tuned)
    assert check.verdict == "base" and not [change for change in check.tensors if change.moments is None]
    assert check.closeness is not None and check.closeness.distance == pytest.approx(0.05, rel=0.05)
    converted = next((tmp_path / "cache" / "gguf").glob("*/model.safetensors"))
    made = converted.stat().st_mtime_ns
    assert verify_pair(str(tmp_path / "model.gguf"), str(tmp_path / "model.gguf")).verdict == "same weights"
    assert converted.stat().st_mtime_ns == made, "converted once"


@pytest.mark.model
def test_the_embedded_model_is_read_without_being_built() -> None:
    check = verify_pair("smollm2", "smollm2")
    assert check.verdict == "same weights" and check.closeness is not None
    assert check.closeness.matrices == 30 * 7 and len(check.tensors) == 30 * 9 + 2


def test_the_hub_id_of_a_cached_directory_is_known(tmp_path: Path) -> None:
    snapshot = tmp_path / "models--Qwen--Qwen2.5-7B" / "snapshots" / "abc"
    snapshot.mkdir(parents=True)
    assert hub_id_of(str(snapshot)) == "Qwen/Qwen2.5-7B"
    assert hub_id_of(f"{snapshot}+lora") is None and hub_id_of("smollm2") is None
    assert hub_id_of(str(tmp_path)) is None


def test_the_registry_holds_together() -> None:
    named = {name.lower() for name in KNOWN.values()}
    assert len({pair.distilled.lower() for pair in PAIRS}) == len(PAIRS)
    for pair in PAIRS:
        assert pair.base != pair.distilled and pair.base not in pair.mistaken and pair.stated
        base, distilled = parse_spec(pair.base), parse_spec(pair.distilled)
        assert distilled.source == base.source and base.source in ("hub", "embedded")
        assert pair.base.lower() in named or base.source == "embedded", "every base has a name that can be typed"
    known = known_pair("DEEPSEEK-AI/deepseek-r1-distill-llama-70b")
    assert known is not None and known.base.endswith("Llama-3.3-70B-Instruct")
