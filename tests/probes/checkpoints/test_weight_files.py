"""The weights that are listed, hashed and compared are the ones that transformers loads, whatever else lies beside them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from saved import save_directory
from tiny_models import tiny_model, tiny_tokenizer
from transformers import AutoModelForCausalLM

from strata.probes.checkpoints.open_spec import open_checkpoint, weights_sha256
from strata.probes.checkpoints.weight_files import weight_files
from strata.probes.errors import StrataError
from strata.probes.weights.lineage import verify_pair
from strata.probes.weights.tensor_source import open_tensors

WEIGHT = "model.layers.1.mlp.up_proj.weight"


def edit_config(directory: Path, **fields: Any) -> None:
    file = directory / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | fields))


def stray_single_file(directory: Path) -> None:
    save_directory(directory, shard="20KB")
    save_directory(directory.with_name("other"), seed=9)
    shutil.copy(directory.with_name("other") / "model.safetensors", directory)


def named_single_file(directory: Path) -> None:
    save_directory(directory, shard="20KB")
    save_directory(directory.with_name("other"), seed=9)
    shutil.copy(directory.with_name("other") / "model.safetensors", directory / "better.safetensors")
    edit_config(directory, transformers_weights="better.safetensors")


def named_index(directory: Path) -> None:
    save_directory(directory, seed=9)
    save_directory(directory.with_name("other"), shard="20KB")
    for file in directory.with_name("other").glob("model-*.safetensors"):
        shutil.copy(file, directory)
    index = (directory.with_name("other") / "model.safetensors.index.json").read_text()
    (directory / "own.safetensors.index.json").write_text(index)
    edit_config(directory, transformers_weights="own.safetensors.index.json")


def plain_shards(directory: Path) -> None:
    save_directory(directory, shard="20KB")


@pytest.mark.parametrize("make", [stray_single_file, named_single_file, named_index, plain_shards])
def test_what_is_hashed_and_read_by_rows_is_what_transformers_loads(
    tmp_path: Path, make: Callable[[Path], None]
) -> None:
    directory = tmp_path / "m"
    make(directory)
    loaded = AutoModelForCausalLM.from_pretrained(directory, dtype=torch.float32).state_dict()
    opened = open_checkpoint(str(directory))
    assert torch.equal(opened.model.state_dict()[WEIGHT], loaded[WEIGHT])
    source = open_tensors(str(directory))
    assert torch.equal(source.rows("layers.1.mlp.up_proj.weight", 0, 99), loaded[WEIGHT])
    # The same numbers saved alone have the same hash.
    alone = tmp_path / "alone"
    alone.mkdir()
    save_file({name: tensor.contiguous() for name, tensor in loaded.items()}, alone / "model.safetensors")
    shutil.copy(directory / "config.json", alone)
    edit_config(alone, transformers_weights=None)
    assert opened.identity.weights_sha256 == weights_sha256(alone) == weights_sha256(directory)
    assert opened.identity.files == tuple(file.name for file in weight_files(directory).files)


def test_models_that_load_other_files_are_not_the_same_weights(tmp_path: Path) -> None:
    shards = save_directory(tmp_path / "shards", shard="20KB")
    stray = tmp_path / "stray"
    shutil.copytree(shards, stray)
    shutil.copy(save_directory(tmp_path / "other", seed=9) / "model.safetensors", stray)
    assert verify_pair(str(shards), str(stray)).verdict == "not the base"
    hashes = {open_checkpoint(str(directory)).identity.weights_sha256 for directory in (shards, stray)}
    assert len(hashes) == 2


def test_the_choice_between_several_forms_is_said(tmp_path: Path) -> None:
    stray_single_file(tmp_path / "m")
    (caveat,) = weight_files(tmp_path / "m").caveats
    assert caveat.code == "weights-in-several-forms" and caveat.file == "model.safetensors"
    assert caveat.ignored[0].startswith("model-00001-of")
    plain = save_directory(tmp_path / "plain")
    assert weight_files(plain).caveats == ()
    (plain / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {WEIGHT: "model.safetensors"}}))
    assert weight_files(plain).caveats == ()  # names what is loaded anyway
    (plain / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {WEIGHT: "gone.safetensors"}}))
    assert [caveat.ignored for caveat in weight_files(plain).caveats] == [("model.safetensors.index.json",)]


@pytest.mark.parametrize(
    ("named", "message"),
    [
        ("adapter_model.bin", "no safetensors file"),
        ("pytorch_model.bin", "no safetensors file"),
        ("../other/model.safetensors", "outside of the directory"),
        ("absent.safetensors", "there is no such file"),
        (["model.safetensors"], "no safetensors file"),
    ],
)
def test_a_configuration_cannot_name_a_pickle_or_a_file_elsewhere(tmp_path: Path, named: Any, message: str) -> None:
    directory = save_directory(tmp_path / "m")
    save_directory(tmp_path / "other", seed=9)
    for name in ("adapter_model.bin", "pytorch_model.bin"):
        torch.save(tiny_model("llama").state_dict(), directory / name)
    edit_config(directory, transformers_weights=named)
    for use in (open_checkpoint, open_tensors):
        with pytest.raises(StrataError, match=message):
            use(str(directory))


@pytest.mark.parametrize("name", ["pytorch_model-00001.bin", "../other/model.safetensors", "/model.safetensors", 7])
def test_an_index_cannot_name_a_pickle_or_a_file_elsewhere(tmp_path: Path, name: Any) -> None:
    directory = save_directory(tmp_path / "m")
    save_directory(tmp_path / "other", seed=9)
    torch.save(tiny_model("llama").state_dict(), directory / "pytorch_model-00001.bin")
    (directory / "model.safetensors").unlink()
    (directory / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {WEIGHT: name}}))
    with pytest.raises(StrataError, match="names"):
        open_checkpoint(str(directory))


def test_a_weight_stored_in_two_shards_is_refused(tmp_path: Path) -> None:
    directory = save_directory(tmp_path / "m", shard="20KB")
    first, second, *_ = sorted(directory.glob("model-*.safetensors"))
    tensors = load_file(first)
    save_file(load_file(second) | {name: tensor + 1 for name, tensor in tensors.items()}, second)
    with pytest.raises(StrataError, match=r"store .* twice"):
        open_checkpoint(str(directory))


@pytest.mark.parametrize("shard", ["5GB", "20KB"])
@pytest.mark.parametrize("name", [WEIGHT, "model.embed_tokens.weight", "model.norm.weight"])
def test_a_weight_stored_under_two_names_is_refused(tmp_path: Path, name: str, shard: str) -> None:
    directory = save_directory(tmp_path / "m", shard=shard)
    file = max(directory.glob("model*.safetensors"))
    whole = tiny_model("llama").state_dict()
    save_file(load_file(file) | {name.removeprefix("model."): whole[name] * 3}, file, metadata={"format": "pt"})
    holder = next((path for path in directory.glob("model*.safetensors") if name in load_file(path)), None)
    assert holder is not None
    for use in (open_checkpoint, open_tensors):
        with pytest.raises(StrataError, match=name.removeprefix("model.")):
            use(str(directory))


def test_weights_of_two_bodies_are_two_weights(tmp_path: Path) -> None:
    directory = save_directory(tmp_path / "m")
    both = {"model.norm.weight": torch.ones(4), "transformer.norm.weight": torch.zeros(4)}
    save_file(both, directory / "model.safetensors", metadata={"format": "pt"})
    assert [file.name for file in weight_files(directory).files] == ["model.safetensors"]


def test_double_precision_is_no_quantisation(tmp_path: Path) -> None:
    directory = save_directory(tmp_path / "m", dtype=torch.float64)
    single = save_directory(tmp_path / "single")
    assert verify_pair(str(directory), str(single)).verdict == "same weights"
    assert open_checkpoint(str(directory)).dtype == torch.float32


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda file: file.mkdir(), "is a directory"),
        (lambda file: file.symlink_to(file.with_name("nowhere")), "a link to a file that isn't there"),
    ],
)
def test_what_only_looks_like_the_weights_is_named(tmp_path: Path, make: Callable[[Path], None], message: str) -> None:
    directory = save_directory(tmp_path / "m")
    (directory / "model.safetensors").unlink()
    make(directory / "model.safetensors")
    with pytest.raises(StrataError, match=message):
        open_checkpoint(str(directory))


def own_head(directory: Path, seed: int) -> Path:
    """Says that it is tied, and stores an unembedding of its own."""
    model = tiny_model("llama", tie_word_embeddings=False)
    with torch.no_grad():
        model.lm_head.weight.copy_(torch.randn(80, 32, generator=torch.Generator().manual_seed(seed)))
    model.save_pretrained(directory)
    tiny_tokenizer().save_pretrained(directory)
    edit_config(directory, tie_word_embeddings=True)
    return directory


def test_an_unembedding_that_is_loaded_in_spite_of_the_configuration_is_compared(tmp_path: Path) -> None:
    a, b = own_head(tmp_path / "a", 1), own_head(tmp_path / "b", 2)
    loaded = AutoModelForCausalLM.from_pretrained(b)
    assert not torch.equal(loaded.lm_head.weight, loaded.model.embed_tokens.weight)
    assert torch.equal(open_tensors(str(b)).rows("lm_head.weight", 0, 80), loaded.lm_head.weight)
    check = verify_pair(str(a), str(b))
    (head,) = [change for change in check.tensors if change.name == "lm_head.weight"]
    assert check.verdict == "base" and not head.identical
    assert verify_pair(str(a), str(a)).verdict == "same weights"


def test_an_unembedding_stored_twice_is_still_tied(tmp_path: Path) -> None:
    model = tiny_model("llama", tie_word_embeddings=True)
    directory = tmp_path / "m"
    model.save_pretrained(directory)
    tiny_tokenizer().save_pretrained(directory)
    tensors = load_file(directory / "model.safetensors")
    tensors["lm_head.weight"] = tensors["model.embed_tokens.weight"].clone()
    save_file(tensors, directory / "model.safetensors", metadata={"format": "pt"})
    source = open_tensors(str(directory))
    assert source.tied and "lm_head.weight" not in source.tensors


def test_a_tied_model_that_stores_its_unembedding_alone_is_the_same_model(tmp_path: Path) -> None:
    tied = save_directory(tmp_path / "tied", "gpt2")
    alone = tmp_path / "alone"
    shutil.copytree(tied, alone)
    tensors = load_file(alone / "model.safetensors")
    tensors["lm_head.weight"] = tensors.pop("transformer.wte.weight")
    save_file(tensors, alone / "model.safetensors", metadata={"format": "pt"})
    assert torch.equal(
        open_checkpoint(str(alone)).model.lm_head.weight, open_checkpoint(str(tied)).model.lm_head.weight
    )
    assert verify_pair(str(tied), str(alone)).verdict == "same weights"
