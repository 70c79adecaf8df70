"""Where in an architecture's module tree are the residual stream, its writers and its reader?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import nn

from strata.probes.errors import NotSupportedError

_ATTENTION = ("self_attn", "attn", "attention", "self_attention")
_MLP = ("mlp", "feed_forward", "ffn", "block_sparse_moe")
_OUTPUT_PROJECTION = ("o_proj", "c_proj", "out_proj", "dense", "wo")
_FINAL_NORM = ("norm", "ln_f", "final_layer_norm", "final_layernorm")
_LAST_WRITERS = (
    ("post_self_attn_layernorm", "post_mlp_layernorm"),  # GLM-4
    ("post_norm1", "post_norm2"),  # HyperCLOVA X
    ("attn_sconv", "mlp_sconv"),  # Inkling
)
"""What stands between attention or MLP and the stream, where it has names that say so."""
_PARALLEL_TYPES = frozenset({"gptj", "codegen", "phi", "cohere", "cohere2"})


@dataclass(frozen=True)
class BlockParts:
    block: nn.Module
    """Reads stream l, returns stream l+1."""
    attention: nn.Module
    """Its output (the first element of a tuple) is what attention adds to the stream: a post-norm where there is one."""
    mlp: nn.Module
    """Its output is what the MLP adds to the stream: a post-norm where there is one."""
    output_projection: nn.Module | None = None
    """Reads the heads' outputs side by side; None where it has no known name."""


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
    """What the block multiplies both modules' outputs by before adding them to the stream (Granite, MiniCPM 3)."""


def anatomy_of(model: nn.Module) -> Anatomy:
    """Finds the parts of a Hugging Face causal language model. Raises NotSupportedError for a shape it doesn't know."""
    config: Any = model.config
    text_config = config.get_text_config()
    blocks_path, blocks = _blocks_of(model, text_config)
    body_path = blocks_path.rpartition(".")[0]
    body = model.get_submodule(body_path)
    final_norm = _first(body, _FINAL_NORM)
    if final_norm is None:
        raise NotSupportedError(name_of(model), f"{type(body).__name__} has no final norm under any known name")
    return Anatomy(
        body=body,
        blocks=tuple(_parts(model, block) for block in blocks),
        final_norm=final_norm,
        parallel=_is_parallel(text_config),
        body_path=body_path,
        blocks_path=blocks_path,
        contribution_scale=_contribution_scale(blocks[0], text_config),
    )


def name_of(model: nn.Module) -> str:
    """What messages call an architecture: its class and the model type of its configuration."""
    config: Any = model.config
    return f"{type(model).__name__} ({config.model_type})"


def _blocks_of(model: nn.Module, text_config: Any) -> tuple[str, Any]:
    """(dotted path, list) of the text decoder's blocks."""
    n_layers = getattr(text_config, "num_hidden_layers", None)
    if n_layers is None:
        raise NotSupportedError(name_of(model), "its configuration doesn't say how many blocks it has")
    if n_layers == 0:
        raise NotSupportedError(name_of(model), "it has no blocks (num_hidden_layers is 0)")
    candidates = [
        (path, module)
        for path, module in model.named_modules()
        if isinstance(module, nn.ModuleList) and len(module) == n_layers and _first(module[0], _MLP) is not None
    ]
    if not candidates:
        raise NotSupportedError(
            name_of(model), f"no list of {n_layers} blocks, each with an MLP under a known name, was found in it"
        )
    # A vision tower may have as many blocks as the text decoder.
    of_text: Any = getattr(model, "get_decoder", None)
    decoder = of_text() if of_text is not None else None
    inside = {id(module) for module in decoder.modules()} if isinstance(decoder, nn.Module) else set()
    return next(((path, module) for path, module in candidates if id(module) in inside), candidates[0])


def _parts(model: nn.Module, block: Any) -> BlockParts:
    attention, mlp = _first(block, _ATTENTION), _first(block, _MLP)
    if attention is None or mlp is None:
        lacks = "attention" if attention is None else "MLP"
        raise NotSupportedError(name_of(model), f"{type(block).__name__} has no {lacks} under any known name")
    projection = _output_projection(attention)
    for names in _LAST_WRITERS:
        if all(hasattr(block, name) for name in names):
            return BlockParts(block, getattr(block, names[0]), getattr(block, names[1]), projection)
    # Gemma norms before and after, OLMo 2 only after; in Llama `post_attention_layernorm` comes *before* the MLP.
    norms_after = hasattr(block, "pre_feedforward_layernorm") or not hasattr(block, "input_layernorm")
    if norms_after and hasattr(block, "post_attention_layernorm") and hasattr(block, "post_feedforward_layernorm"):
        return BlockParts(block, block.post_attention_layernorm, block.post_feedforward_layernorm, projection)
    if all(hasattr(block, name) for name in ("post_attention_layernorm", "pre_mlp_layernorm", "post_mlp_layernorm")):
        return BlockParts(block, block.post_attention_layernorm, block.post_mlp_layernorm, projection)  # AFMoE
    return BlockParts(block, attention, mlp, projection)


def _output_projection(attention: nn.Module) -> nn.Module | None:
    """The module of that name nearest to the top: GPT-Neo has one attention inside another."""
    named = [
        (path.count("."), module)
        for path, module in attention.named_modules()
        if path.rpartition(".")[2] in _OUTPUT_PROJECTION
    ]
    return min(named, key=lambda entry: entry[0])[1] if named else None


def _contribution_scale(block: Any, config: Any) -> float:
    own = getattr(block, "residual_scale", None)  # MiniCPM 3
    if isinstance(own, float):
        return own
    return float(getattr(config, "residual_multiplier", None) or 1.0)


def _is_parallel(config: Any) -> bool:
    if config.model_type == "gpt_neox":
        return bool(config.use_parallel_residual)
    if config.model_type == "falcon":
        return bool(config.parallel_attn or config.new_decoder_architecture)
    return config.model_type in _PARALLEL_TYPES


def _first(module: nn.Module, names: tuple[str, ...]) -> Any:
    return next((getattr(module, name) for name in names if hasattr(module, name)), None)
