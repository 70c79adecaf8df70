"""Can this adapter be merged into this model, and if not, why? Told from its settings and tensor shapes before merging."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open

from strata.probes.errors import StrataError
from strata.probes.foreign_types import ForeignJson

Shapes = Mapping[str, tuple[int, ...]]
_AHEAD = "base_model.model."
_BLOCK = re.compile(r"\.(?:layers|h|blocks|block)\.(\d+)\.")
_PAIRS = ((".lora_A.weight", ".lora_B.weight"), (".lora_embedding_A", ".lora_embedding_B"))
_RANKS = ("r", "init_r", "target_r", "oft_block_size", "boft_block_size", "boft_block_num", "n_frequency")
"""Settings by which PEFT makes tensors of that size."""
_OWN_VOCABULARY = re.compile(r"\.(embed_tokens|wte|embed_in|word_embeddings|lm_head|embed_out)\.")


def refuse_unmergeable(adapter: str, settings: ForeignJson) -> None:
    """Raises StrataError for a kind of adapter that is no change of weights, or that the installed PEFT doesn't know."""
    from peft import __version__
    from peft.mapping import PEFT_TYPE_TO_CONFIG_MAPPING, PEFT_TYPE_TO_TUNER_MAPPING
    from peft.utils.peft_types import PeftType

    kind = str(settings.get("peft_type") or "").upper()
    if not kind:
        raise StrataError(f"{adapter}/adapter_config.json names no peft_type", "Save the adapter with PEFT again")
    known = {str(peft_type.value).upper(): peft_type for peft_type in PeftType}
    if kind not in known or known[kind] not in PEFT_TYPE_TO_CONFIG_MAPPING:
        raise StrataError(
            f"The adapter {adapter} is of a kind ({kind}) that PEFT {__version__} doesn't know",
            "Install a PEFT that knows it, or merge it where it was made and give the result",
        )
    tuner = PEFT_TYPE_TO_TUNER_MAPPING.get(known[kind])
    if tuner is None or not hasattr(tuner, "merge_and_unload"):
        raise _cannot_be_merged(adapter, kind)
    if settings.get("layer_replication"):
        raise StrataError(
            f"The adapter {adapter} repeats blocks of its base (layer_replication), which makes another model of it",
            "Merge it into its base with PEFT, save the result, and give that directory",
        )
    if settings.get("alora_invocation_tokens"):
        raise StrataError(
            f"The adapter {adapter} acts only behind certain tokens (alora_invocation_tokens), so that it can't be merged "
            "into weights",
            "Give an adapter that changes weights, such as LoRA",
        )


def _cannot_be_merged(adapter: str, kind: str) -> StrataError:
    return StrataError(
        f"The adapter {adapter} is of a kind ({kind}) that can't be merged into weights",
        "Give an adapter that changes weights, such as LoRA",
    )


def refuse_broken(adapter: str, weights: Path) -> None:
    """Raises StrataError when one half of a factor is missing, or numbers are not finite."""
    with safe_open(str(weights), framework="pt") as file:
        names = set(file.keys())
        for half, other in (*_PAIRS, *((b, a) for a, b in _PAIRS)):
            alone = sorted(n for n in names if n.endswith(half) and n.removesuffix(half) + other not in names)
            if alone:
                raise StrataError(
                    f"The adapter {adapter} is incomplete and does not fit this base model: it holds {alone[0]}, but not the "
                    f"{other.removeprefix('.')} that belongs to it",
                    "Copy or download it again",
                )
        for name in sorted(names):
            values = file.get_tensor(name)
            if values.numel() == 0:
                raise StrataError(
                    f"The adapter {adapter} holds an empty tensor ({name}): it was saved while its parts lay on other devices",
                    "Gather the weights (ZeRO-3, FSDP) and save it again",
                )
            if values.is_floating_point() and not torch.isfinite(values).all():
                raise StrataError(
                    f"The adapter {adapter} holds numbers that are not finite ({name})",
                    "Use an earlier state of its training, or copy it again",
                )


def refuse_impossible_ranks(adapter: str, settings: ForeignJson, stored: Shapes) -> None:
    """Raises StrataError when the settings name a rank that no stored tensor has room for: PEFT would make tensors of it."""
    widest = max((max(shape, default=1) for shape in stored.values()), default=1)
    ranks = {name: settings[name] for name in _RANKS if settings.get(name) is not None}
    patterns = settings.get("rank_pattern")
    ranks |= {f"rank_pattern {key!r}": rank for key, rank in patterns.items()} if isinstance(patterns, dict) else {}
    for name, rank in ranks.items():
        if isinstance(rank, bool) or not isinstance(rank, int) or not 0 <= rank <= widest:
            raise StrataError(
                f"adapter_config.json of {adapter} says {name} {str(rank)[:40]}, but its largest tensor side is {widest}",
                "Use the adapter_config.json that belongs to its weights",
            )


