"""From a block of an architecture to its steps: found by the names of its modules, and judged by the self-tests of the gate."""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Callable, Iterable
from typing import Any

from torch import Tensor, nn

from strata.probes.checkpoints.block_steps import Added, Between, BlockParts, MixerKind, Place, Source, StepKind

_MIXERS: tuple[str, ...] = (
    "self_attn",
    "attn",
    "attention",
    "self_attention",
    "multi_head_attention",
    "temporal_block",
    "linear_attn",
    "mamba",
    "conv",
    "mlstm_layer",
    "mixer",
)
_CHANNELS = ("mlp", "feed_forward", "ffn", "block_sparse_moe", "shared_mlp", "mlp_block")
_OUTPUT_PROJECTION = ("o_proj", "c_proj", "out_proj", "dense", "wo")
_LAST_WRITERS = (
    ("post_self_attn_layernorm", "post_mlp_layernorm"),  # GLM-4
    ("post_norm1", "post_norm2"),  # HyperCLOVA X
    ("post_operator_norm", "post_ffn_norm"),  # LFM 3
)
"""What stands between mixer or channel part and the stream, where it has names that say so."""
_KINDS: tuple[tuple[str, MixerKind], ...] = (
    (r"mamba", "state space"),
    (r"linear_?att|lightning|delta|kda", "linear attention"),
    (r"conv", "convolution"),
    (r"recurrentblock|rwkv|lstm", "recurrence"),
)
_STREAMS_ALONG = {"attn_hc": 2, "altup": 0}
"""Axis of the streams of a token, by a name that tells the kind of block."""
_NORMS_IN_THE_STREAM = frozenset({"bart", "blenderbot-small", "marian", "mvp", "plbart", "trocr", "openai-gpt"})
"""Types that normalise the stream itself, with modules named as in types whose norms stand beside it."""


def parts_of(block: Any, config: Any) -> BlockParts | None:
    """The description of a block; None for one of which nothing is known by name."""
    return next((parts for parts in (rule(block, config) for rule in _RULES) if parts is not None), None)


def _as_a_whole(block: Any, config: Any) -> BlockParts | None:
    """Blocks of which only the whole can be replaced.

    Several streams a token that are mixed anew around each step (DeepSeek 4, Gemma 3n), two attentions in turn (LongCat), a
    channel part that reads tokens before as well (RWKV, Inkling).
    """
    names = ("attn_hc", "attn_hyper_connection", "altup", "mlp_sconv")
    looks_back = hasattr(_present(block, "feed_forward"), "time_shift")
    several = isinstance(_present(block, "self_attn"), nn.ModuleList)
    if not looks_back and not several and not any(hasattr(block, name) for name in names):
        return None
    axis = next((axis for name, axis in _STREAMS_ALONG.items() if hasattr(block, name)), None)
    step = Between(("whole block",), Place(block, "input", axis), Place(block, "output", axis))
    return BlockParts(block, step, None, axis=axis)


def _around_shared(block: Any, config: Any) -> BlockParts | None:
    """Zamba: what a transformer that blocks share says enters a state-space module, which alone adds to the stream."""
    inner = getattr(block, "mamba_decoder", None)
    return None if inner is None else BlockParts(block, _added("mamba", inner.mamba), None)


def _of_bert(block: Any, config: Any) -> BlockParts | None:
    """Attention and output return the stream with their own output added, in most of the family normalised."""
    if not all(hasattr(block, name) for name in ("attention", "intermediate", "output")):
        return None
    return _in_series(block, ("attention",), block.attention)


def _of_bart(block: Any, config: Any) -> BlockParts | None:
    if not all(hasattr(block, name) for name in ("self_attn", "self_attn_layer_norm", "fc2")):
        return None
    projection = _projection(block.self_attn)
    if not getattr(block, "do_layer_norm_before", config.model_type not in _NORMS_IN_THE_STREAM):
        return _in_series(block, ("attention",), block.self_attn_layer_norm, projection)
    mixer = _added("self_attn", block.self_attn)
    return BlockParts(block, mixer, _rest(block, mixer), projection)


