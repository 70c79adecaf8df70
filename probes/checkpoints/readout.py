"""How does a model turn its last stream into logits? Final norm, unembedding and output transform as one value."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from strata.probes.checkpoints.architecture_anatomy import name_of
from strata.probes.errors import NotSupportedError

# What each family multiplies its logits by; one that isn't listed and scales all the same is caught by the
# self-test "the lens at the last stream is the model".
_MULTIPLIES = {
    "cohere": "logit_scale",
    "cohere2": "logit_scale",
    "cohere2_moe": "logit_scale",
    "falcon_h1": "lm_head_multiplier",
    "hyperclovax": "logits_scaling",
}
_DIVIDES = {
    "granite": "logits_scaling",
    "granite_swa": "logits_scaling",
    "granitemoe": "logits_scaling",
    "granitemoe_swa": "logits_scaling",
    "granitemoehybrid": "logits_scaling",
    "granitemoeshared": "logits_scaling",
    "inkling_text": "logits_mup_width_multiplier",
    "minicpm3": "logits_scaling",
}


_SOFTCAPS = ("final_logit_softcapping", "logits_soft_cap", "output_logit_soft_cap")


@dataclass(frozen=True, eq=False)
class Readout:
    """`logits = transform(norm(h) Wᵀ + bias)`, exactly as the model computes them from stream L."""

    norm: nn.Module
    """The model's own final norm (or what it has instead), called in the model's dtype."""
    weight: Float[Tensor, "vocab d_model"]
    """The unembedding; shares its memory with the model."""
    bias: Float[Tensor, " vocab"] | None
    """Added before the output transform."""
    scale: float = 1.0
    """Logits are multiplied by it (Cohere, Granite, …)."""
    softcap: float | None = None
    """Then `cap · tanh(logits / cap)` (Gemma 2), unless None."""

    @property
    def vocab_size(self) -> int:
        return int(self.weight.shape[0])

    @property
    def is_linear(self) -> bool:
        """Whether logits are an affine function of the normed stream."""
        return self.softcap is None

    def normed(self, h: Float[Tensor, "*row d_model"]) -> Float[Tensor, "*row d_model"]:
        """The final norm of streams of any dtype, in the model's dtype, on the unembedding's device."""
        own = next(self.norm.parameters(), self.weight)
        return self.norm(h.to(device=own.device, dtype=self.weight.dtype)).to(self.weight)

    def transform(self, logits: Float[Tensor, "*row vocab"]) -> Float[Tensor, "*row vocab"]:
        """Scale, then soft-cap. Returns its argument where there is neither."""
        if self.scale != 1.0:
            logits = logits * self.scale
        if self.softcap is not None:
            logits = torch.tanh(logits / self.softcap) * self.softcap
        return logits

    def transform_in_place(self, logits: Float[Tensor, "*row vocab"]) -> None:
        """`transform`, written over its argument: the same operations, no memory."""
        if self.scale != 1.0:
            logits.mul_(self.scale)
        if self.softcap is not None:
            logits.div_(self.softcap).tanh_().mul_(self.softcap)

    def logits(self, h: Float[Tensor, "*row d_model"]) -> Float[Tensor, "*row vocab"]:
        """The whole vocabulary at once; for many rows use `strata.probes.lens`, which never holds it."""
        return self.transform(nn.functional.linear(self.normed(h), self.weight, self.bias))

    def fingerprint(self) -> str:
        """sha256 over everything that turns a stream into logits: a fitted lens is only good with this very read-out."""
        digest = hashlib.sha256(f"{type(self.norm).__name__} {self.scale!r} {self.softcap!r}".encode())
        tensors = {**self.norm.state_dict(), "unembedding": self.weight}
        if self.bias is not None:
            tensors["unembedding bias"] = self.bias
        for name, tensor in sorted(tensors.items()):
            digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
            digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
        return digest.hexdigest()


def readout_of(model: nn.Module, norm: nn.Module) -> Readout:
    """The read-out of a Hugging Face causal language model, `norm` being all that stands before its unembedding.

    Raises NotSupportedError when there is no language-model head, or when it isn't one linear map from the stream.
    """
    name = name_of(model)
    config: Any = model.config
    config = config.get_text_config()
    head: Any = model.get_output_embeddings()  # type: ignore[operator]  # transformers types it as a tensor or a module
    if head is None:
        raise NotSupportedError(name, "it has no language-model head", "Choose a causal language model")
    weight: Any = getattr(head, "weight", None)
    linear = isinstance(head, nn.Linear) and weight.is_floating_point() and weight.ndim == 2
    if not linear or weight.shape[1] != getattr(config, "hidden_size", weight.shape[1]):
        raise NotSupportedError(
            name,
            f"its output head ({type(head).__name__}) is not one linear map from the residual stream",
            "Open a checkpoint with an ordinary, unquantised `lm_head`",
        )
    # Inkling leaves out the logits of the rows that pad its vocabulary.
    size = min(int(getattr(config, "unpadded_vocab_size", None) or weight.shape[0]), weight.shape[0])
    bias: Any = head.bias
    cap = next((cap for cap in (getattr(config, name, None) for name in _SOFTCAPS) if cap), None)
    return Readout(
        norm=norm,
        weight=weight.detach()[:size],
        bias=None if bias is None else bias.detach()[:size],
        scale=_scale(model, config),
        softcap=float(cap) if cap else None,
    )


def _scale(model: nn.Module, config: Any) -> float:
    if config.model_type in _MULTIPLIES:
        attribute = _MULTIPLIES[config.model_type]
        # Cohere keeps it on the model, where a person may have changed it.
        return float(getattr(model, attribute, None) or getattr(config, attribute, None) or 1.0)
    if config.model_type in _DIVIDES:
        return 1.0 / float(getattr(config, _DIVIDES[config.model_type], None) or 1.0)
    return 1.0