def refuse_other_base(adapter: str, stored: Shapes, model: Any) -> None:
    """Raises StrataError when `stored`, an adapter's tensors, were made for a model of another vocabulary, depth or width."""
    _refuse_other_vocabulary(adapter, stored, model)
    if _depth(stored) > _depth_of(model):
        refuse_other_depth(adapter, stored, model)
    low, high = _PAIRS[0]
    for name, shape in sorted(stored.items()):
        if name.endswith((low, high)) and len(shape) == 2:
            _refuse_other_width(adapter, name, shape, model, is_low=name.endswith(low))


def _refuse_other_vocabulary(adapter: str, stored: Shapes, model: Any) -> None:
    rows = int(model.get_input_embeddings().weight.shape[0])
    for name, shape in sorted(stored.items()):
        vocabulary = _vocabulary_of(name, shape)
        if vocabulary is not None and vocabulary != rows:
            raise StrataError(
                f"The adapter {adapter} was trained on a model with a resized vocabulary: {vocabulary} tokens, this base has {rows} "
                f"({name.removeprefix(_AHEAD)})",
                "Merge it into the resized base with PEFT, save the result, and give that directory",
            )


def _vocabulary_of(name: str, shape: tuple[int, ...]) -> int | None:
    """How many tokens the model had whose embedding or unembedding this tensor belongs to; None for other tensors."""
    if _OWN_VOCABULARY.search(f"{name}.") is None or len(shape) != 2:
        return None
    head = re.search(r"\.(lm_head|embed_out)\.", name) is not None
    if name.endswith("lora_embedding_A"):
        return shape[1]
    if name.endswith("lora_B.weight"):
        return shape[0] if head else None
    if name.endswith(".weight") and "lora_" not in name:
        return shape[0]
    return None


def refuse_other_depth(adapter: str, stored: Shapes, model: Any) -> None:
    """Raises StrataError when an adapter's blocks are not as many as the model's."""
    depth, own = _depth(stored), _depth_of(model)
    if depth != own and depth > 0 and own > 0:
        raise StrataError(
            f"The adapter {adapter} does not fit this base model: it has weights for {depth} blocks, the base has {own}",
            "Check which base it was trained on",
        )


def _depth_of(model: Any) -> int:
    return _depth(f".{name}" for name, _ in model.named_parameters())


def _depth(names: Any) -> int:
    return max((int(match[1]) + 1 for name in names if (match := _BLOCK.search(name))), default=0)


def _refuse_other_width(adapter: str, name: str, shape: tuple[int, ...], model: Any, *, is_low: bool) -> None:
    module_name = name.removeprefix(_AHEAD).rpartition(".lora_")[0]
    try:
        module = model.get_submodule(module_name)
    except AttributeError:
        return
    weight = getattr(module, "weight", None)
    if weight is None or weight.dim() != 2:
        return
    transposed = type(module).__name__ == "Conv1D"
    outputs, inputs = reversed(weight.shape) if transposed else weight.shape
    width, wanted = (shape[1], inputs) if is_low else (shape[0], outputs)
    if width != wanted:
        raise StrataError(
            f"The adapter {adapter} does not fit this base model: {module_name} {'reads' if is_low else 'writes'} {wanted} "
            f"numbers, its change {width}",
            "Check which base it was trained on",
        )


def not_in_place(wanted: set[str], stored: set[str], own: set[str]) -> list[str]:
    """Names that one of adapter and model has and the other hasn't; whole weights of the base may be stored as well."""
    copies = {name for name in stored if name.replace(".base_layer.", ".") in own}
    return sorted((wanted - stored) | (stored - wanted - own - copies))


def acts_alike(beside: torch.Tensor, merged: torch.Tensor, dtype: torch.dtype) -> bool:
    """Whether logits with the adapter beside the weights and with it merged are the same up to rounding in `dtype`."""
    beside, merged = (logits.float() - logits.float().mean(dim=-1, keepdim=True) for logits in (beside, merged))
    # Merging rounds every changed weight once more, which in half precision shows in the third digit.
    return float((beside - merged).norm()) <= (2e-3 if dtype == torch.float32 else 0.1) * float(beside.norm())


def trial_ids(n_tokens: int, n: int = 12) -> Sequence[int]:
    """A few ids from all over the vocabulary."""
    return [place * (n_tokens - 1) // (n - 1) for place in range(n)]