def _stream_between(block: Any, config: Any) -> BlockParts | None:
    """Blocks in which a module returns the stream as it is after the mixer."""
    if config.model_type == "openai-gpt":
        return _in_series(block, ("attention",), block.ln_1, _projection(block.attn))
    if hasattr(block, "attn_alpha_factor"):  # MiniMax adds to the normed stream
        kinds = _kinds_of("self_attn", block.self_attn)
        return _in_series(block, kinds, block.post_attention_layernorm, _projection(block.self_attn))
    if hasattr(block, "post_attention_residual_scale"):  # Zaya scales both by vectors
        return _in_series(block, _kinds_of("self_attn", block.self_attn), block.post_attention_residual_scale)
    if hasattr(block, "self_att") and hasattr(block, "ffn"):  # CPM-Ant
        return _in_series(block, ("attention",), block.self_att)
    attention = _present(block, "self_attention")
    if attention is not None and _takes_residual(attention):  # BLOOM
        return _in_series(block, ("attention",), attention, _projection(attention))
    return None


def _inside_norms(block: Any, config: Any) -> BlockParts | None:
    """DBRX keeps its attention inside the module of its norms."""
    norms = _present(block, "norm_attn_norm")
    if norms is None:
        return None
    return BlockParts(block, _added("attn", norms.attn), _added_channel([block.ffn], 1.0), _projection(norms.attn))


def _scaled_by_depth(block: Any, config: Any) -> BlockParts | None:
    """Beam: each sum of n parts keeps the size of one."""
    if not hasattr(block, "attn_residual_add_idx"):
        return None

    def step(kinds: tuple[StepKind, ...], writer: nn.Module, before: Place, number: int) -> Added:
        return Added(kinds, (Source(writer, 1 / math.sqrt(number)),), before, math.sqrt((number - 1) / number))

    middle = Place(block.pre_feedforward_layernorm, "input")
    return BlockParts(
        block,
        step(("attention",), block.post_attention_layernorm, Place(block, "input"), block.attn_residual_add_idx),
        step(_channel_kinds(block.mlp), block.post_feedforward_layernorm, middle, block.mlp_residual_add_idx),
        _projection(block.self_attn),
    )


def _by_names(block: Any, config: Any) -> BlockParts | None:
    mixers, channels = _all_present(block, _MIXERS), _all_present(block, _CHANNELS)
    if not mixers and not channels:
        return None
    scale = _contribution_scale(block, config)
    if not mixers:
        return BlockParts(block, None, _added_channel([next(iter(channels.values()))], scale))
    name, module = next(iter(mixers.items()))
    kinds = _kinds_of(name, module)
    if not channels and re.search(r"mlp|moe|expert", type(module).__name__, re.IGNORECASE):  # Nemotron-H
        return BlockParts(block, None, _added_channel([module], scale))
    projection = _projection(module) if kinds == ("attention",) else None
    writers = _writers(block)
    mixer, bias = Added(kinds, (Source(writers[0] if writers else module, scale),)), getattr(module, "dense_bias", None)
    if set(mixers) == {"self_attn", "mamba"}:  # Falcon-H1: side by side
        scales = scale * block.attn_out_multiplier, scale * block.ssm_out_multiplier
        sources = Source(mixers["self_attn"], scales[0]), Source(mixers["mamba"], scales[1])
        mixer = Added(("attention", "state space"), sources)
    elif hasattr(block, "input_residual"):  # Doge
        mixer = Added(kinds, mixer.sources, Place(block, "input"), block.input_residual)
    elif isinstance(bias, Tensor):  # GPT-NeoX Japanese
        mixer = Added(kinds, mixer.sources, bias=bias)
    if not channels:
        return BlockParts(block, mixer, None, projection)
    together = set(channels) == {"block_sparse_moe", "shared_mlp"}  # Granite: one expert always speaks
    found = list(channels.values())[: None if together else 1]
    if _adds_more(block) or _takes_residual(found[0]):
        return BlockParts(block, mixer, _rest(block, mixer), projection)
    channel = Added(_channel_kinds(found[0]), (Source(writers[1], scale),)) if writers else _added_channel(found, scale)
    return BlockParts(block, mixer, channel, projection)


