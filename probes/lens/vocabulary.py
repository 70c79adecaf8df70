"""Training a lens on a part of the vocabulary: the likely tokens always, the rest by weighted sample."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from strata.probes.checkpoints.readout import Readout

_LIKELY = 2048
_OTHERS = 1024


@dataclass(frozen=True)
class Sampled:
    """Some tokens, each standing for exp(log_weight) tokens, so that normalisers stay unbiased."""

    weight: Float[Tensor, "token d_model"]
    """Rows of the unembedding."""
    bias: Float[Tensor, " token"] | None
    """Their biases."""
    log_weight: Float[Tensor, " token"]
    """0 for tokens that are always in."""

    @classmethod
    def draw(cls, readout: Readout, overall: Float[Tensor, " vocab"], generator: torch.Generator) -> Sampled:
        """The likeliest tokens under `overall`, and a uniform sample of the others."""
        vocab = readout.vocab_size
        order = overall.argsort(descending=True).cpu()
        log_weight = torch.zeros(vocab)
        tokens: Int[Tensor, " token"] = order
        if vocab > _LIKELY + _OTHERS:
            others = order[_LIKELY:]
            sample = others[torch.randperm(len(others), generator=generator)[:_OTHERS]]
            tokens = torch.cat([order[:_LIKELY], sample])
            log_weight = torch.cat([torch.zeros(_LIKELY), torch.full((_OTHERS,), math.log(len(others) / _OTHERS))])
        device = readout.weight.device
        bias = None if readout.bias is None else readout.bias[tokens.to(device)].float()
        return cls(readout.weight[tokens.to(device)].float(), bias, log_weight.to(device))

    def log_probs(self, readout: Readout, h: Float[Tensor, "row d_model"]) -> Float[Tensor, "row token"]:
        """log of the probability mass each sampled token stands for; float32, differentiable."""
        logits = torch.nn.functional.linear(readout.normed(h).float(), self.weight, self.bias)
        return torch.log_softmax(readout.transform(logits) + self.log_weight, -1)


def mean_distribution(readout: Readout, last: Float[Tensor, "row d_model"], rows: int = 256) -> Float[Tensor, " vocab"]:
    """The model's next-token distribution averaged over `last`, on the CPU."""
    total = torch.zeros(readout.vocab_size, device=readout.weight.device)
    with torch.inference_mode():
        for at in range(0, len(last), rows):
            total += torch.softmax(readout.logits(last[at : at + rows]).float(), -1).sum(0)
    return (total / len(last)).cpu().clone()
