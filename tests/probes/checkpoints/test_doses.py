"""BASE~0.25~DISTILLED is the straight line between two checkpoints' weights; its ends are those checkpoints."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from saved import logits_of, save_directory
from test_peft_adapters import save_adapter
from tiny_models import tiny_model

from strata.probes.checkpoints.open_spec import open_checkpoint, open_on_meta
from strata.probes.checkpoints.spec import Dose, parse_dose, parse_spec
from strata.probes.errors import StrataError

IDS = (4, 9, 30, 12, 7)


@pytest.fixture
def ends(tmp_path: Path) -> tuple[Path, Path]:
    return save_directory(tmp_path / "a"), save_directory(tmp_path / "b", seed=1)


def test_both_ends_are_specs_of_their_own() -> None:
    assert parse_dose("smollm2~0.5~smollm2+think") == Dose("smollm2~0.5~smollm2+think", "smollm2", 0.5, "smollm2+think")
    assert parse_dose("org/name@main+x~1~./a~b") == Dose("org/name@main+x~1~./a~b", "org/name@main+x", 1.0, "./a~b")
    assert parse_dose("smollm2+think") is None
    assert parse_dose("a~b") is None


def test_a_path_that_exists_is_no_dose(tmp_path: Path) -> None:
    odd = tmp_path / "a~0.5~b"
    odd.mkdir()
    assert parse_dose(str(odd)) is None
    assert parse_spec(str(odd)).source == "directory"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("smollm2~1.5~smollm2+think", "no number from 0 to 1"),
        ("smollm2~-0.1~smollm2+think", "no number from 0 to 1"),
        ("smollm2~nan~smollm2+think", "no number from 0 to 1"),
        ("smollm2~half~smollm2+think", "no number from 0 to 1"),
        ("~0.5~smollm2", "names one checkpoint"),
        ("smollm2~0.5~", "names one checkpoint"),
        ("a~0.5~b~0.5~c", "holds 2 doses"),
        ("smollm2~0.5~gpt5", "no checkpoint 'gpt5'"),
    ],
)
def test_what_is_no_dose_is_refused_with_its_reason(text: str, reason: str) -> None:
    with pytest.raises(StrataError, match=reason) as caught:
        open_checkpoint(text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("share", [0.25, 0.5])
def test_every_weight_lies_on_the_line_between(ends: tuple[Path, Path], share: float) -> None:
    mixed = open_checkpoint(f"{ends[0]}~{share}~{ends[1]}").model.state_dict()
    first, second = tiny_model("llama").state_dict(), tiny_model("llama", seed=1).state_dict()
    assert mixed.keys() == first.keys()
    for name, weight in mixed.items():
        expected = ((1 - share) * first[name].double() + share * second[name].double()).float()
        torch.testing.assert_close(weight, expected, atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize(("share", "end"), [("0", 0), ("1.0", 1)])
def test_the_ends_are_the_checkpoints_themselves(ends: tuple[Path, Path], share: str, end: int) -> None:
    mixed, own = open_checkpoint(f"{ends[0]}~{share}~{ends[1]}"), open_checkpoint(str(ends[end]))
    for name, weight in own.model.state_dict().items():
        assert torch.equal(mixed.model.state_dict()[name], weight), name
    assert mixed.identity.parts == own.identity.parts
    assert mixed.identity.spec == f"{ends[0]}~{share}~{ends[1]}"


def test_the_identity_between_names_both_ends_and_the_share(ends: tuple[Path, Path]) -> None:
    first, second = (open_checkpoint(str(end)).identity for end in ends)
    mixed = open_checkpoint(f"{ends[0]}~0.250~{ends[1]}").identity
    assert mixed.weights_sha256 == f"{first.weights_sha256}~0.25~{second.weights_sha256}"
    assert mixed.source == "directory~directory"
    assert mixed.parts != open_checkpoint(f"{ends[0]}~0.5~{ends[1]}").identity.parts
    assert mixed.parts != open_checkpoint(f"{ends[1]}~0.25~{ends[0]}").identity.parts


def test_half_an_adapter_is_half_its_change(tmp_path: Path) -> None:
    base = save_directory(tmp_path / "base")
    adapter = save_adapter(tmp_path / "lora")
    half = open_checkpoint(f"{base}~0.5~{base}+{adapter}").model.state_dict()
    whole = open_checkpoint(f"{base}+{adapter}").model.state_dict()
    for name, weight in tiny_model("llama").state_dict().items():
        torch.testing.assert_close(half[name], (weight + whole[name]) / 2, atol=1e-6, rtol=1e-6)


def test_one_matrix_for_both_ends_of_the_model_moves_once_and_two_stay_two(tmp_path: Path) -> None:
    tied = [save_directory(tmp_path / f"tied{seed}", "qwen2", seed=seed) for seed in (0, 1)]
    apart = save_directory(tmp_path / "apart", "qwen2", seed=2, tie_word_embeddings=False)
    first, second = (tiny_model("qwen2", seed=seed).get_input_embeddings().weight for seed in (0, 1))
    both = open_checkpoint(f"{tied[0]}~0.25~{tied[1]}").model
    assert both.get_input_embeddings().weight is both.get_output_embeddings().weight
    torch.testing.assert_close(both.get_input_embeddings().weight, torch.lerp(first, second, 0.25))
    other = tiny_model("qwen2", seed=2, tie_word_embeddings=False)
    for spec, share in ((f"{tied[0]}~0.25~{apart}", 0.25), (f"{apart}~0.75~{tied[0]}", 0.25)):
        two = open_checkpoint(spec).model
        for mixed, there in (
            (two.get_input_embeddings().weight, other.get_input_embeddings().weight),
            (two.get_output_embeddings().weight, other.get_output_embeddings().weight),
        ):
            torch.testing.assert_close(mixed, torch.lerp(first, there, share), atol=1e-6, rtol=1e-6)


def test_half_precision_is_mixed_in_full_and_rounded_once(ends: tuple[Path, Path]) -> None:
    mixed = open_checkpoint(f"{ends[0]}~0.3~{ends[1]}", dtype="bfloat16").model.state_dict()
    first, second = (tiny_model("llama", seed=seed).bfloat16().state_dict() for seed in (0, 1))
    for name, weight in mixed.items():
        assert torch.equal(weight, torch.lerp(first[name].float(), second[name].float(), 0.3).bfloat16()), name


@pytest.mark.parametrize("share", ["0", "0.5", "1"])
@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"intermediate_size": 64}, r"is \(32, 48\) in .* and \(32, 64\) in"),
        ({"num_hidden_layers": 2}, "weights that .* lacks"),
        ({"architecture": "gpt2"}, "is a LlamaForCausalLM and .* a GPT2LMHeadModel"),
    ],
)
def test_checkpoints_of_other_shapes_have_nothing_between(
    tmp_path: Path, share: str, changes: dict[str, Any], reason: str
) -> None:
    base, other = save_directory(tmp_path / "a"), save_directory(tmp_path / "b", **changes)
    for opened in (open_checkpoint, open_on_meta):
        with pytest.raises(StrataError, match=reason):
            opened(f"{base}~{share}~{other}")


def test_other_settings_and_tokenizers_are_caveats_between_the_ends(tmp_path: Path) -> None:
    base = save_directory(tmp_path / "a")
    other = save_directory(tmp_path / "b", seed=1, rms_norm_eps=1e-3)
    caveats = open_checkpoint(f"{base}~0.5~{other}").caveats
    assert [caveat.settings for caveat in caveats] == [(("norm epsilon", "1e-06", "0.001"),)]
    assert open_checkpoint(f"{base}~0~{other}").caveats == ()


def test_a_dose_measures_what_its_weights_say(ends: tuple[Path, Path]) -> None:
    opened = open_checkpoint(f"{ends[0]}~0.5~{ends[1]}")
    by_hand = tiny_model("llama")
    for mine, other in zip(by_hand.parameters(), tiny_model("llama", seed=1).parameters(), strict=True):
        mine.data = (mine.data + other.data) / 2
    torch.testing.assert_close(logits_of(opened.model, IDS), logits_of(by_hand, IDS), atol=1e-5, rtol=1e-5)


def test_files_of_one_checkpoint_are_not_read_from_between_two() -> None:
    with pytest.raises(StrataError, match="lies between two checkpoints"):
        parse_spec("smollm2~0.5~smollm2+think")
