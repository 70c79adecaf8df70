"""One call opens any checkpoint: embedded, directory, GGUF or hub, with adapters, ready to measure."""

from __future__ import annotations

import copy
import re
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from strata.probes.checkpoints.architecture_anatomy import anatomy_of
from strata.probes.checkpoints.architecture_caveats import architecture_caveats
from strata.probes.checkpoints.before_unembedding import before_unembedding
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.checkpoints.checkpoint_caveats import CheckpointCaveat
from strata.probes.checkpoints.embedded import embedded_directory
from strata.probes.checkpoints.gguf_file import alone, check_gguf, hash_gguf, load_gguf
from strata.probes.checkpoints.hub import hub_directory
from strata.probes.checkpoints.identity import Identity, hash_config, hash_safetensors, hash_tokenizer
from strata.probes.checkpoints.mixture import caveats_between, mix_weights, mixed_identity, refuse_other_shape
from strata.probes.checkpoints.own_kernels import compute_here, refuse_kernels
from strata.probes.checkpoints.peft_adapter import adapter_settings, with_adapter
from strata.probes.checkpoints.peft_adapter_already_merged import refuse_held_by
from strata.probes.checkpoints.peft_adapter_caveats import adapter_caveats
from strata.probes.checkpoints.peft_adapter_fit import refuse_unmergeable
from strata.probes.checkpoints.quiet_libraries import first_line, guarded, quietly
from strata.probes.checkpoints.readout import readout_of
from strata.probes.checkpoints.refusals import read_config, refuse_own_code, refuse_quantised
from strata.probes.checkpoints.spec import Dose, Spec, parse_dose, parse_spec
from strata.probes.checkpoints.stretched_rope import embed_row_by_row
from strata.probes.checkpoints.trusted_tokenizer import OpenedTokenizer, open_tokenizer
from strata.probes.checkpoints.unfitting_weights import names_are_kept, refuse_far_other_depth, refuse_misfit
from strata.probes.checkpoints.weight_files import WeightFiles, stored_shapes, weight_files
from strata.probes.errors import DoesNotFitError, StrataError, is_out_of_memory
from strata.probes.files.tensor_hash import hash_state
from strata.probes.foreign_types import DeviceMap, ForeignKwargs
from strata.probes.progress import Progress, silent

_CHECK = "Check the checkpoint's files"
_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
_BUFFER = re.compile(r"(rotary_emb\.(inv_freq|cos_cached|sin_cached)|\.masked_bias|(^|\.)position_ids)$")
"""Constants that older versions stored beside the weights and every version computes anew."""


def open_checkpoint(
    spec: str,
    *,
    dtype: str = "auto",
    device: str = "auto",
    device_map: str | DeviceMap | None = None,
    attention: str | None = None,
    trust_remote_code: bool = False,
    progress: Progress = silent,
) -> Checkpoint:
    """Opens `spec` (`smollm2`, directory, `.gguf`, `org/name@revision`, each `+ADAPTER`, or `BASE~0.25~DISTILLED`) for measuring.

    `dtype` auto is the stored one on a GPU and float32 on a CPU; `device` auto is the first GPU, else the CPU.
    `device_map` hands placement to accelerate. Pickled weights are refused, and code from a repository runs only
    with `trust_remote_code`. Raises StrataError for anything the person can mend, DoesNotFitError for memory.
    """
    how = _How(dtype, device_map, attention, trust_remote_code)
    return guarded(lambda: _open(spec, device, how, progress), f"{spec} can't be opened", _CHECK)


def _open(spec: str, device: str, how: _How, progress: Progress) -> Checkpoint:
    dose = parse_dose(spec)
    return _open_one(spec, device, how, progress) if dose is None else _open_between(dose, device, how, progress)


def _open_between(dose: Dose, device: str, how: _How, progress: Progress) -> Checkpoint:
    """Either end is that checkpoint itself; the other one is then looked at without its weights."""
    for end in (dose.base, dose.distilled):
        parse_spec(end)  # what is misspelt is said before anything is opened
    if dose.share in (0, 1):
        end, other = (dose.base, dose.distilled) if dose.share == 0 else (dose.distilled, dose.base)
        opened = _open_one(end, device, how, progress)
        models = {end: opened.model, other: _open_one_on_meta(other, how.dtype, how.trust_remote_code).model}
        refuse_other_shape(dose, models[dose.base], models[dose.distilled])
        return replace(opened, identity=replace(opened.identity, spec=dose.text))
    base = _open_one(dose.base, device, how, progress)
    # On the host, so that a device holds one model: its tensors travel one by one.
    on_host = replace(how, dtype=str(base.dtype).removeprefix("torch."), device_map=None)
    distilled = _open_one(dose.distilled, "cpu", on_host, progress)
    refuse_other_shape(dose, base.model, distilled.model)
    caveats = caveats_between(dose, base, distilled)
    mix_weights(dose, base.model, distilled.model)
    return checkpoint_from(base.model, base.tokenizer, mixed_identity(dose, base.identity, distilled.identity), caveats)


