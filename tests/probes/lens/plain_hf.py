"""What plain Hugging Face says, with a hook of our own: the reference for the lenses."""

from __future__ import annotations

from typing import Any

import torch
import transformers
from torch import Tensor, nn


def streams_and_logits(model: Any, ids: Tensor) -> tuple[Tensor, Tensor]:
    """(streams 0..L "item stream token d_model", logits) of one forward pass."""
    blocks = next(child for child in model.base_model.children() if isinstance(child, nn.ModuleList))
    streams: list[Tensor] = []

    def entering(module: nn.Module, args: tuple[Tensor, ...], kwargs: dict[str, Tensor]) -> None:
        streams.append(args[0] if args else kwargs["hidden_states"])

    def leaving(module: nn.Module, inputs: Any, output: Any) -> None:
        streams.append(output[0] if isinstance(output, tuple) else output)

    handles = [blocks[0].register_forward_pre_hook(entering, with_kwargs=True)]
    handles += [block.register_forward_hook(leaving) for block in blocks]
    try:
        with torch.inference_mode():
            logits = model(input_ids=ids, use_cache=False).logits
    finally:
        for handle in handles:
            handle.remove()
    return torch.stack(streams, dim=1), logits


def scaled_model(family: str, **settings: Any) -> Any:
    """A random model of a family that scales its logits (Cohere, Granite), away from its initial zeros and ones."""
    config = getattr(transformers, f"{family}Config")(
        vocab_size=80,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
        initializer_range=0.2,
        **settings,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return getattr(transformers, f"{family}ForCausalLM")(config).eval().requires_grad_(False)
