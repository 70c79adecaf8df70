"""From the last stream of an edited run to what is compared: a logit difference, a choice, a divergence."""

from __future__ import annotations

import torch
from einops import einsum
from jaxtyping import Float, Int
from torch import Tensor

from strata.probes.checkpoints.readout import Readout

LEAST_DIFFERENCE = 1.0
"""Logits by which the clean run must prefer the answer more than the corrupted run does; a weaker pair has nothing to move."""


def token_logits(
    readout: Readout, h: Float[Tensor, "edit item d_model"], tokens: Int[Tensor, "item token"]
) -> Float[Tensor, "edit item token"]:
    """The logits of a few tokens an item from the last stream, in float32 and without the rest of the vocabulary."""
    normed = readout.normed(h).float()
    at = tokens.to(readout.weight.device)
    logits = einsum(normed, readout.weight[at].float(), "edit item d_model, item token d_model -> edit item token")
    if readout.bias is not None:
        logits = logits + readout.bias[at].float()
    return readout.transform(logits)


def logit_difference(
    readout: Readout, h: Float[Tensor, "edit item d_model"], tokens: Int[Tensor, "item two"]
) -> Float[Tensor, "edit item"]:
    """Logit of `tokens[:, 0]` minus logit of `tokens[:, 1]`."""
    logits = token_logits(readout, h, tokens)
    return logits[..., 0] - logits[..., 1]


def divergence_per_token(
    readout: Readout,
    intact: Float[Tensor, "item token d_model"],
    edited: Float[Tensor, "edit item token d_model"],
) -> Float[Tensor, "edit item"]:
    """KL(p_intact ‖ p_edited) in nats, averaged over the tokens of an item; one edited run at a time is held."""
    before = readout.logits(intact).float().log_softmax(-1)
    divergences = [
        torch.nn.functional.kl_div(
            readout.logits(run).float().log_softmax(-1), before, reduction="none", log_target=True
        )
        .sum(-1)
        .mean(-1)
        for run in edited
    ]
    return torch.stack(divergences)
