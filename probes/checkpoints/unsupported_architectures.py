"""Which architectures have no stream that goes from the tokens' embeddings to the logits, block by block, and why not?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from strata.probes.checkpoints.block_steps import BlockParts

_TYPES: Mapping[str, str] = {
    "blt": "it reads bytes in patches of its own making, so that its blocks have fewer places than there are tokens",
    "cpmant": "it puts 32 prompt tokens of its own before every text, which have places in the stream and none in the prompt",
    "hrm_text": "its two stacks of blocks run in cycles, so that many streams enter each block in one pass",
    "inkling2_text": "its head reads streams of several earlier blocks beside the last one",
    "prophetnet": "it predicts several tokens ahead from as many streams side by side in each row",
    "reformer": "its blocks are reversible: attention and MLP each write another of two streams, which are joined behind the last block",
    "xlm": "its blocks are no modules: attention, norms and MLPs lie in lists of their own",
    "xlnet": "it predicts tokens in any order, so that a token's stream isn't made from those before it alone",
}


def why_unsuited(config: Any, blocks: tuple[BlockParts, ...] = ()) -> str | None:
    """As a clause; None for an architecture of which nothing of the kind is known."""
    if blocks and hasattr(blocks[0].block, "intermediate") and getattr(config, "is_decoder", True) is False:
        return "its tokens look at those behind them (`is_decoder` of its configuration is false)"
    return _TYPES.get(config.model_type)
