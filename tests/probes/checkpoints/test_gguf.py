"""A GGUF file opens as the model it was made from; a damaged one is refused before its weights are read."""

from __future__ import annotations

import copy
import shutil
from pathlib import Path

import pytest
import torch
from peft import LoraConfig, get_peft_model
from saved import logits_of, save_gguf
from tiny_models import tiny_tokenizer

from strata.probes.checkpoints.open_spec import open_checkpoint, open_on_meta
from strata.probes.errors import StrataError
from strata.probes.verification.parity import measure_parity
from strata.probes.weights.lineage import verify_pair
from strata.probes.weights.tensor_source import open_tensors

IDS = (4, 9, 30, 12, 7)


def test_a_gguf_file_has_the_logits_of_the_model_it_was_made_from(tmp_path: Path) -> None:
    model = save_gguf(tmp_path / "m.gguf")
    checkpoint = open_checkpoint(str(tmp_path / "m.gguf"))
    torch.testing.assert_close(logits_of(checkpoint.model, IDS), logits_of(model, IDS), atol=1e-5, rtol=1e-5)
    assert checkpoint.identity.source == "gguf"
    assert checkpoint.encode("!#")


def test_what_lies_beside_a_gguf_file_is_no_part_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRATA_CACHE", str(tmp_path / "cache"))
    model = save_gguf(tmp_path / "m.gguf")
    before = open_checkpoint(str(tmp_path / "m.gguf"))
    adapted = get_peft_model(copy.deepcopy(model), LoraConfig(r=2, target_modules=["q_proj"], init_lora_weights=False))
    adapted.save_pretrained(tmp_path)
    tiny_tokenizer().save_pretrained(tmp_path)
    (tmp_path / "chat_template.jinja").write_text("{{ messages }}")
    after = open_checkpoint(str(tmp_path / "m.gguf"))
    assert torch.equal(logits_of(after.model, IDS), logits_of(before.model, IDS))
    assert after.encode("!#") == before.encode("!#") == open_on_meta(str(tmp_path / "m.gguf")).encode("!#")
    assert after.identity == before.identity and after.tokenizer.chat_template is None
    # What is kept for comparing is made of the file alone, too.
    assert verify_pair(str(tmp_path / "m.gguf"), str(tmp_path / "m.gguf")).verdict == "same weights"


def test_every_backend_agrees_on_a_gguf_model(tmp_path: Path) -> None:
    save_gguf(tmp_path / "m.gguf")
    agreement = measure_parity(open_checkpoint(str(tmp_path / "m.gguf")))
    assert agreement.ok
    assert not agreement.unavailable


def test_a_gguf_model_can_be_saved_again(tmp_path: Path) -> None:
    model = save_gguf(tmp_path / "m.gguf")
    checkpoint = open_checkpoint(str(tmp_path / "m.gguf"))
    checkpoint.model.save_pretrained(tmp_path / "again")
    checkpoint.tokenizer.save_pretrained(tmp_path / "again")
    again = open_checkpoint(str(tmp_path / "again"))
    torch.testing.assert_close(logits_of(again.model, IDS), logits_of(model, IDS), atol=1e-5, rtol=1e-5)


def test_the_weight_hash_is_of_what_is_stored_and_nothing_is_drawn(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        save_gguf(tmp_path / f"{name}.gguf", seed)
    capfd.readouterr()
    full = open_checkpoint(str(tmp_path / "a.gguf"), dtype="float32")
    half = open_checkpoint(str(tmp_path / "b.gguf"), dtype="bfloat16")
    other = open_checkpoint(str(tmp_path / "c.gguf"))
    assert half.dtype == torch.bfloat16
    assert full.identity.weights_sha256 == half.identity.weights_sha256 != other.identity.weights_sha256
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("kept", [4, 40, 0.3, 0.9, -1])
def test_a_truncated_gguf_is_refused(tmp_path: Path, kept: float) -> None:
    file = tmp_path / "m.gguf"
    save_gguf(file)
    data = file.read_bytes()
    file.write_bytes(data[: int(kept * len(data))] if 0 < kept < 1 else data[: int(kept)])
    with pytest.raises(StrataError, match=r"truncated or damaged|its tensors need|more than it can hold") as caught:
        open_checkpoint(str(file))
    assert "\n" not in str(caught.value)


def test_a_file_that_is_no_gguf_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "m.gguf"
    file.write_bytes(b"PK\x03\x04 a wheel, perhaps")
    with pytest.raises(StrataError, match="does not start with the GGUF mark"):
        open_checkpoint(str(file))


def test_an_empty_gguf_is_refused(tmp_path: Path) -> None:
    (tmp_path / "m.gguf").touch()
    with pytest.raises(StrataError, match="GGUF"):
        open_checkpoint(str(tmp_path / "m.gguf"))


def test_a_conversion_that_was_damaged_since_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRATA_CACHE", str(tmp_path / "cache"))
    save_gguf(tmp_path / "m.gguf")

    def weights() -> dict[str, torch.Tensor]:
        source = open_tensors(str(tmp_path / "m.gguf"))
        return {name: source.rows(name, 0, stored.shape[0]).clone() for name, stored in source.tensors.items()}

    before = weights()
    (kept,) = (tmp_path / "cache" / "gguf").glob("*/model.safetensors")
    content = bytearray(kept.read_bytes())
    content[-1] ^= 0x40
    kept.write_bytes(content)
    assert all(torch.equal(after, before[name]) for name, after in weights().items())
    shutil.rmtree(tmp_path / "cache" / "gguf")
    (tmp_path / "cache" / "gguf").write_text("no folder")
    assert all(torch.equal(after, before[name]) for name, after in weights().items())
