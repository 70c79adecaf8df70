"""The weights of any checkpoint, a few rows at a time: no model is built and no tensor is ever held whole."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

import torch
from filelock import FileLock
from jaxtyping import Float
from safetensors import safe_open
from torch import Tensor

from strata.probes.checkpoints.config_file import stated_config
from strata.probes.checkpoints.gguf_file import load_gguf
from strata.probes.checkpoints.identity import remembered_sha256
from strata.probes.checkpoints.lora_delta import LoraDelta, read_lora
from strata.probes.checkpoints.open_spec import checkpoint_directory, weights_sha256
from strata.probes.checkpoints.peft_adapter import adapter_settings, check_recorded_base
from strata.probes.checkpoints.peft_adapter_already_merged import refuse_held
from strata.probes.checkpoints.peft_adapter_fit import refuse_unmergeable
from strata.probes.checkpoints.quiet_libraries import guarded
from strata.probes.checkpoints.spec import parse_spec
from strata.probes.checkpoints.tensor_names import canonical_name, is_constant, is_embedding, is_unembedding
from strata.probes.checkpoints.weight_files import weight_files
from strata.probes.errors import StrataError
from strata.probes.files.atomic_writes import as_readable_as_others, write_whole
from strata.probes.files.foreign_files import read_json_object, refuse_irregular
from strata.probes.files.user_cache import cache_folder
from strata.probes.progress import Progress, silent

_ROWS_AT_ONCE = 4096
_SEAL = "converted.json"
"""Of a converted GGUF file: the checksum of what was made of it."""
_DTYPES = MappingProxyType({"F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16})


@dataclass(frozen=True)
class StoredTensor:
    stored_name: str
    """As the file has it."""
    file: Path
    shape: tuple[int, ...]
    dtype: torch.dtype
    """Of storage; a weight that an adapter changes is read as float32."""


@dataclass(frozen=True)
class TensorSource:
    """A checkpoint's weights by canonical name (`strata.probes.checkpoints.tensor_names`)."""

    spec: str
    """As the person wrote it."""
    directory: Path
    """Where its config.json, tokenizer and weights lie."""
    tensors: MappingProxyType[str, StoredTensor]
    """Canonical name to what is stored, without masks and rotary tables."""
    tied: bool
    """The unembedding is the embedding."""
    adapters: tuple[LoraDelta, ...]
    """Added in this order."""

    def rows(self, name: str, start: int, stop: int) -> Float[Tensor, "rows columns"]:
        """Rows start..stop-1 of a weight, in its stored dtype, or float32 where an adapter changes it.

        A vector is a column. Raises StrataError when the file has become unreadable.
        """
        values = _read(self.tensors[name], start, stop)
        for adapter in self.adapters:
            if name in adapter.replaced:
                values = adapter.replaced[name][start:stop].float()
            if name in adapter.changes:
                values = values.float() + adapter.changes[name].rows(start, stop)
        return values.reshape(len(values), -1)


def open_tensors(spec: str, progress: Progress = silent) -> TensorSource:
    """The weights of `spec` (all that `open_checkpoint` takes) for reading by rows; only headers are read now.

    A `.gguf` file is de-quantised once into the cache, which needs memory for the whole model. Raises StrataError
    for a checkpoint that isn't there, has pickled or quantised weights, or an adapter that doesn't fit it.
    """
    parsed = parse_spec(spec)
    twice = sorted({adapter for adapter in parsed.adapters if parsed.adapters.count(adapter) > 1})
    if twice:
        raise StrataError(f"{spec} adds the adapter {twice[0]} twice", "Write it once")
    for named in parsed.adapters:
        refuse_unmergeable(named, adapter_settings(named))
    if parsed.source == "gguf":
        directory = _converted(Path(parsed.base), progress)
    else:
        directory, _ = checkpoint_directory(parsed, progress)
        if parsed.adapters:
            check_recorded_base(parsed.adapters[0], lambda: weights_sha256(directory))
    tensors = _by_name(directory, _stored(weight_files(directory).files))
    tied = _is_tied(directory, tensors)
    if tied and any(is_embedding(name) for name in tensors):
        # The same numbers stored a second time; where the unembedding alone is stored, it stands for both.
        tensors = {name: stored for name, stored in tensors.items() if not is_unembedding(name)}
    adapters = tuple(read_lora(adapter) for adapter in parsed.adapters)
    source = TensorSource(spec, directory, MappingProxyType(tensors), tied, ())
    shapes = {name: stored.shape for name, stored in tensors.items()}
    for count, adapter in enumerate(adapters):
        _check_fit(adapter, spec, tensors, tied)
        refuse_held(source.rows, shapes, adapter, "+".join([parsed.base, *parsed.adapters[:count]]))
        source = replace(source, adapters=adapters[: count + 1])
    return source


def _by_name(directory: Path, stored: Iterable[tuple[str, StoredTensor]]) -> dict[str, StoredTensor]:
    tensors: dict[str, StoredTensor] = {}
    for name, tensor in stored:
        if name in tensors:
            raise StrataError(
                f"{directory} stores {tensors[name].stored_name} and {tensor.stored_name}, which are told apart by their "
                "beginnings only",
                "Such weights can't be compared by name; --no-weights judges by the registry",
            )
        tensors[name] = tensor
    return tensors


