"""Which weights and which tokenizer is this, exactly? Hashes that survive renaming and re-sharding."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from probes.cache import cache_directory
from probes.errors import StrataError
from probes.files import write_whole

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


@dataclass(frozen=True)
class Identity:
    spec: str
    """What the person wrote."""
    source: str
    """embedded, directory, gguf or hub; adapters follow after `+`."""
    weights_sha256: str
    """Over name, dtype, shape and bytes of every stored tensor in name order; adapters are chained in."""
    tokenizer_sha256: str
    """Over the vocabulary, the special tokens and the ids of a few telling strings."""
    revision: str | None = None
    """The commit of a hub checkpoint."""


def hash_tensors(tensors: Iterable[tuple[str, Tensor]]) -> str:
    """sha256 over (name, dtype, shape, bytes) of tensors given in name order, one tensor in memory at a time."""
    digest = hashlib.sha256()
    for name, tensor in tensors:
        digest.update(f"{name}\0{tensor.dtype}\0{tuple(tensor.shape)}\0".encode())
        flat = tensor.detach().cpu().contiguous().reshape(-1)
        digest.update(flat.view(torch.uint8).numpy().data)
    return digest.hexdigest()


def hash_state(state: Mapping[str, Tensor]) -> str:
    """`hash_tensors` of a state dict."""
    return hash_tensors(sorted(state.items()))


def hash_safetensors(files: Iterable[Path]) -> str:
    """`hash_tensors` over sharded safetensors files; remembered per (path, size, modification time).

    Raises StrataError naming a file that is truncated or isn't safetensors.
    """
    files = sorted(files)
    key = hashlib.sha256(
        "\n".join(f"{f.resolve()}|{f.stat().st_size}|{f.stat().st_mtime_ns}" for f in files).encode()
    ).hexdigest()
    memory = cache_directory() / "weight_hashes" / f"{key}.json"
    if memory.exists():
        return str(json.loads(memory.read_text())["sha256"])
    digest = hash_tensors(_stored_tensors(files))
    write_whole(memory, json.dumps({"sha256": digest, "files": [f.name for f in files]}))
    return digest


def check_safetensors(file: Path) -> None:
    """Raises StrataError when `file` is truncated or isn't safetensors. Reads only the header."""
    try:
        with safe_open(str(file), framework="pt"):
            pass
    except (SafetensorError, OSError) as error:
        raise StrataError(
            f"{file} is not a whole safetensors file ({error})",
            "Copy or download it again: it is truncated or damaged",
        ) from error


def hash_tokenizer(tokenizer: PreTrainedTokenizerBase) -> str:
    """sha256 over the vocabulary, special tokens and how telling strings are split."""
    telling = ["", " Paris", "x = 12 + 34", "naïve Zürich 東京 🙂", "a\n\tb  c"]
    parts = {
        "vocabulary": sorted(tokenizer.get_vocab().items()),
        "special": sorted((name, str(token)) for name, token in tokenizer.special_tokens_map.items()),
        "splits": [list(tokenizer(text)["input_ids"]) for text in telling],
    }
    return hashlib.sha256(json.dumps(parts, ensure_ascii=True).encode()).hexdigest()


def _stored_tensors(files: list[Path]) -> Iterator[tuple[str, Tensor]]:
    where: dict[str, Path] = {}
    for file in files:
        check_safetensors(file)
        with safe_open(str(file), framework="pt") as shard:
            where.update(dict.fromkeys(shard.keys(), file))
    for name in sorted(where):
        with safe_open(str(where[name]), framework="pt") as shard:
            yield name, shard.get_tensor(name)
