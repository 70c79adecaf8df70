"""Where in an architecture's module tree are the residual stream, its writers and its reader?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import nn

from probes.errors import StrataError

_ATTENTION = ("self_attn", "attn", "attention", "self_attention")
_MLP = ("mlp", "feed_forward", "ffn", "block_sparse_moe")
_FINAL_NORM = ("norm", "ln_f", "final_layer_norm", "final_layernorm")
_PARALLEL_TYPES = frozenset({"gptj", "codegen", "phi", "cohere", "cohere2"})


@dataclass(frozen=True)
class BlockParts:
    block: nn.Module
    """Reads stream l, returns stream l+1."""
    attention: nn.Module
    """Its output (the first element of a tuple) is what attention adds to the stream: a post-norm where there is one."""
    mlp: nn.Module
    """Its output is what the MLP adds to the stream: a post-norm where there is one."""


@dataclass(frozen=True)
class Anatomy:
    body: nn.Module
    """The decoder without the language-model head."""
    blocks: tuple[BlockParts, ...]
    """In depth order."""
    final_norm: nn.Module
    """Applied once, after the last block."""
    parallel: bool
    """Attention and MLP read the same stream, so there is no `resid_mid`."""
    body_path: str
    """Dotted path of the body inside the model."""
    blocks_path: str
    """Dotted path of the list of blocks inside the model."""
    contribution_scale: float = 1.0
    """What the block multiplies both modules' outputs by before adding them to the stream (Granite)."""


def anatomy_of(model: nn.Module) -> Anatomy:
    """Finds the parts of a Hugging Face causal language model. Raises StrataError for a shape it doesn't know."""
    config: Any = model.config
    text_config = config.get_text_config()
    n_layers = getattr(text_config, "num_hidden_layers", None)
    found = [
        (path, module)
        for path, module in model.named_modules()
        if isinstance(module, nn.ModuleList) and len(module) == n_layers and _first(module[0], _MLP) is not None
    ]
    if not found:
        raise StrataError(
            f"No list of {n_layers} transformer blocks was found in {type(model).__name__}",
            "Strata reads decoder-only transformers such as Llama, Qwen, Mistral, Gemma, Phi, OLMo, GPT-2 and GPT-NeoX",
        )
    blocks_path, blocks = found[0]
    body_path = blocks_path.rpartition(".")[0]
    body = model.get_submodule(body_path)
    final_norm = _first(body, _FINAL_NORM)
    if final_norm is None:
        raise StrataError(
            f"{type(body).__name__} has no final norm under any known name",
            "This architecture is not supported yet",
        )
    return Anatomy(
        body=body,
        blocks=tuple(_parts(block) for block in blocks),
        final_norm=final_norm,
        parallel=_is_parallel(text_config),
        body_path=body_path,
        blocks_path=blocks_path,
        contribution_scale=float(getattr(text_config, "residual_multiplier", None) or 1.0),
    )


def _parts(block: Any) -> BlockParts:
    attention, mlp = _first(block, _ATTENTION), _first(block, _MLP)
    if attention is None or mlp is None:
        raise StrataError(
            f"{type(block).__name__} has no attention or no MLP under any known name",
            "This architecture is not supported yet",
        )
    if hasattr(block, "post_self_attn_layernorm") and hasattr(block, "post_mlp_layernorm"):  # GLM-4
        return BlockParts(block, block.post_self_attn_layernorm, block.post_mlp_layernorm)
    # Gemma norms before and after, OLMo 2 only after; in Llama `post_attention_layernorm` comes *before* the MLP.
    norms_after = hasattr(block, "pre_feedforward_layernorm") or not hasattr(block, "input_layernorm")
    if norms_after and hasattr(block, "post_attention_layernorm") and hasattr(block, "post_feedforward_layernorm"):
        return BlockParts(block, block.post_attention_layernorm, block.post_feedforward_layernorm)
    return BlockParts(block, attention, mlp)


def _is_parallel(config: Any) -> bool:
    if config.model_type == "gpt_neox":
        return bool(config.use_parallel_residual)
    if config.model_type == "falcon":
        return bool(config.parallel_attn or config.new_decoder_architecture)
    return config.model_type in _PARALLEL_TYPES


def _first(module: nn.Module, names: tuple[str, ...]) -> Any:
    return next((getattr(module, name) for name in names if hasattr(module, name)), None)