def _open_one(spec: str, device: str, how: _How, progress: Progress) -> Checkpoint:
    parsed = parse_spec(spec)
    place = _device(device)
    refuse_kernels(how.attention, how.trust_remote_code)
    revision: str | None = None
    for adapter in parsed.adapters:
        refuse_unmergeable(adapter, adapter_settings(adapter))
    if parsed.source == "gguf":
        opened = _open_gguf(Path(parsed.base), _dtype(how.dtype, place, torch.float32))
    else:
        directory, revision = checkpoint_directory(parsed, progress)
        opened = _open_directory(directory, spec, place, how)
    model, digest, source = opened.model, opened.weights_sha256, str(parsed.source)
    caveats = list(opened.caveats)
    # Merging changes neither the configuration nor the tokenizer that were opened.
    config = hash_config(model, [adapter_settings(adapter) for adapter in parsed.adapters])
    for count, adapter in enumerate(parsed.adapters):
        refuse_held_by(model, adapter, "+".join([parsed.base, *parsed.adapters[:count]]))
        model, adapter_digest = with_adapter(model, adapter, digest)
        caveats += adapter_caveats(adapter, parsed, opened.directory, opened.tokenizer, weights_sha256)
        digest, source = f"{digest}+{adapter_digest}", f"{source}+adapter"
    if how.device_map is None:
        model = _move(model, place, spec)
    _check_ends(model)
    identity = Identity(
        spec, source, digest, hash_tokenizer(opened.tokenizer), config, revision=revision, files=opened.files
    )
    return checkpoint_from(model, opened.tokenizer, identity, tuple(caveats))


def open_on_meta(spec: str, *, dtype: str = "auto", trust_remote_code: bool = False) -> Checkpoint:
    """Shape, size and tokenizer of `spec` without its weights: nothing can be run on it, but it can be planned for.

    The weights' hash is empty. Raises StrataError as `open_checkpoint` does.
    """
    return guarded(lambda: _open_on_meta(spec, dtype, trust_remote_code), f"{spec} can't be planned for", _CHECK)


def _open_on_meta(spec: str, dtype: str, trust_remote_code: bool) -> Checkpoint:
    dose = parse_dose(spec)
    if dose is None:
        return _open_one_on_meta(spec, dtype, trust_remote_code)
    base, distilled = (_open_one_on_meta(end, dtype, trust_remote_code) for end in (dose.base, dose.distilled))
    refuse_other_shape(dose, base.model, distilled.model)
    return replace(base, identity=replace(base.identity, spec=spec), caveats=caveats_between(dose, base, distilled))


def _open_one_on_meta(spec: str, dtype: str, trust_remote_code: bool) -> Checkpoint:
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

    parsed = parse_spec(spec)
    options: ForeignKwargs = {"local_files_only": True, "trust_remote_code": trust_remote_code}
    with ExitStack() as beside:
        revision: str | None = None
        if parsed.source == "gguf":
            check_gguf(Path(parsed.base))
            directory = beside.enter_context(alone(Path(parsed.base)))
            options["gguf_file"] = Path(parsed.base).name
        elif parsed.source == "hub":
            directory, revision = hub_directory(parsed.base, parsed.revision, weights=False)
            refuse_quantised(directory, read_config(directory))
        else:
            directory, revision = checkpoint_directory(parsed, silent)
        weights = weight_files(directory) if parsed.source in ("directory", "embedded") else None
        if parsed.source != "gguf" and not trust_remote_code:
            refuse_own_code(directory, read_config(directory))
        config = _read_config(directory, spec, lambda: AutoConfig.from_pretrained(directory, **options))
        if weights is not None:
            _refuse_misfit(directory, weights, config, trust_remote_code)
        stored = getattr(config, "dtype", None) or torch.float32
        with torch.device("meta"):
            model = AutoModelForCausalLM.from_config(config, trust_remote_code=trust_remote_code)
        tokenizer = (
            OpenedTokenizer(AutoTokenizer.from_pretrained(directory, **options), ())
            if parsed.source == "gguf"
            else open_tokenizer(directory, trust_remote_code=trust_remote_code)
        )
    caveats = [*(weights.caveats if weights else ()), *tokenizer.caveats]
    for adapter in parsed.adapters:
        refuse_unmergeable(adapter, adapter_settings(adapter))
        here = None if parsed.source == "gguf" else directory
        caveats += adapter_caveats(adapter, parsed, here, tokenizer.tokenizer, None)
    model = model.to(_dtype(dtype, _device("auto"), stored))
    identity = Identity(
        spec, parsed.source, "", hash_tokenizer(tokenizer.tokenizer), hash_config(model), revision=revision
    )
    return checkpoint_from(model, tokenizer.tokenizer, identity, tuple(caveats))


