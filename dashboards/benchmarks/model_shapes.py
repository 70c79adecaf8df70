"""Randomly initialised models of real shapes: speed and memory don't depend on what the weights know."""

from __future__ import annotations

import torch

from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.checkpoints.identity import Identity
from strata.probes.checkpoints.open_spec import checkpoint_from
from strata.probes.errors import StrataError

Setting = str | float | bool
_QWEN: dict[str, Setting] = {
    "model_type": "qwen2",
    "rms_norm_eps": 1e-6,
    "rope_theta": 1e6,
    "max_position_embeddings": 32768,
}
SHAPES: dict[str, dict[str, Setting]] = {
    "Qwen2.5-1.5B": _QWEN
    | {"hidden_size": 1536, "num_hidden_layers": 28, "num_attention_heads": 12, "num_key_value_heads": 2}
    | {"intermediate_size": 8960, "vocab_size": 151936, "tie_word_embeddings": True},
    "Qwen2.5-7B": _QWEN
    | {"hidden_size": 3584, "num_hidden_layers": 28, "num_attention_heads": 28, "num_key_value_heads": 4}
    | {"intermediate_size": 18944, "vocab_size": 152064, "tie_word_embeddings": False},
    "Llama-3.1-8B": {
        "model_type": "llama", "hidden_size": 4096, "num_hidden_layers": 32, "num_attention_heads": 32,
        "num_key_value_heads": 8, "intermediate_size": 14336, "vocab_size": 128256, "rope_theta": 5e5,
        "max_position_embeddings": 131072, "tie_word_embeddings": False,
    },
}  # fmt: skip
"""Sizes as published in the models' configurations."""


def shaped_checkpoint(name: str, device: torch.device, *, seed: int = 0) -> Checkpoint:
    """A bfloat16 model of a published shape with random weights and a tokenizer that only knows numbers.

    Raises StrataError for a shape that isn't listed.
    """
    from tokenizers import Tokenizer, models
    from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedTokenizerFast

    if name not in SHAPES:
        raise StrataError(f"There is no shape {name!r}", f"Choose among: {', '.join(SHAPES)}")
    config = AutoConfig.for_model(**SHAPES[name])
    with torch.random.fork_rng(devices=[]), torch.device(device):
        torch.manual_seed(seed)
        model = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16, trust_remote_code=False)
    core = Tokenizer(
        models.WordLevel({str(number): number for number in range(100)} | {"<unk>": 100}, unk_token="<unk>")
    )
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=core, unk_token="<unk>")
    identity = Identity(f"{name} (random weights, seed {seed})", "random", "", "")
    return checkpoint_from(model, tokenizer, identity)
