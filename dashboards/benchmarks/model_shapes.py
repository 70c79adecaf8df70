"""Randomly initialised models of real shapes: speed and memory don't depend on what the weights know."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import torch

from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.checkpoints.identity import Identity
from strata.probes.checkpoints.open_spec import checkpoint_from
from strata.probes.checkpoints.published_shapes import SHAPES as PUBLISHED
from strata.probes.checkpoints.published_shapes import PublishedShape
from strata.probes.errors import StrataError

SHAPES: Mapping[str, PublishedShape] = MappingProxyType(
    {
        hub_id.partition("/")[2]: PUBLISHED[hub_id]
        for hub_id in ("Qwen/Qwen2.5-1.5B", "Qwen/Qwen2.5-7B", "meta-llama/Llama-3.1-8B")
    }
)
"""By name without the maker's."""


def shaped_checkpoint(name: str, device: torch.device, *, seed: int = 0) -> Checkpoint:
    """A bfloat16 model of a published shape with random weights and a tokenizer that only knows numbers.

    Raises StrataError for a shape that isn't listed.
    """
    from tokenizers import Tokenizer, models
    from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedTokenizerFast

    if name not in SHAPES:
        raise StrataError(f"There is no shape {name!r}", f"Choose among: {', '.join(SHAPES)}")
    config = AutoConfig.for_model(**SHAPES[name].settings)
    with torch.random.fork_rng(devices=[]), torch.device(device):
        torch.manual_seed(seed)
        model = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16, trust_remote_code=False)
    core = Tokenizer(
        models.WordLevel({str(number): number for number in range(100)} | {"<unk>": 100}, unk_token="<unk>")
    )
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=core, unk_token="<unk>")
    identity = Identity(f"{name} (random weights, seed {seed})", "random", "", "")
    return checkpoint_from(model, tokenizer, identity)
