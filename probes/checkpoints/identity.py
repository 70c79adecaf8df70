"""Which weights, configuration and tokenizer is this, exactly? Hashes that survive renaming and re-sharding."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from safetensors import SafetensorError, safe_open
from torch import Tensor

from strata.probes.errors import DoesNotFitError, StrataError
from strata.probes.files.atomic_writes import write_whole
from strata.probes.files.file_state import file_state, is_settled
from strata.probes.files.foreign_files import read_json_object
from strata.probes.files.tensor_hash import hash_tensors
from strata.probes.files.user_cache import cache_directory
from strata.probes.foreign_types import ForeignJson

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

_MEMORY_VERSION = 2
"""Raised whenever a hash comes to mean something else."""
_ASIDES = frozenset(
    [
        "_name_or_path",
        "name_or_path",
        "base_model_name_or_path",
        "transformers_version",
        "peft_version",
        "dtype",
        "torch_dtype",
        "inference_mode",
        "revision",
        "_attn_implementation",
        "attn_implementation",
    ]
)
"""Settings that say where a model came from or how it is run, not what it computes."""


ON_SERVER = "ndif"
"""Source of a checkpoint whose weights lie on NDIF's servers."""


@dataclass(frozen=True)
class Identity:
    spec: str
    """What the person wrote."""
    source: str
    """embedded, directory, gguf or hub; adapters follow after `+`."""
    weights_sha256: str
    """Over name, dtype, shape and bytes of every stored tensor in name order; adapters are chained in."""
    tokenizer_sha256: str
    """Over the tokenizer's whole pipeline, its special tokens, its chat template and the ids of a few telling strings."""
    config_sha256: str = ""
    """Over the configuration of the model and of its adapters: equal weights compute other numbers under another one."""
    revision: str | None = None
    """The commit of a hub checkpoint."""
    files: tuple[str, ...] = ()
    """Names of the weight files that were loaded and hashed; empty for a model in memory."""

    @property
    def parts(self) -> dict[str, str]:
        """What a run must find unchanged when it is taken up again."""
        return {
            "weights_sha256": self.weights_sha256,
            "config_sha256": self.config_sha256,
            "tokenizer_sha256": self.tokenizer_sha256,
        }


def hash_safetensors(files: Iterable[Path]) -> str:
    """`hash_tensors` over sharded safetensors files.

    Remembered in the cache by `file_state`, so that only files that haven't been touched since are not read again.
    Raises StrataError naming a file that is truncated or isn't safetensors.
    """
    files = sorted(files)
    return remembered_sha256("weight_hashes", files, lambda: hash_tensors(_stored_tensors(files)))


def remembered_sha256(kind: str, files: Sequence[Path], compute: Callable[[], str]) -> str:
    """What `compute` gives for `files`, read from the cache where they are untouched since it was computed."""
    before = [file_state(file) for file in files]
    names = [file.name for file in files]
    key = hashlib.sha256(json.dumps([_MEMORY_VERSION, names, before]).encode()).hexdigest()
    memory = _memory(kind, key)
    with suppress(StrataError, KeyError, TypeError):
        kept = read_json_object(memory, "") if memory else {}
        # A memo that was damaged is as good as none.
        if kept["check"] == _check_of(key, kept["sha256"]):
            return str(kept["sha256"])
    settled = all(is_settled(file) for file in files)
    digest = compute()
    # A file that changed while it was read, or a moment before, is read again the next time.
    if memory is not None and settled and before == [file_state(file) for file in files]:
        with suppress(StrataError):  # a cache that is full or can't be written costs time, nothing else
            write_whole(memory, json.dumps({"sha256": digest, "files": names, "check": _check_of(key, digest)}))
    return digest


def _memory(kind: str, key: str) -> Path | None:
    """Where the cache keeps it; None where its disk is full."""
    try:
        return cache_directory() / kind / f"{key}.json"
    except DoesNotFitError:
        return None


def _check_of(key: str, digest: str) -> str:
    return hashlib.sha256(f"{key} {digest}".encode()).hexdigest()


def hash_config(model: PreTrainedModel, adapters: Iterable[ForeignJson] = ()) -> str:
    """`hash_settings` of a model's configuration and of where it ends a text; adapters' settings are chained in.

    Of the configuration what it says beyond its class's defaults counts.
    """
    ends = getattr(model.generation_config, "eos_token_id", None)
    own = {**model.config.to_diff_dict(), "ends a text": ends}
    return "+".join([hash_settings(own), *map(hash_settings, adapters)])


def hash_settings(settings: ForeignJson) -> str:
    """sha256 over settings as JSON.

    Paths, library versions and storage precision are excluded: they don't change what is computed (precision is
    recorded by itself).
    """
    return hashlib.sha256(json.dumps(without_asides(settings), sort_keys=True, default=str).encode()).hexdigest()


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
    """sha256 over everything that decides ids: pipeline (or vocabulary), special tokens, template, telling strings."""
    telling = ["", " Paris", "x = 12 + 34", "naïve Zürich 東京 🙂", "a\n\tb  c"]
    parts = {
        "vocabulary": sorted(tokenizer.get_vocab().items()),
        "pipeline": _pipeline(tokenizer),
        "special": sorted((name, str(token)) for name, token in tokenizer.special_tokens_map.items()),
        "template": getattr(tokenizer, "chat_template", None),
        "splits": [list(tokenizer(text)["input_ids"]) for text in telling],
    }
    return hashlib.sha256(json.dumps(parts, ensure_ascii=True).encode()).hexdigest()


def _pipeline(tokenizer: PreTrainedTokenizerBase) -> ForeignJson | None:
    """Normaliser, pre-tokenizer, merges and post-processor of a fast tokenizer; None for one in Python."""
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        return None
    pipeline: ForeignJson = json.loads(backend.to_str())
    # Libraries switch these on and off in passing, and no text of ours is cut or padded by the tokenizer.
    return {name: value for name, value in pipeline.items() if name not in ("truncation", "padding")}


def without_asides(settings: ForeignJson) -> ForeignJson:
    """Settings less those that `hash_settings` leaves out, at every depth."""
    return {
        name: without_asides(value) if isinstance(value, Mapping) else value
        for name, value in settings.items()
        if name not in _ASIDES
    }


def _stored_tensors(files: list[Path]) -> Iterator[tuple[str, Tensor]]:
    where: dict[str, Path] = {}
    for file in files:
        check_safetensors(file)
        with safe_open(str(file), framework="pt") as shard:
            where.update(dict.fromkeys(shard.keys(), file))
    for name in sorted(where):
        with safe_open(str(where[name]), framework="pt") as shard:
            yield name, shard.get_tensor(name)
