"""One call opens any checkpoint: embedded, directory, GGUF or hub, with adapters, ready to measure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from probes.checkpoints.adapter import with_adapter
from probes.checkpoints.anatomy import anatomy_of
from probes.checkpoints.checkpoint import Checkpoint
from probes.checkpoints.embedded import embedded_directory
from probes.checkpoints.gguf_file import hash_gguf, load_gguf
from probes.checkpoints.held_delta import refuse_held_by
from probes.checkpoints.identity import (
    Identity,
    check_safetensors,
    hash_safetensors,
    hash_state,
    hash_tokenizer,
)
from probes.checkpoints.quiet import first_line, quietly
from probes.checkpoints.readout import readout_of
from probes.checkpoints.remote import hub_directory
from probes.checkpoints.spec import Spec, parse_spec
from probes.checkpoints.stretched_rope import embed_row_by_row
from probes.errors import DoesNotFitError, StrataError
from probes.progress import Progress, silent

_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
_BUFFER = re.compile(r"(rotary_emb\.(inv_freq|cos_cached|sin_cached)|\.masked_bias|(^|\.)position_ids)$")
"""Constants that older versions stored beside the weights and every version computes anew."""


def open_checkpoint(
    spec: str,
    *,
    dtype: str = "auto",
    device: str = "auto",
    device_map: str | Mapping[str, Any] | None = None,
    attention: str | None = None,
    trust_remote_code: bool = False,
    progress: Progress = silent,
) -> Checkpoint:
    """Opens `spec` (`smollm2`, directory, `.gguf`, `org/name@revision`, each `+ADAPTER`) for measuring.

    `dtype` auto is the stored one on a GPU and float32 on a CPU; `device` auto is the first GPU, else the CPU.
    `device_map` hands placement to accelerate. Pickled weights are refused, and code from a repository runs only
    with `trust_remote_code`. Raises StrataError for anything the person can mend, DoesNotFitError for memory.
    """
    parsed = parse_spec(spec)
    place = _device(device)
    if parsed.source == "gguf":
        model, tokenizer, digest, revision = _open_gguf(Path(parsed.base), _dtype(dtype, place, torch.float32))
    else:
        directory, revision = checkpoint_directory(parsed, progress)
        model, tokenizer, digest = _open_directory(
            directory, spec, dtype, place, device_map, attention, trust_remote_code
        )
    source: str = parsed.source
    for count, adapter in enumerate(parsed.adapters):
        refuse_held_by(model, adapter, "+".join([parsed.base, *parsed.adapters[:count]]))
        model, adapter_digest = with_adapter(model, adapter, digest)
        digest, source = f"{digest}+{adapter_digest}", f"{source}+adapter"
    if device_map is None:
        model = _move(model, place, spec)
    _check_ends(model)
    identity = Identity(spec, source, digest, hash_tokenizer(tokenizer), revision)
    return checkpoint_from(model, tokenizer, identity)


def open_on_meta(spec: str, *, dtype: str = "auto", trust_remote_code: bool = False) -> Checkpoint:
    """Shape, size and tokenizer of `spec` without its weights: nothing can be run on it, but it can be planned for.

    The weights' hash is empty. Raises StrataError as `open_checkpoint` does.
    """
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

    parsed = parse_spec(spec)
    options: dict[str, Any] = {"local_files_only": True, "trust_remote_code": trust_remote_code}
    if parsed.source == "gguf":
        directory, revision = Path(parsed.base).parent, None
        options["gguf_file"] = Path(parsed.base).name
    elif parsed.source == "hub":
        directory, revision = hub_directory(parsed.base, parsed.revision, weights=False)
    else:
        directory, revision = checkpoint_directory(parsed, silent)
    config = _read_config(directory, spec, lambda: AutoConfig.from_pretrained(directory, **options))
    stored = getattr(config, "dtype", None) or torch.float32
    try:
        with torch.device("meta"):
            model = AutoModelForCausalLM.from_config(config, trust_remote_code=trust_remote_code)
        tokenizer = AutoTokenizer.from_pretrained(directory, **options)
    except (ValueError, ImportError, OSError, KeyError, TypeError, AttributeError) as error:
        raise StrataError(
            f"{spec} can't be planned for ({first_line(error)})", "Check the checkpoint's files"
        ) from error
    model = model.to(_dtype(dtype, _device("auto"), stored))
    identity = Identity(spec, parsed.source, "", hash_tokenizer(tokenizer), revision)
    return checkpoint_from(model, tokenizer, identity)


def checkpoint_from(model: Any, tokenizer: Any, identity: Identity | None = None) -> Checkpoint:
    """A Checkpoint around a Hugging Face model already in memory (identity: a hash over its state dict)."""
    model.eval()
    model.requires_grad_(False)
    if identity is None:
        _check_ends(model)
        identity = Identity("in memory", "memory", hash_state(model.state_dict()), hash_tokenizer(tokenizer))
    embed_row_by_row(model)
    anatomy = anatomy_of(model)
    return Checkpoint(model, tokenizer, anatomy, readout_of(model, anatomy.final_norm), identity)


def _check_ends(model: Any) -> None:
    for part in (model.get_input_embeddings(), model.get_output_embeddings()):
        if part is not None and part.weight.device.type == "meta":
            raise DoesNotFitError(
                f"The device map has offloaded the embedding or the unembedding of {type(model).__name__}",
                "Keep both on a device (blocks may be offloaded), or try --dtype bfloat16",
            )


def randomly_initialised(checkpoint: Checkpoint, seed: int) -> Checkpoint:
    """The same architecture with fresh weights: the baseline that knows no language (same tokenizer and dtype)."""
    from transformers import AutoModelForCausalLM

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        config = checkpoint.model.config
        model = AutoModelForCausalLM.from_config(config, attn_implementation=checkpoint.attention)
    model = model.to(checkpoint.dtype).to(checkpoint.device)
    identity = Identity(
        f"random-init({checkpoint.identity.spec}, seed {seed})", "random", hash_state(model.state_dict()),
        checkpoint.identity.tokenizer_sha256,
    )  # fmt: skip
    return checkpoint_from(model, checkpoint.tokenizer, identity)


def _device(name: str) -> torch.device:
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise StrataError(
            f"--device {name} can't be used here ({str(error).splitlines()[0]})", "Give cpu, cuda or cuda:N"
        ) from error
    return device


def _dtype(name: str, device: torch.device, stored: torch.dtype) -> torch.dtype:
    if name == "auto":
        # Half precision is slow on most CPUs and buys nothing there.
        return stored if device.type != "cpu" else torch.float32
    if name not in _DTYPES:
        raise StrataError(f"--dtype {name} is unknown", f"Choose among: auto, {', '.join(_DTYPES)}")
    return _DTYPES[name]


def checkpoint_directory(parsed: Spec, progress: Progress) -> tuple[Path, str | None]:
    """(directory, commit of a hub checkpoint) of the embedded model, a hub id or a directory; fetches what is missing."""
    if parsed.source == "embedded":
        return embedded_directory(progress), None
    if parsed.source == "hub":
        return hub_directory(parsed.base, parsed.revision)
    return Path(parsed.base), None


def _open_gguf(file: Path, dtype: torch.dtype) -> tuple[Any, Any, str, None]:
    model, tokenizer = quietly(lambda: load_gguf(file, dtype))
    return model, tokenizer, hash_gguf(file), None


def _open_directory(
    directory: Path,
    spec: str,
    dtype: str,
    device: torch.device,
    device_map: str | Mapping[str, Any] | None,
    attention: str | None,
    trust_remote_code: bool,
) -> tuple[Any, Any, str]:
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

    weight_files(directory)  # refuses what is damaged before transformers gets to see it
    config = _read_config(directory, spec, lambda: AutoConfig.from_pretrained(
        directory, local_files_only=True, trust_remote_code=trust_remote_code
    ))  # fmt: skip
    options: dict[str, Any] = {"attn_implementation": attention} if attention else {}
    stored = getattr(config, "dtype", None) or torch.float32
    try:
        model, loaded = quietly(lambda: AutoModelForCausalLM.from_pretrained(
            directory, config=config, dtype=_dtype(dtype, device, stored), device_map=device_map, use_safetensors=True,
            local_files_only=True, trust_remote_code=trust_remote_code, output_loading_info=True, **options,
        ))  # fmt: skip
    except (MemoryError, ValueError, ImportError, RuntimeError, OSError, KeyError) as error:
        # On a CPU torch raises a bare RuntimeError.
        ran_out = isinstance(error, (torch.OutOfMemoryError, MemoryError)) or "can't allocate memory" in str(error)
        if ran_out:
            raise DoesNotFitError(
                f"{spec} does not fit into memory", "Try --dtype bfloat16 or --device-map auto"
            ) from error
        raise StrataError(
            f"{spec} could not be loaded ({first_line(error)})", "Check the checkpoint's files"
        ) from error
    if loaded["missing_keys"]:
        missing = sorted(loaded["missing_keys"])
        raise StrataError(
            f"{directory} lacks {len(missing)} weights of {type(model).__name__}, among them {missing[0]}",
            "Download it again: a model with made-up weights would be measured otherwise",
        )
    left_over = sorted(key for key in loaded["unexpected_keys"] if not _BUFFER.search(key))
    if left_over:
        raise StrataError(
            f"{directory} holds {len(left_over)} weights that its config.json has no place for, among them {left_over[0]}",
            "Use the config.json that belongs to them: a part of the model would be left out otherwise",
        )
    try:
        tokenizer = AutoTokenizer.from_pretrained(directory, local_files_only=True, trust_remote_code=trust_remote_code)
    except (ValueError, ImportError, OSError, KeyError, TypeError, AttributeError) as error:
        raise StrataError(
            f"{directory} has no tokenizer that can be loaded ({first_line(error)})",
            "Add its tokenizer.json or tokenizer.model",
        ) from error
    return model, tokenizer, weights_sha256(directory)


def weights_sha256(directory: Path) -> str:
    """Of a Hugging Face directory, as `Identity` has it; remembered, since it takes reading all of it."""
    return _recorded_hash(directory) or hash_safetensors(weight_files(directory))


def weight_files(directory: Path) -> list[Path]:
    """The safetensors files of a Hugging Face directory, each checked to be whole. Raises StrataError otherwise."""
    if not (directory / "config.json").exists():
        raise StrataError(f"{directory} has no config.json", "Give a directory in Hugging Face's format")
    if (directory / "adapter_config.json").exists():
        # transformers adds such an adapter to the model without a word, also where it is merged into it already.
        raise StrataError(
            f"{directory} holds a whole model and an adapter (adapter_config.json)",
            "Move the adapter's files to a directory of their own; give MODEL+ADAPTER only if it is not merged yet",
        )
    index = directory / "model.safetensors.index.json"
    if index.exists():
        try:
            names = sorted(set(json.loads(index.read_text())["weight_map"].values()))
        except (ValueError, KeyError, AttributeError, TypeError) as error:
            raise StrataError(f"{index} is not a weight index ({first_line(error)})", "Download it again") from error
        files = [directory / name for name in names]
    else:
        files = sorted(directory.glob("model*.safetensors"))
    absent = [file.name for file in files if not file.exists()]
    if absent:
        raise StrataError(f"{directory} lacks {absent[0]}, which its index names", "Download the missing shard")
    if not files:
        pickled = sorted(f.name for pattern in ("*.bin", "*.pt", "*.pth") for f in directory.glob(pattern))
        if pickled:
            raise StrataError(
                f"{directory} holds only pickled weights ({pickled[0]}), which can run code when opened",
                "Convert them to safetensors, or use a revision of the model that has them",
            )
        raise StrataError(f"{directory} holds no *.safetensors weights", "Download the model's weights as well")
    for file in files:
        check_safetensors(file)
    return files


def _read_config(directory: Path, spec: str, read: Any) -> Any:
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES as CAUSAL

    try:
        config = read()
    except (ValueError, OSError, KeyError, ImportError) as error:
        raise StrataError(
            f"{directory}/config.json could not be read ({first_line(error)})", "Check the checkpoint"
        ) from error
    names = {name for entry in CAUSAL.values() for name in ([entry] if isinstance(entry, str) else entry)}
    architectures = config.architectures or []
    causal = any(name in names or name.endswith("ForCausalLM") for name in architectures)
    unnamed = not architectures and config.model_type in CAUSAL
    remote = bool(getattr(config, "auto_map", None))
    if config.is_encoder_decoder or not (causal or unnamed or remote):
        label = architectures[0] if architectures else config.model_type
        raise StrataError(f"{spec} is a {label}, not a causal language model", "Give a decoder-only language model")
    return config


def _recorded_hash(directory: Path) -> str | None:
    """The embedded model's hash was taken when it was converted; its size is checked on every opening."""
    record = directory / "strata.json"
    return str(json.loads(record.read_text())["weights_sha256"]) if record.exists() else None


def _move(model: Any, device: torch.device, spec: str) -> Any:
    try:
        return model.to(device)
    except torch.OutOfMemoryError as error:
        raise DoesNotFitError(
            f"{spec} does not fit on {device}", "Try --dtype bfloat16, --device-map auto or --device cpu"
        ) from error
