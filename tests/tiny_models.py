"""Small random models of ten architectures and a word-level tokenizer, built in memory from their configurations."""

from __future__ import annotations

import string
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedTokenizerFast

from strata.probes.checkpoints.block_steps import Added, Source
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.checkpoints.open_spec import checkpoint_from

SPECIAL = ("<pad>", "<s>", "</s>", "<unk>")
WORDS = (*string.ascii_lowercase, *string.digits, "Paris", "France", "is", "in", "the", "of", "+", "=", ".", ",")
VOCAB_SIZE = 80
"""Some ids beyond the tokenizer's, as in most published models."""
D_MODEL = 32
N_LAYERS = 3
SLIDING_WINDOW = 4
"""Shorter than any test prompt, so that a forgotten sliding mask shows."""

_COMMON: dict[str, Any] = {
    "vocab_size": VOCAB_SIZE,
    "initializer_range": 0.2,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "tie_word_embeddings": False,
}
_SHAPE: dict[str, Any] = {
    "hidden_size": D_MODEL,
    "intermediate_size": 48,
    "num_hidden_layers": N_LAYERS,
    "num_attention_heads": 4,
    "max_position_embeddings": 64,
}
_GROUPED: dict[str, Any] = {**_SHAPE, "num_key_value_heads": 2, "head_dim": 8}
_GEMMA: dict[str, Any] = {
    **_GROUPED,
    "sliding_window": SLIDING_WINDOW,
    "query_pre_attn_scalar": 8,
    "tie_word_embeddings": True,
}

_OWN: dict[str, tuple[str, dict[str, Any]]] = {
    "llama": ("LlamaConfig", _GROUPED),
    "qwen2": ("Qwen2Config", {**_GROUPED, "tie_word_embeddings": True}),
    "qwen3": ("Qwen3Config", _GROUPED),
    "mistral": ("MistralConfig", {**_GROUPED, "sliding_window": SLIDING_WINDOW}),
    "gemma2": ("Gemma2Config", {**_GEMMA, "attn_logit_softcapping": 2.0, "final_logit_softcapping": 3.0}),
    "gemma3": (
        "Gemma3TextConfig",
        {**_GEMMA, "layer_types": ["sliding_attention", "full_attention", "sliding_attention"]},
    ),
    "phi3": ("Phi3Config", {**_GROUPED, "original_max_position_embeddings": 64}),
    "olmo2": ("Olmo2Config", _GROUPED),
    "gpt2": (
        "GPT2Config",
        {"n_embd": D_MODEL, "n_layer": N_LAYERS, "n_head": 4, "n_inner": 48, "n_positions": 64}
        | {"tie_word_embeddings": True},
    ),
    "gpt_neox": ("GPTNeoXConfig", {**_SHAPE, "use_parallel_residual": True, "rotary_pct": 0.5}),
}

ARCHITECTURES = tuple(_OWN)


def tiny_tokenizer(*, adds_bos: bool = False) -> PreTrainedTokenizerFast:
    """Splits at white space; unknown words become `<unk>`. `adds_bos`: puts `<s>` before every text."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    vocabulary = {word: index for index, word in enumerate((*SPECIAL, *WORDS))}
    core = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    core.pre_tokenizer = pre_tokenizers.Split(" ", "removed")
    if adds_bos:
        core.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    return PreTrainedTokenizerFast(
        tokenizer_object=core, pad_token="<pad>", bos_token="<s>", eos_token="</s>", unk_token="<unk>"
    )


def tiny_model(architecture: str, *, dtype: torch.dtype = torch.float32, seed: int = 0, **changes: Any) -> Any:
    """A random causal language model of 3 blocks and width 32, in evaluation mode.

    Weights are large and every norm and bias is drawn as well, so that a wrong layer, a missing norm or a missing
    bias is no rounding error. `changes` overrides fields of the configuration.
    """
    import transformers

    config_name, own = _OWN[architecture]
    config = getattr(transformers, config_name)(**{**_COMMON, **own, **changes})
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = transformers.AutoModelForCausalLM.from_config(config)
        with torch.no_grad():
            for parameter in model.parameters():
                if parameter.dim() == 1:
                    parameter.add_(0.3 * torch.randn_like(parameter))
    return model.to(dtype).eval()


def tiny_checkpoint(
    architecture: str,
    *,
    dtype: torch.dtype = torch.float32,
    seed: int = 0,
    adds_bos: bool = False,
    **changes: Any,
) -> Checkpoint:
    """`tiny_model` with `tiny_tokenizer`, opened."""
    model = tiny_model(architecture, dtype=dtype, seed=seed, **changes)
    return checkpoint_from(model, tiny_tokenizer(adds_bos=adds_bos))


def counts_from_its_mask(checkpoint: Checkpoint) -> None:
    """From now on the body takes no position ids: it numbers the tokens of a row as its mask tells them from pads."""

    def counted(_body: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        mask = kwargs.get("attention_mask")
        if mask is None:
            return args, {**kwargs, "position_ids": None}
        return args, {**kwargs, "position_ids": (mask.cumsum(-1) - 1).clamp(min=0)}

    checkpoint.body.register_forward_pre_hook(counted, with_kwargs=True)


def adds(module: nn.Module) -> Added:
    """The step of a block that adds what `module` returns."""
    return Added(("attention",), (Source(module),))
