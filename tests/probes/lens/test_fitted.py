"""Fitted lenses are made once, survive damage, and are never used with another model; the text they see is the model's."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tiny_models import VOCAB_SIZE, tiny_checkpoint

from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.errors import StrataError
from strata.probes.lens import fitted
from strata.probes.lens.fitted import belongs_to, jacobian_lens, read_fitted, tuned_lens
from strata.probes.lens.fitting_text import sample_text, text_tokens
from strata.probes.lens.jacobian import JacobianSettings
from strata.probes.lens.tuned import Tuning

SMALL = Tuning(n_tokens=1024, steps=3, judged=32)


@pytest.fixture
def checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Checkpoint:
    monkeypatch.setenv("STRATA_CACHE", str(tmp_path / "cache"))
    return tiny_checkpoint("llama")


def only_file(tmp_path: Path) -> Path:
    (file,) = (tmp_path / "cache" / "lenses").iterdir()
    return file


def test_a_lens_is_fitted_once_and_then_read(
    checkpoint: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = tuned_lens(checkpoint, SMALL).fit
    monkeypatch.setattr(fitted, "fit_tuned", None)  # a second fit would fail
    read = tuned_lens(checkpoint, SMALL).fit
    assert torch.equal(read.tuned.matrices, made.tuned.matrices) and torch.equal(read.bias.bias, made.bias.bias)
    assert read.chosen == made.chosen and read.held_out.keys() == made.held_out.keys()
    assert only_file(tmp_path).name.startswith("tuned-")


@pytest.mark.parametrize("damage", ["truncated", "flipped", "emptied", "relabelled"])
def test_a_damaged_file_is_fitted_again(checkpoint: Checkpoint, tmp_path: Path, damage: str) -> None:
    settings = JacobianSettings(n_prompts=1)
    made = jacobian_lens(checkpoint, settings)
    file = only_file(tmp_path)
    whole = file.read_bytes()
    flipped = whole[:-1] + bytes([whole[-1] ^ 1])
    relabelled = whole.replace(b'"version":"1"', b'"version":"2"')
    assert relabelled != whole
    damaged = {"truncated": whole[: len(whole) // 2], "flipped": flipped, "emptied": b"", "relabelled": relabelled}
    file.write_bytes(damaged[damage])
    again = jacobian_lens(checkpoint, settings)
    assert torch.equal(made.matrices, again.matrices)
    assert only_file(tmp_path).stat().st_size == len(whole)


def test_a_lens_of_another_model_is_refused(checkpoint: Checkpoint, tmp_path: Path) -> None:
    jacobian_lens(checkpoint, JacobianSettings(n_prompts=1))
    right = belongs_to(checkpoint, "jacobian", {"text": "any"})
    other = replace(right, weights_sha256="0" * 64)
    with pytest.raises(StrataError, match="weights sha256"):
        read_fitted(only_file(tmp_path), other)
    with pytest.raises(StrataError, match="readout"):
        read_fitted(only_file(tmp_path), replace(right, readout="0" * 64))


def test_other_settings_and_other_texts_are_other_lenses(checkpoint: Checkpoint, tmp_path: Path) -> None:
    text = tmp_path / "text.txt"
    text.write_text("Paris is in France . " * 200)
    for settings, file in (
        (JacobianSettings(1), None),
        (JacobianSettings(1, seed=1), None),
        (JacobianSettings(1), text),
    ):
        jacobian_lens(checkpoint, settings, text=file)
    assert len(list((tmp_path / "cache" / "lenses").iterdir())) == 3


def test_a_text_is_known_by_what_stands_in_it(checkpoint: Checkpoint, tmp_path: Path) -> None:
    text, moved = tmp_path / "text.txt", tmp_path / "moved.txt"
    text.write_text("Paris is in France . " * 200)
    jacobian_lens(checkpoint, JacobianSettings(1), text=text)
    text.rename(moved)
    jacobian_lens(checkpoint, JacobianSettings(1), text=moved)
    assert only_file(tmp_path)
    moved.write_text("France is in Paris . " * 200)
    jacobian_lens(checkpoint, JacobianSettings(1), text=moved)
    assert len(list((tmp_path / "cache" / "lenses").iterdir())) == 2


def test_sampled_text_follows_the_models_own_predictions() -> None:
    """Nearly at temperature 0 it is the greedy continuation computed without a cache."""
    checkpoint = tiny_checkpoint("llama", adds_bos=True)
    text = sample_text(checkpoint, 60, seed=3, temperature=1e-6, length=12)
    assert text.shape == (5, 12) and (text[:, 0] == 1).all()
    for position in range(2, 12):
        with torch.inference_mode():
            expected = checkpoint.model(text[:, :position]).logits[:, -1].argmax(-1)
        assert torch.equal(text[:, position], expected)


def test_sampled_text_is_decided_by_its_seed() -> None:
    checkpoint = tiny_checkpoint("gpt2")
    first, again, other = (sample_text(checkpoint, 200, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(first, again) and not torch.equal(first, other)
    assert first.min() >= 0 and first.max() < VOCAB_SIZE
    special = torch.tensor(checkpoint.tokenizer.all_special_ids)
    assert not torch.isin(first[:, 0], special).any()


def test_a_text_file_is_cut_into_sequences_that_keep_its_order(tmp_path: Path) -> None:
    checkpoint = tiny_checkpoint("llama", adds_bos=True)
    path = tmp_path / "text.txt"
    path.write_text("a b c d e f g h i j k l m n o p q")
    ids = text_tokens(checkpoint, path, 15, length=6)
    assert ids.shape == (3, 6) and (ids[:, 0] == 1).all()
    assert ids[:, 1:].flatten().tolist() == list(checkpoint.encode("a b c d e f g h i j k l m n o"))[1:]


def test_texts_that_cannot_be_used_are_refused(tmp_path: Path) -> None:
    checkpoint = tiny_checkpoint("llama")
    short, binary = tmp_path / "short.txt", tmp_path / "binary.txt"
    short.write_text("a b c")
    binary.write_bytes(b"\xff\xfe\x00\x81")
    for path, message in ((short, "too few"), (binary, "UTF-8"), (tmp_path / "absent.txt", "can't be read")):
        with pytest.raises(StrataError, match=message):
            text_tokens(checkpoint, path, 100)
