"""Where in an architecture's module tree are the residual stream, its writers and its reader?"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from torch import nn

from strata.probes.checkpoints.block_description import parts_of
from strata.probes.checkpoints.block_steps import BlockParts
from strata.probes.checkpoints.several_streams import joining, n_streams_of
from strata.probes.checkpoints.unsupported_architectures import why_unsuited
from strata.probes.errors import NotSupportedError

_FINAL_NORM: tuple[str, ...] = (
    "norm",
    "ln_f",
    "final_layer_norm",
    "final_layernorm",
    "embedding_norm",
    "norm_f",
    "final_norm",
    "out_norm",
    "ln_out",
    "layer_norm",
    "layernorm",
    "output_layernorm",
    "LayerNorm",
    "ln",
)
_PARALLEL_TYPES = frozenset({"gptj", "codegen", "phi", "cohere", "cohere2"})
_COUNTS_COLUMNS = frozenset({
    "llama4_text", "roberta", "camembert", "data2vec-text", "roberta-prelayernorm", "xmod", "xlm-roberta", "xlm-roberta-xl", "git",
})  # fmt: skip
"""Types whose chunks of attention begin at columns of a batch, or whose positions are counted past pads by the body itself."""
_OF_IMAGES = re.compile(r"vision|image|audio")
_OTHER_FINAL_NORM = {"bigbird_pegasus": "layernorm_embedding"}
_TOKEN_ID = "the token's id"
_BESIDE_BY_MODULE = (
    (_TOKEN_ID, ("per_layer_input_gate", "ple")),
    ("stream 0", ("shared_transf", "shared_transformer")),
)
_BESIDE_BY_SETTING = (("keys and values of earlier blocks", "num_kv_shared_layers"), (_TOKEN_ID, "num_hash_layers"))
_BESIDE_BY_TYPE = (
    ("what the router of the block before computed", frozenset({"zaya"})),
    ("what attention of an earlier block chose", frozenset({"hy_v4"})),
)


@dataclass(frozen=True)
class Anatomy:
    body: nn.Module
    """The decoder without the language-model head."""
    blocks: tuple[BlockParts, ...]
    """In depth order."""
    final_norm: nn.Module | None
    """Applied once, after the last block; None where the head reads the last stream as it is (BART)."""
    parallel: bool
    """Mixer and channel part read the same stream, so there is no `resid_mid`."""
    body_path: str
    """Dotted path of the body inside the model."""
    blocks_path: str
    """Dotted path of the list of blocks inside the model."""
    pads_right: bool = False
    """A pad in front of a prompt would change its numbers: a state or a convolution goes over it, or the body counts it."""
    n_streams: int = 1
    """Of a token; several are read as one of their joint width."""
    joins: nn.Module | None = None
    """Makes one stream of several before the final norm."""
    beside_stream: str | None = None
    """What blocks read beside the stream, if anything: replacing a stream at every position doesn't replace that."""

    @property
    def only_attention(self) -> bool:
        """Whether attention is all that brings in other tokens."""
        return has_only_attention(self.blocks)

    @property
    def is_exact(self) -> bool:
        """Whether every contribution that is read and put back is the same to the last bit."""
        return all(step.is_exact for parts in self.blocks for step in (parts.mixer, parts.channel) if step is not None)


def anatomy_of(model: nn.Module) -> Anatomy:
    """Finds the parts of a Hugging Face causal language model. Raises NotSupportedError for a shape it doesn't know."""
    config: Any = model.config
    text_config = config.get_text_config()
    _refuse_unsuited(model, why_unsuited(text_config))
    blocks_path, blocks = _blocks_of(model, text_config)
    above = blocks_path.rpartition(".")[0]
    body_path = next((path for path in _upwards(above) if _takes(model.get_submodule(path), "input_ids")), above)
    body = model.get_submodule(body_path)
    described = tuple(_parts(model, block, text_config) for block in blocks)
    _refuse_unsuited(model, why_unsuited(text_config, described))
    n_streams = n_streams_of(text_config, described[0].block)
    return Anatomy(
        body=body,
        blocks=described,
        final_norm=_final_norm(model.get_submodule(above), text_config) or _final_norm(body, text_config),
        parallel=_is_parallel(text_config),
        body_path=body_path,
        blocks_path=blocks_path,
        pads_right=not has_only_attention(described)
        or not _takes(body, "position_ids")
        or text_config.model_type in _COUNTS_COLUMNS,
        beside_stream=_beside_stream(text_config, described),
        n_streams=n_streams,
        joins=joining(body, n_streams),
    )


