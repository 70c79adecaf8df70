"""What stands between the last stream and the unembedding: the final norm, the head's own layers (BERT), or nothing (BART)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from torch import Tensor, nn

from strata.probes.checkpoints.architecture_anatomy import Anatomy


class HeadLayers(nn.Module):
    """The layers of a head that are no module by themselves: dense, activation, norm (RoBERTa, RemBERT)."""

    def __init__(self, dense: nn.Module, activation: Callable[[Tensor], Tensor], norm: nn.Module) -> None:
        super().__init__()
        self.dense, self.activation, self.norm = dense, activation, norm

    def forward(self, h: Tensor) -> Tensor:
        normed: Tensor = self.norm(self.activation(self.dense(h)))
        return normed


def before_unembedding(model: Any, anatomy: Anatomy) -> nn.Module:
    """One module that maps the last stream to what the unembedding is multiplied with; the final norm itself where that is all."""
    parts = [part for part in (anatomy.joins, anatomy.final_norm) if part is not None] + [*_layers_of_head(model)]
    if not parts:
        return nn.Identity()
    return parts[0] if len(parts) == 1 else nn.Sequential(*parts)


def _layers_of_head(model: Any) -> Iterator[nn.Module]:
    predictions: Any = getattr(getattr(model, "cls", None), "predictions", None)
    head: Any = getattr(model, "lm_head", None)
    if hasattr(predictions, "transform"):  # BERT
        yield predictions.transform
    elif hasattr(predictions, "dense"):  # RemBERT
        yield HeadLayers(predictions.dense, predictions.activation, predictions.LayerNorm)
    elif hasattr(head, "dense") and hasattr(head, "layer_norm"):  # RoBERTa
        yield HeadLayers(head.dense, nn.functional.gelu, head.layer_norm)
    elif hasattr(head, "dense") and hasattr(model, "decoder"):  # ModernBERT
        yield head
    elif hasattr(model, "generator_predictions"):  # ELECTRA
        yield model.generator_predictions