def checkpoint_from(
    model: Any, tokenizer: Any, identity: Identity | None = None, caveats: tuple[CheckpointCaveat, ...] = ()
) -> Checkpoint:
    """A Checkpoint around a Hugging Face model already in memory (identity: a hash over its state dict)."""
    model.eval()
    model.requires_grad_(False)
    if identity is None:
        _check_ends(model)
        identity = Identity(
            "in memory", "memory", hash_state(model.state_dict()), hash_tokenizer(tokenizer), hash_config(model)
        )
    embed_row_by_row(model)
    anatomy = anatomy_of(model)
    caveats = (*caveats, *architecture_caveats(anatomy))
    return Checkpoint(
        model, tokenizer, anatomy, readout_of(model, before_unembedding(model, anatomy)), identity, caveats
    )


def _check_ends(model: Any) -> None:
    for part in (model.get_input_embeddings(), model.get_output_embeddings()):
        if part is not None and part.weight.device.type == "meta":
            raise DoesNotFitError(
                f"The device map has offloaded the embedding or the unembedding of {type(model).__name__}",
                "Keep both on a device (blocks may be offloaded), or try --dtype bfloat16",
            )


def randomly_initialised(checkpoint: Checkpoint, seed: int) -> Checkpoint:
    """The same architecture with fresh weights: the baseline that knows no language (same tokenizer and dtype)."""
    device = checkpoint.device
    # Made where it is used, in the model's dtype: in float32 in host memory 8 G parameters take 32 GB and a minute.
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []), torch.device(device):
        torch.manual_seed(seed)
        # The model's own class, which is loaded already: an Auto class would look for code beside the checkpoint again.
        config = copy.deepcopy(checkpoint.model.config)
        model = type(checkpoint.model)._from_config(
            config, dtype=checkpoint.dtype, attn_implementation=checkpoint.attention
        )
    model = model.to(device)
    identity = Identity(
        f"random-init({checkpoint.identity.spec}, seed {seed})", "random", hash_state(model.state_dict()),
        checkpoint.identity.tokenizer_sha256, hash_config(model),
    )  # fmt: skip
    return replace(checkpoint_from(model, checkpoint.tokenizer, identity), text_start=checkpoint.text_start)


def _device(name: str) -> torch.device:
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise StrataError(
            f"--device {name} can't be used here ({str(error).splitlines()[0]})", "Give cpu, cuda, cuda:N or mps"
        ) from error
    return device


def _dtype(name: str, device: torch.device, stored: torch.dtype) -> torch.dtype:
    if name == "auto":
        # Half precision is slow on most CPUs and buys nothing there; on Apple's GPUs it is little tried.
        return stored if device.type not in ("cpu", "mps") else torch.float32
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


@dataclass(frozen=True)
class _How:
    """What the person chose, as `open_checkpoint` has it."""

    dtype: str
    device_map: str | DeviceMap | None
    attention: str | None
    trust_remote_code: bool


@dataclass(frozen=True)
class _Opened:
    model: Any
    tokenizer: Any
    weights_sha256: str
    files: tuple[str, ...]
    """Names of the weight files."""
    directory: Path | None = None
    """Where they lie; None for a GGUF file."""
    caveats: tuple[CheckpointCaveat, ...] = ()
    """As `Checkpoint` has them."""


def _open_gguf(file: Path, dtype: torch.dtype) -> _Opened:
    model, tokenizer = quietly(lambda: load_gguf(file, dtype))
    return _Opened(model, tokenizer, hash_gguf(file), (file.name,))