def _refuse_unsuited(model: nn.Module, reason: str | None) -> None:
    if reason is not None:
        raise NotSupportedError(name_of(model), reason)


def name_of(model: nn.Module) -> str:
    """What messages call an architecture: its class and the model type of its configuration."""
    config: Any = model.config
    return f"{type(model).__name__} ({config.model_type})"


def _blocks_of(model: nn.Module, text_config: Any) -> tuple[str, Any]:
    """(dotted path, list) of the text decoder's blocks."""
    names = ("decoder_layers", "num_hidden_layers", "num_layers")
    counts = [count for count in (getattr(text_config, name, None) for name in names) if isinstance(count, int)]
    if not counts:
        raise NotSupportedError(name_of(model), "its configuration doesn't say how many blocks it has")
    if max(counts) == 0:
        raise NotSupportedError(name_of(model), "it has no blocks (num_hidden_layers is 0)")
    candidates = [
        (path, module)
        for count in dict.fromkeys(counts)
        for path, module in model.named_modules()
        if isinstance(module, nn.ModuleList) and len(module) == count > 0 and parts_of(module[0], text_config)
    ]
    if not candidates:
        raise NotSupportedError(
            name_of(model), f"no list of {counts[0]} blocks whose parts have known names was found in it"
        )
    # A vision tower may have as many blocks as the text decoder.
    candidates = [entry for entry in candidates if not _OF_IMAGES.search(entry[0])] or candidates
    of_text: Any = getattr(model, "get_decoder", None)
    decoder = of_text() if of_text is not None else None
    inside = {id(module) for module in decoder.modules()} if isinstance(decoder, nn.Module) else set()
    return next(((path, module) for path, module in candidates if id(module) in inside), candidates[0])


def _parts(model: nn.Module, block: Any, config: Any) -> BlockParts:
    parts = parts_of(block, config)
    if parts is None:
        raise NotSupportedError(name_of(model), f"{type(block).__name__} has no parts under any known name")
    return parts


def _upwards(path: str) -> Iterator[str]:
    """A dotted path, and those of all modules around it, the nearest first."""
    while path:
        yield path
        path = path.rpartition(".")[0]


def has_only_attention(blocks: Sequence[BlockParts]) -> bool:
    return all(parts.mixer is None or parts.mixer.kinds == ("attention",) for parts in blocks)


def _takes(module: nn.Module, argument: str) -> bool:
    return argument in inspect.signature(module.forward).parameters


def _beside_stream(config: Any, blocks: Sequence[BlockParts]) -> str | None:
    found = [
        what for what, names in _BESIDE_BY_MODULE if any(_first(parts.block, names) is not None for parts in blocks)
    ]
    found += [what for what, name in _BESIDE_BY_SETTING if getattr(config, name, None)]
    found += [what for what, types in _BESIDE_BY_TYPE if config.model_type in types]
    return " and ".join(dict.fromkeys(found)) or None


def _final_norm(module: nn.Module, config: Any) -> nn.Module | None:
    other = _OTHER_FINAL_NORM.get(config.model_type)
    return _first(module, _FINAL_NORM if other is None else (other,))


def _is_parallel(config: Any) -> bool:
    if config.model_type == "gpt_neox":
        return bool(config.use_parallel_residual)
    if config.model_type == "falcon":
        return bool(config.parallel_attn or config.new_decoder_architecture)
    return config.model_type in _PARALLEL_TYPES


def _first(module: nn.Module, names: tuple[str, ...]) -> nn.Module | None:
    found = (getattr(module, name, None) for name in names)
    return next((part for part in found if isinstance(part, nn.Module)), None)
