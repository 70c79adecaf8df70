"""Which model do captured activations come from?"""

from __future__ import annotations

from dataclasses import dataclass

from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.checkpoints.checkpoint_caveats import ReadCaveat


@dataclass(frozen=True)
class CapturedModel:
    """Which model the numbers come from."""

    spec: str
    """What it was opened as."""
    weights_sha256: str
    """Over all its weights."""
    config_sha256: str
    """Over its configuration."""
    tokenizer_sha256: str
    """Over its tokenizer."""
    dtype: str
    """Of weights and activations: float32, bfloat16 or float16."""
    attention: str
    """Attention implementation."""
    n_layers: int
    """Blocks."""
    d_model: int
    """Width of the residual stream."""
    caveats: tuple[ReadCaveat, ...] = ()
    """What a reader of its numbers has to know."""

    @classmethod
    def of(cls, checkpoint: Checkpoint) -> CapturedModel:
        """The record of an opened checkpoint."""
        return cls(
            spec=checkpoint.identity.spec, **checkpoint.identity.parts, dtype=str(checkpoint.dtype).removeprefix("torch."),
            attention=checkpoint.attention, n_layers=checkpoint.n_layers, d_model=checkpoint.d_model,
            caveats=checkpoint.caveats,
        )  # fmt: skip