def _adds_more(block: Any) -> bool:
    """Gemma 4 adds per-layer embeddings and scales the whole, Doge scales the stream by a vector."""
    return any(hasattr(block, name) for name in ("per_layer_input_gate", "layer_scalar", "post_attention_residual"))


def _writers(block: Any) -> tuple[nn.Module, nn.Module] | None:
    """What stands between the two parts and the stream."""
    for first, second in _LAST_WRITERS:
        if hasattr(block, first) and hasattr(block, second):
            return getattr(block, first), getattr(block, second)
    # Gemma norms before and after, OLMo 2 only after; in Llama `post_attention_layernorm` comes *before* the MLP.
    norms_after = hasattr(block, "pre_feedforward_layernorm") or not hasattr(block, "input_layernorm")
    if norms_after and hasattr(block, "post_attention_layernorm") and hasattr(block, "post_feedforward_layernorm"):
        return block.post_attention_layernorm, block.post_feedforward_layernorm
    if all(hasattr(block, name) for name in ("post_attention_layernorm", "pre_mlp_layernorm", "post_mlp_layernorm")):
        return block.post_attention_layernorm, block.post_mlp_layernorm  # AFMoE
    return None


def _in_series(
    block: Any, kinds: tuple[StepKind, ...], after_mixer: nn.Module, projection: nn.Module | None = None
) -> BlockParts:
    """A block whose stream between its two steps is what `after_mixer` returns."""
    middle = Place(after_mixer, "output")
    channel = Between(_channel_kinds(*_all_present(block, _CHANNELS).values()), middle, Place(block, "output"))
    return BlockParts(block, Between(kinds, Place(block, "input"), middle), channel, projection)


def _rest(block: Any, mixer: Added) -> Between:
    """Whatever a block does after its mixer."""
    kinds = _channel_kinds(*_all_present(block, _CHANNELS).values())
    return Between(kinds, Place(block, "input"), Place(block, "output"), mixer)


def _added(name: str, module: nn.Module) -> Added:
    return Added(_kinds_of(name, module), (Source(module),))


def _added_channel(modules: list[Any], scale: float) -> Added:
    """Modules side by side."""
    return Added(_channel_kinds(*modules), tuple(Source(module, scale) for module in modules))


def _kinds_of(name: str, module: nn.Module) -> tuple[StepKind, ...]:
    text = f"{name} {type(module).__name__}".lower()
    kind = next((kind for pattern, kind in _KINDS if re.search(pattern, text)), None)
    if kind is not None:
        return (kind,)
    # Zaya's keys and values go through a convolution first.
    convolves = any(isinstance(part, nn.Conv1d) for part in module.modules())
    return ("attention", "convolution") if convolves else ("attention",)


def _channel_kinds(*modules: Any) -> tuple[StepKind, ...]:
    kinds: Iterable[StepKind] = ("mixture of experts" if _has_experts(module) else "MLP" for module in modules)
    return tuple(dict.fromkeys(kinds)) or ("MLP",)


def _has_experts(module: Any) -> bool:
    return hasattr(module, "experts") or hasattr(module, "router")


def _projection(attention: nn.Module) -> nn.Module | None:
    """The output projection nearest to the top: GPT-Neo has one attention inside another."""
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


def _takes_residual(module: Any) -> bool:
    return "residual" in inspect.signature(module.forward).parameters


def _present(block: Any, name: str) -> Any:
    """A submodule of that name; None where there is none, or where this block leaves it out."""
    return getattr(block, name, None)


def _all_present(block: Any, names: tuple[str, ...]) -> dict[str, nn.Module]:
    """By name, in the order of `names`."""
    found = {name: _present(block, name) for name in names}
    return {name: module for name, module in found.items() if isinstance(module, nn.Module)}


_RULES: tuple[Callable[[Any, Any], BlockParts | None], ...] = (
    _as_a_whole, _around_shared, _of_bert, _of_bart, _stream_between, _inside_norms, _scaled_by_depth, _by_names,
)  # fmt: skip
