"""How fast is a kind of GPU for what a comparison does? Peaks from data sheets, shares of them that are assumed."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class GpuKind:
    name: str
    memory_bytes: float
    flops: float
    """Dense bfloat16, a second, of the data sheet."""
    bandwidth: float
    """Bytes of its memory a second, of the data sheet."""


KINDS: tuple[GpuKind, ...] = (
    GpuKind("RTX 4090", 24e9, 165e12, 1.01e12),
    GpuKind("L40S", 48e9, 362e12, 0.86e12),
    GpuKind("A100 80GB", 80e9, 312e12, 2.04e12),
    GpuKind("H100 80GB", 80e9, 989e12, 3.35e12),
    GpuKind("H200", 141e9, 989e12, 4.80e12),
)
"""Data sheets of their maker."""


@dataclass(frozen=True)
class Speeds:
    """Shares of a peak that are reached, and times that no peak says.

    `passes`, `family_block_seconds` and `load_bytes` were measured on an H200 with a model of Llama-3.1-8B's shape and random weights
    in bfloat16 (short prompts, beside other work); the others are assumed.
    """

    passes: float = 0.4
    """Of the peak, in batches of whole prompts: 32 prompts of 32 tokens took 38 ms, which is 0.43."""
    edits: float = 0.1
    """Of the peak, in restarted runs: many small batches."""
    family_block_seconds: tuple[float, float] = (0.2, 0.7)
    """Least time of a family's interventions a block, at one look and at three: their kernels are started one by one, each of
    few tokens. Four families of 8 pairs took 28.9 s in 32 blocks."""
    decoding: float = 0.5
    """Of the bandwidth, where a step reads every weight once."""
    block_seconds: float = 1e-3
    """Least time of a block in one step of decoding."""
    load_bytes: float = 0.6e9
    """Of weights read, hashed and moved to the GPU, a second; comparing two models' weights goes at half of that."""
    probe_seconds: float = 6.0
    """Of a family's probes, all positions and schemes."""


MEASURED_AND_ASSUMED = Speeds()
