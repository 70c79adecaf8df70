"""Activations on disk: whole shards or none, found again after a kill."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file

from strata.probes.errors import StrataError
from strata.probes.files.activation_store import ActivationStore

SIGNATURE = {"model": "m", "positions": ["last"]}


@settings(max_examples=25, deadline=None)
@given(sizes=st.lists(st.integers(1, 5), min_size=1, max_size=4), seed=st.integers(0, 99))
def test_rows_come_back_in_the_order_asked_for(
    sizes: list[int], seed: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    store = ActivationStore(tmp_path_factory.mktemp("store"), SIGNATURE)
    generator = torch.Generator().manual_seed(seed)
    whole = torch.randn(sum(sizes), 3, 2, generator=generator)
    keys = [f"item {row}" for row in range(len(whole))]
    start = 0
    for size in sizes:
        store.write(keys[start : start + size], {"streams": whole[start : start + size]})
        start += size
    order = torch.randperm(len(whole), generator=generator).tolist()
    assert torch.equal(store.read("streams", [keys[row] for row in order]), whole[order])
    assert torch.equal(store.read("streams", [keys[row] for row in order], slice(1, 3)), whole[order][:, 1:3])


def test_a_new_object_finds_what_an_earlier_one_wrote_even_without_the_index(tmp_path: Path) -> None:
    ActivationStore(tmp_path, SIGNATURE).write(["a", "b"], {"x": torch.tensor([[1.0], [2.0]])})
    (tmp_path / "index.json").unlink()
    again = ActivationStore(tmp_path, SIGNATURE)
    assert len(again) == 2 and "a" in again and "c" not in again
    again.write(["c"], {"x": torch.tensor([[3.0]])})
    assert ActivationStore(tmp_path, SIGNATURE).read("x", ["c", "a"]).tolist() == [[3.0], [1.0]]
    assert json.loads((tmp_path / "index.json").read_text())["items"] == 3


def test_a_half_written_shard_is_not_there(tmp_path: Path) -> None:
    store = ActivationStore(tmp_path, SIGNATURE)
    store.write(["a"], {"x": torch.ones(1, 1)})
    (tmp_path / ".shard-00001.safetensors.123.part").write_bytes(b"half of somethi")
    assert len(ActivationStore(tmp_path, SIGNATURE)) == 1


def test_a_store_of_another_model_is_refused(tmp_path: Path) -> None:
    ActivationStore(tmp_path, SIGNATURE).write(["a"], {"x": torch.ones(1, 1)})
    with pytest.raises(StrataError, match="another model"):
        ActivationStore(tmp_path, {**SIGNATURE, "model": "other"})


def test_a_damaged_shard_is_named(tmp_path: Path) -> None:
    ActivationStore(tmp_path, SIGNATURE).write(["a"], {"x": torch.ones(1, 1)})
    shard = tmp_path / "shard-00000.safetensors"
    shard.write_bytes(shard.read_bytes()[:20])
    with pytest.raises(StrataError, match=r"shard-00000\.safetensors is damaged"):
        ActivationStore(tmp_path, SIGNATURE)


def test_overflowed_streams_are_refused_with_their_item_and_missing_readings_are_not(tmp_path: Path) -> None:
    store = ActivationStore(tmp_path, SIGNATURE)
    broken = torch.tensor([[1.0], [torch.inf]], dtype=torch.float16)
    with pytest.raises(StrataError, match="first: b"):
        store.write(["a", "b"], {"streams": broken}, finite=("streams",))
    assert len(store) == 0 and not list(tmp_path.glob("shard-*"))
    store.write(["a"], {"lens": torch.tensor([[torch.nan]])}, finite=("streams",))
    assert load_file(tmp_path / "shard-00000.safetensors")["lens"].isnan().all()
