"""Activations on disk: sharded safetensors, each shard whole or absent, found again after a kill."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from strata.probes.errors import DamagedError, StrataError
from strata.probes.files.atomic_writes import whole_file, write_whole
from strata.probes.files.file_state import file_state
from strata.probes.files.tensor_hash import hash_state

_SCHEMA = "strata.activations/2"


Signature = Mapping[str, str | int | float | bool | Sequence[str | int] | None]
"""What decides the numbers of a store, by name."""


@dataclass(frozen=True)
class _Place:
    shard: Path
    row: int


class ActivationStore:
    """`directory/shard-00000.safetensors` …, each holding named tensors whose first axis is `item`.

    The keys of a shard's rows stand in its own header, so the index can be rebuilt from the shards: a kill between
    two files loses nothing. Its checksum stands there too: what an earlier start left is read whole and compared before
    it is taken over, DamagedError where it differs. `signature` says what is stored (model, sites, positions); a store made with another
    one is refused with StrataError.
    """

    def __init__(self, directory: Path, signature: Signature) -> None:
        self.directory = directory
        self._signature = json.dumps(dict(signature), sort_keys=True)
        self._places: dict[str, _Place] = {}
        self._shards = 0
        for shard in sorted(directory.glob("shard-*.safetensors")):
            keys = self._keys_of(shard)
            self._places |= {key: _Place(shard, row) for row, key in enumerate(keys)}
            self._shards = int(shard.stem.partition("-")[2]) + 1

    def __contains__(self, key: str) -> bool:
        return key in self._places

    def __len__(self) -> int:
        return len(self._places)

    def write(
        self, keys: Sequence[str], tensors: Mapping[str, Float[Tensor, "item ..."]], finite: Collection[str] = ()
    ) -> None:
        """Adds one shard. Tensors named in `finite` must be so: fp16 streams have overflowed on some models.

        Raises StrataError for infinite or undefined values, DoesNotFitError when the disk is full.
        """
        for name, tensor in tensors.items():
            if len(tensor) != len(keys):
                raise ValueError(f"{name} has {len(tensor)} rows for {len(keys)} keys")
            if name in finite and not bool(torch.isfinite(tensor).all()):
                bad = [keys[row] for row in range(len(keys)) if not bool(torch.isfinite(tensor[row]).all())]
                raise StrataError(
                    f"{len(bad)} items (first: {bad[0]}) gave infinite or undefined {name} in {tensor.dtype}",
                    "Run with --dtype bfloat16 or float32",
                )
        shard = self.directory / f"shard-{self._shards:05d}.safetensors"
        whole = {name: t.detach().cpu().contiguous() for name, t in tensors.items()}
        header = {"schema": _SCHEMA, "signature": self._signature, "keys": json.dumps(list(keys))}
        with whole_file(shard) as part:
            save_file(whole, part, metadata=header | {"sha256": _checksum(header, whole)})
        _CHECKED.add((str(shard), file_state(shard)))
        self._places |= {key: _Place(shard, row) for row, key in enumerate(keys)}
        self._shards += 1
        self._write_index()

    def read(self, name: str, keys: Sequence[str], columns: slice | int | None = None) -> Float[Tensor, "item ..."]:
        """Rows of tensor `name` in the order of `keys`; `columns` cuts its second axis before anything is loaded.

        Raises KeyError for a key that was never written.
        """
        by_shard: dict[Path, list[tuple[int, int]]] = {}
        for target, key in enumerate(keys):
            place = self._places[key]
            by_shard.setdefault(place.shard, []).append((target, place.row))
        out: Tensor | None = None
        for shard, pairs in by_shard.items():
            with safe_open(str(shard), framework="pt") as file:
                rows = file.get_tensor(name) if columns is None else file.get_slice(name)[:, columns]
            if out is None:
                out = torch.empty((len(keys), *rows.shape[1:]), dtype=rows.dtype)
            targets, sources = zip(*pairs, strict=True)
            out[list(targets)] = rows[list(sources)]
        if out is None:
            raise KeyError("no keys were asked for")
        return out

    def names(self, key: str) -> list[str]:
        """The tensors stored beside the one of `key`, in its shard. Raises KeyError for a key that was never written."""
        with safe_open(str(self._places[key].shard), framework="pt") as file:
            return sorted(file.keys())

    def shards(self) -> dict[Path, list[str]]:
        """The keys of every shard in the order of its rows: for reading one shard after the other."""
        keys: dict[Path, list[str]] = {}
        for key, place in sorted(self._places.items(), key=lambda entry: (entry[1].shard, entry[1].row)):
            keys.setdefault(place.shard, []).append(key)
        return keys

    def _keys_of(self, shard: Path) -> list[str]:
        try:
            with safe_open(str(shard), framework="pt") as file:
                header = dict(file.metadata() or {})
        except (SafetensorError, OSError) as error:
            raise DamagedError(f"{shard} is damaged ({error})", "Delete it: its items are measured again") from error
        if header.get("schema") != _SCHEMA or header.get("signature") != self._signature:
            raise StrataError(
                f"{self.directory} holds activations of another model, item set or choice of sites",
                "Use another --out directory",
            )
        _check(shard, header)
        return list(json.loads(header["keys"]))

    def _write_index(self) -> None:
        shards: dict[str, int] = {}
        for place in self._places.values():
            shards[place.shard.name] = shards.get(place.shard.name, 0) + 1
        index = {
            "schema": _SCHEMA,
            "signature": json.loads(self._signature),
            "shards": shards,
            "items": len(self._places),
        }
        write_whole(self.directory / "index.json", json.dumps(index, indent=1))


_CHECKED: set[tuple[str, str]] = set()
"""Shards whose checksum was compared in this process, by `file_state`: a store is opened anew for every stage."""


def _check(shard: Path, header: dict[str, str]) -> None:
    key = (str(shard), file_state(shard))
    if key in _CHECKED:
        return
    written = header.pop("sha256", "")
    try:
        checksum = _checksum(header, load_file(shard))
    except (SafetensorError, OSError) as error:
        raise DamagedError(f"{shard} is damaged ({error})", "Delete it: its items are measured again") from error
    if checksum != written:
        raise DamagedError(
            f"{shard} is not what was written (its checksum differs)", "Delete it: its items are measured again"
        )
    _CHECKED.add(key)


def _checksum(header: Mapping[str, str], tensors: Mapping[str, Tensor]) -> str:
    """Over the tensors and what the header says of their rows."""
    header_text = json.dumps(dict(header), sort_keys=True)
    return hashlib.sha256(f"{header_text}\n{hash_state(tensors)}".encode()).hexdigest()
