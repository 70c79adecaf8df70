"""What is a body called with for a padded batch? Ids, and mask and position ids where a row would be computed otherwise without."""

from __future__ import annotations

import torch
from torch import Tensor

from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.prompts.batching import Batch


def body_inputs(checkpoint: Checkpoint, batch: Batch) -> dict[str, Tensor]:
    """Keyword arguments of the body for `batch`, which lies on the model's device."""
    if bool(batch.start.any()) or (checkpoint.is_stretched(batch.ids.shape[1]) and batch.padded):
        return {"input_ids": batch.ids, "attention_mask": batch.mask, "position_ids": batch.position_ids}
    # Right padding needs no mask under causal attention, and without one the fast kernels are used. The position ids
    # must go too: their standstill over pads would be taken for packed sequences. GPT-2 warns on the terminal of pad
    # ids without a mask: what nobody sees may as well be a word.
    return {"input_ids": torch.where(batch.mask.bool(), batch.ids, batch.ids[:, :1])}