def _stored(files: Iterable[Path]) -> Iterable[tuple[str, StoredTensor]]:
    for path in files:
        with safe_open(str(path), framework="pt") as file:
            for name in file.keys():  # noqa: SIM118  # a safetensors file is no mapping
                if is_constant(name):
                    continue
                part = file.get_slice(name)
                if part.get_dtype() not in _DTYPES:
                    raise StrataError(
                        f"{path.name} stores {name} as {part.get_dtype()}: a quantised checkpoint",
                        "Give the checkpoint in bfloat16, float16 or float32",
                    )
                yield canonical_name(name), StoredTensor(name, path, tuple(part.get_shape()), _DTYPES[part.get_dtype()])


def _is_tied(directory: Path, tensors: Mapping[str, StoredTensor]) -> bool:
    """Whether the loaded model has one matrix for both ends.

    As transformers decides it: where a file stores both and they differ, the model keeps both, whatever config.json says.
    """
    embedding = next((stored for name, stored in tensors.items() if is_embedding(name)), None)
    unembedding = next((stored for name, stored in tensors.items() if is_unembedding(name)), None)
    if unembedding is None:
        return True
    if not _config_ties(directory):
        return False
    return embedding is None or _are_equal(embedding, unembedding)


def _config_ties(directory: Path) -> bool:
    config = stated_config(directory)
    # Left unsaid it is the architecture's own default.
    return bool(getattr(config, "tie_word_embeddings", getattr(config.get_text_config(), "tie_word_embeddings", False)))


def _are_equal(first: StoredTensor, second: StoredTensor) -> bool:
    if first.shape != second.shape:
        return False
    for start in range(0, first.shape[0], _ROWS_AT_ONCE):
        stop = start + _ROWS_AT_ONCE
        if not torch.equal(_read(first, start, stop).float(), _read(second, start, stop).float()):
            return False
    return True


def _read(stored: StoredTensor, start: int, stop: int) -> Float[Tensor, "rows ..."]:
    # Opened anew each time: a mapping that stays open would count every page ever touched as memory in use.
    try:
        with safe_open(str(stored.file), framework="pt") as file:
            values: Tensor = file.get_slice(stored.stored_name)[start:stop]
    except Exception as error:  # safetensors raises its own error and bare ones for a file that has shrunk
        raise StrataError(f"{stored.file} can't be read any more", "Was it changed or unmounted meanwhile?") from error
    return values


def _check_fit(adapter: LoraDelta, spec: str, tensors: dict[str, StoredTensor], tied: bool) -> None:
    shapes: dict[str, tuple[int, ...]] = {name: change.shape for name, change in adapter.changes.items()}
    shapes |= {name: tuple(value.shape) for name, value in adapter.replaced.items()}
    for name, shape in shapes.items():
        if tied and (is_embedding(name) or is_unembedding(name)):
            raise StrataError(
                f"{adapter.adapter} changes {name}, which {spec} uses as embedding and unembedding at once",
                "Merge it into its base with PEFT, save the result, and compare that directory",
            )
        if name not in tensors or tensors[name].shape != shape:
            actual = f"shape {tensors[name].shape}" if name in tensors else "no such weight"
            raise StrataError(
                f"The adapter {adapter.adapter} does not fit this base model ({name} {shape}: {actual})",
                "Check which base it was trained on",
            )


def _converted(file: Path, progress: Progress) -> Path:
    """A GGUF file as a directory of safetensors in the cache, made once for its content."""
    key = remembered_sha256("gguf_hashes", [file], lambda: _content_sha256(file))[:32]
    final = cache_folder("gguf") / key
    with FileLock(str(final.with_suffix(".lock"))):
        if _is_as_converted(final):
            return final
        staging = final.with_suffix(".staging")
        for left in (final, staging):
            _remove(left)
        progress("converting the GGUF file", 0, 1, "model")
        guarded(
            lambda: _convert(file, staging),
            f"{file} can't be converted into {final}",
            "Free some space, or set STRATA_CACHE to a directory on a larger disk",
        )
        staging.replace(final)
        progress("converting the GGUF file", 1, 1, "model")
    return final


def _convert(file: Path, directory: Path) -> None:
    model, tokenizer = load_gguf(file)
    model.save_pretrained(directory)
    tokenizer.save_pretrained(directory)
    as_readable_as_others(directory)
    write_whole(directory / _SEAL, json.dumps({"sha256": _sha256_of_all(directory)}))


def _is_as_converted(directory: Path) -> bool:
    """Whether a conversion is there and nothing in it was damaged since: its numbers are taken for the file's."""
    try:
        return directory.is_dir() and read_json_object(directory / _SEAL, "").get("sha256") == _sha256_of_all(directory)
    except (StrataError, OSError):
        return False


def _sha256_of_all(directory: Path) -> str:
    files = sorted(file for file in directory.iterdir() if file.name != _SEAL)
    for file in files:
        refuse_irregular(file)

    def compute() -> str:
        content = "".join(f"{file.name}|{_content_sha256(file)}\n" for file in files)
        return hashlib.sha256(content.encode()).hexdigest()

    return remembered_sha256("gguf_conversions", files, compute)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _content_sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
