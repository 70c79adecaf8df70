"""Why can't this directory be opened? Told from its file names, config.json and headers, before anything is loaded."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from strata.probes.checkpoints.config_values import refuse_impossible
from strata.probes.errors import StrataError
from strata.probes.files.foreign_files import MOST_BYTES, read_json_object, refuse_irregular
from strata.probes.foreign_types import ForeignJson

_POINTER = b"version https://git-lfs.github.com/spec/"
_SHARD = re.compile(r"model-\d+-of-(\d+)\.safetensors")
_PLAIN = "Give the checkpoint in bfloat16, float16 or float32"
_OPENED = (".json", ".safetensors", ".model", ".jinja", ".txt", ".py", ".tiktoken")
"""Ends of names of files that transformers, tokenizers or PEFT open by themselves."""
_SETTINGS = ("quantization_config", "compression_config")
_BESIDE = {
    "quantize_config.json": "gptq",
    "quant_config.json": "awq",
    "hf_quant_config.json": "modelopt",
    "quant_strategy.json": "aqlm",
}
"""Files of settings that quantisers wrote before config.json had a place for them."""
_STORED = (
    (re.compile(r"\.g_idx$"), "gptq"),
    (re.compile(r"\.(absmax|quant_map|nested_absmax)$|\.quant_state\.bitsandbytes"), "bitsandbytes"),
    (re.compile(r"\.(SCB|weight_format)$"), "bitsandbytes"),
    (re.compile(r"\.(weight_packed|weight_zero_point|weight_global_scale)$"), "compressed-tensors"),
    (re.compile(r"_proj_blocks$"), "mxfp4"),
    (re.compile(r"\.trellis$"), "exl3"),
    (re.compile(r"\.q_weight$"), "exl2"),
    (re.compile(r"\.W_q$"), "hqq"),
    (re.compile(r"\.(weight_scale_inv|weight_scale)$"), "fp8"),
    (re.compile(r"\.(qweight|qzeros)$"), "gptq or awq"),
)
"""Names of tensors that only a quantised checkpoint holds, the surest first."""
_NARROW = re.compile(r"^(F8_.*|F4.*|F6_.*)$")


def read_config(directory: Path) -> ForeignJson:
    """config.json of a Hugging Face directory. Raises StrataError when there is none, or none that can be a model's."""
    file = directory / "config.json"
    if not file.exists():
        if (directory / "adapter_config.json").exists():
            raise adapter_alone(directory)
        raise StrataError(f"{directory} has no config.json", "Give a directory in Hugging Face's format")
    config = read_object(file)
    refuse_impossible(file, config)
    return config


def read_object(file: Path) -> ForeignJson:
    """What a JSON file of a checkpoint or an adapter holds. Raises StrataError naming why it can't be read."""
    refuse_pointer(file)
    return read_json_object(file, "Copy or download it again: it may be cut short")


def refuse_pointer(file: Path) -> None:
    """Raises StrataError when `file` is no file, or Git LFS left a note of where it is to be had in its place."""
    refuse_irregular(file)
    try:
        with file.open("rb") as stream:
            beginning = stream.read(len(_POINTER))
    except (OSError, ValueError) as error:
        raise StrataError(
            f"{file} could not be read ({getattr(error, 'strerror', None) or error})",
            "Check the path and its permissions",
        ) from error
    if beginning == _POINTER:
        raise StrataError(
            f"{file} is a Git LFS pointer, not the file itself",
            "Run `git lfs pull` in its repository, or download it",
        )


def refuse_irregular_entries(directory: Path) -> None:
    """Raises StrataError when a file that a library would open is a pipe or a device, or settings are longer than any."""
    for file in directory.iterdir() if directory.is_dir() else ():
        if file.suffix not in _OPENED:
            continue
        if not file.is_dir():
            refuse_irregular(file)
        if file.suffix != ".safetensors" and file.is_file() and file.stat().st_size > MOST_BYTES:
            raise StrataError(f"{file} has {file.stat().st_size:,} bytes", "Copy or download it again")


def adapter_alone(directory: Path) -> StrataError:
    """The refusal of an adapter that is given where a model belongs."""
    named = read_object(directory / "adapter_config.json").get("base_model_name_or_path")
    of = f" of {named}" if named else ""
    return StrataError(
        f"{directory} is a PEFT adapter{of}, not a model", f"Give {named or 'BASE'}+{directory}, its base before it"
    )


def refuse_quantised(directory: Path, config: ForeignJson) -> None:
    """Raises StrataError when the settings say that the weights are quantised, of whatever kind."""
    parts = [
        config,
        *(part for part in (config.get("text_config"), config.get("llm_config")) if isinstance(part, dict)),
    ]
    if any(part.get(name) == {} for part in parts for name in _SETTINGS):
        raise StrataError(
            f"{directory}/config.json says that the weights are quantised, but not how (quantization_config is empty)",
            "Take the field out if they are not quantised",
        )
    settings = [part[name] for part in parts for name in _SETTINGS if isinstance(part.get(name), dict) and part[name]]
    if settings:
        raise _quantised(directory, *_method(settings[0]), "its config.json says so")
    beside = next((name for name in _BESIDE if (directory / name).exists()), None)
    if beside is not None:
        raise _quantised(directory, _BESIDE[beside], "", f"it holds a {beside}")