def _open_directory(directory: Path, spec: str, device: torch.device, how: _How) -> _Opened:
    from transformers import AutoConfig, AutoModelForCausalLM

    weights = weight_files(directory)  # refuses what is damaged before transformers gets to see it
    trust_remote_code = how.trust_remote_code
    if not trust_remote_code:
        refuse_own_code(directory, read_config(directory))
    config = _read_config(directory, spec, lambda: AutoConfig.from_pretrained(
        directory, local_files_only=True, trust_remote_code=trust_remote_code
    ))  # fmt: skip
    _refuse_misfit(directory, weights, config, trust_remote_code)
    options: ForeignKwargs = {"attn_implementation": how.attention} if how.attention else {}
    stored = getattr(config, "dtype", None) or torch.float32
    try:
        model, loaded = quietly(lambda: AutoModelForCausalLM.from_pretrained(
            directory, config=config, dtype=_dtype(how.dtype, device, stored), device_map=how.device_map, use_safetensors=True,
            local_files_only=True, trust_remote_code=trust_remote_code, output_loading_info=True, **options,
        ))  # fmt: skip
    except (
        Exception
    ) as error:  # transformers raises of every kind, and code that came with the checkpoint whatever it likes
        if is_out_of_memory(error):
            raise DoesNotFitError(
                f"{spec} does not fit into memory", "Try --dtype bfloat16 or --device-map auto"
            ) from error
        _refuse_misfit(directory, weights, config, trust_remote_code, always=True)
        raise StrataError(
            f"{spec} could not be loaded ({first_line(error)})", "Check the checkpoint's files"
        ) from error
    if loaded["missing_keys"]:
        _refuse_misfit(directory, weights, config, trust_remote_code, always=True)
        missing = sorted(loaded["missing_keys"])
        raise StrataError(
            f"{directory} lacks {len(missing)} weights of {type(model).__name__}, among them {missing[0]}",
            "Download it again: a model with made-up weights would be measured otherwise",
        )
    left_over = sorted(key for key in loaded["unexpected_keys"] if not _BUFFER.search(key))
    if left_over:
        raise StrataError(
            f"{directory} holds {len(left_over)} weights that its config.json has no place for, among them {left_over[0]}",
            "Use the config.json that belongs to them: a part of the model would be excluded otherwise",
        )
    tokenizer = open_tokenizer(directory, trust_remote_code=trust_remote_code)
    names = tuple(str(file.relative_to(directory)) for file in weights.files)
    caveats = (*weights.caveats, *tokenizer.caveats)
    return _Opened(model, tokenizer.tokenizer, hash_safetensors(weights.files), names, directory, caveats)


def _refuse_misfit(directory: Path, weights: WeightFiles, config: Any, own_code: bool, *, always: bool = False) -> None:
    """`refuse_misfit` on an empty model. Weights that are converted while they are loaded are looked at only `always`."""
    if own_code:
        return
    from transformers import AutoModelForCausalLM

    stored = stored_shapes(weights.files)
    refuse_far_other_depth(directory, stored, config)
    try:
        with torch.device("meta"):
            model = AutoModelForCausalLM.from_config(copy.deepcopy(config), trust_remote_code=False)
    except Exception:  # loading tells what is wrong, if anything is
        return
    if always or names_are_kept(model):
        refuse_misfit(directory, stored, model)


def weights_sha256(directory: Path) -> str:
    """Of a Hugging Face directory, as `Identity` has it."""
    return hash_safetensors(weight_files(directory).files)


def _read_config(directory: Path, spec: str, read: Any) -> Any:
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES as CAUSAL

    try:
        config = read()
    except Exception as error:  # code that came with the checkpoint raises whatever it likes
        raise StrataError(
            f"{directory}/config.json could not be read ({first_line(error)})", "Check the checkpoint"
        ) from error
    compute_here(config)
    names = {name for entry in CAUSAL.values() for name in ([entry] if isinstance(entry, str) else entry)}
    architectures = config.architectures or []
    causal = any(name in names or name.endswith("ForCausalLM") for name in architectures)
    unnamed = not architectures and config.model_type in CAUSAL
    remote = bool(getattr(config, "auto_map", None))
    if config.is_encoder_decoder or not (causal or unnamed or remote):
        label = architectures[0] if architectures else config.model_type
        if config.get_text_config() is not config and not config.is_encoder_decoder:
            raise StrataError(
                f"{spec} is a {label}, a model of more than text that is not supported",
                "Give its language model, saved by itself with save_pretrained",
            )
        raise StrataError(f"{spec} is a {label}, not a causal language model", "Give a decoder-only language model")
    return config


def _move(model: Any, device: torch.device, spec: str) -> Any:
    try:
        return model.to(device)
    except torch.OutOfMemoryError as error:
        raise DoesNotFitError(
            f"{spec} does not fit on {device}", "Try --dtype bfloat16, --device-map auto or --device cpu"
        ) from error