def refuse_quantised_tensors(directory: Path, stored: Iterable[tuple[str, str]]) -> None:
    """The same told from the (name, storage type) of its tensors, whatever the settings say."""
    tensors = list(stored)
    for pattern, method in _STORED:
        name = next((name for name, _ in tensors if pattern.search(name)), None)
        if name is not None:
            raise _quantised(directory, method, "", f"it stores {name}")
    narrow = next(((name, kind) for name, kind in tensors if _is_narrow(name, kind)), None)
    if narrow is not None:
        name, kind = narrow
        method = "fp8" if kind.startswith("F8") else "unknown kind"
        raise _quantised(directory, method, "", f"it stores {name} as {kind}")


def _is_narrow(name: str, kind: str) -> bool:
    # Masks and positions are stored as whole numbers as well.
    return _NARROW.match(kind) is not None or (
        name.endswith("weight") and kind in ("U8", "I8", "I16", "I32", "U16", "U32")
    )


def _method(settings: ForeignJson) -> tuple[str, str]:
    """(kind, precision as text) of a quantisation's settings."""
    bits = settings.get("bits") or (4 if settings.get("load_in_4bit") else 8 if settings.get("load_in_8bit") else None)
    method = settings.get("quant_method") or settings.get("quant_algo")
    if not method:
        method = "bitsandbytes" if settings.get("load_in_4bit") or settings.get("load_in_8bit") else "unknown kind"
    return str(method), f" to {bits} bits" if bits else ""


def _quantised(directory: Path, method: str, precision: str, why: str) -> StrataError:
    return StrataError(f"{directory} is quantised ({method}){precision}: {why}", _PLAIN)


def refuse_own_code(
    directory: Path, config: ForeignJson, remedy: str = "Read that code, then give --trust-remote-code"
) -> None:
    """Raises StrataError when only code that comes with the checkpoint can open it; to be asked where none may run."""
    from transformers import CONFIG_MAPPING
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES as CAUSAL

    model_type, own = config.get("model_type"), config.get("auto_map")
    if isinstance(own, dict) and own:
        brings_model = any(name.startswith("AutoModel") for name in own)
        if model_type not in CONFIG_MAPPING or (brings_model and model_type not in CAUSAL):
            raise StrataError(
                f"{directory} is of a kind ({model_type}) whose Python code comes with the checkpoint",
                remedy,
            )
    elif model_type and model_type not in CONFIG_MAPPING:
        from transformers import __version__

        raise StrataError(
            f"{directory}/config.json could not be read: transformers {__version__} knows no model type {model_type!r}",
            "Install a transformers that knows it, or check the spelling",
        )


def absent_weights(directory: Path) -> StrataError:
    """The refusal of a directory in which there is no weight file that transformers would look for."""
    names = sorted(file.name for file in directory.glob("*.safetensors"))
    dead = [name for name in names if not (directory / name).exists()]
    if dead:
        return StrataError(
            f"{directory / dead[0]} is a link to a file that isn't there", "Put the file there, or download it again"
        )
    shards = [name for name in names if _SHARD.fullmatch(name)]
    if shards:
        total = max(int(_SHARD.fullmatch(name)[1]) for name in shards)  # type: ignore[index]  # it matched just before
        missing = f", and {total - len(shards)} of its {total} shards as well" if len(shards) < total else ""
        return StrataError(
            f"{directory} holds shards of weights, but model.safetensors.index.json is missing{missing}",
            "Download the index: it says which shard holds which weight",
        )
    if any(name.startswith("consolidated") for name in names):
        return StrataError(
            f"{directory} holds its weights only as {names[0]}, a format of its own (Mistral's)",
            "Give the revision or directory with model*.safetensors, or convert it to Hugging Face's format",
        )
    if names == ["adapter_model.safetensors"] and (directory / "adapter_config.json").exists():
        return adapter_alone(directory)
    if names:
        return StrataError(
            f"{directory} holds {names[0]}, but no model.safetensors, which is where transformers looks for weights",
            "Rename it to model.safetensors if it holds the whole model",
        )
    pickled = sorted(f.name for pattern in ("*.bin", "*.pt", "*.pth", "*.ckpt") for f in directory.glob(pattern))
    if pickled:
        return StrataError(
            f"{directory} holds only pickled weights ({pickled[0]}), which can run code when opened",
            "Convert them to safetensors, or use a revision of the model that has them",
        )
    others = sorted(
        f.name for pattern in ("*.gguf", "*.npz", "*.h5", "*.msgpack", "*.onnx") for f in directory.glob(pattern)
    )
    if others:
        also = f"Give {directory / others[0]} itself" if others[0].endswith(".gguf") else "Download model.safetensors"
        return StrataError(f"{directory} holds no *.safetensors weights, only {others[0]}", also)
    return StrataError(f"{directory} holds no *.safetensors weights", "Download the model's weights as well")
