"""The patching sweep of docs/patching.md on text pairs of any lengths: TransformerLens' hooks row by row, and `strata.patch`."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

import strata
from strata.dashboards.benchmarks.benchmark_row import BenchmarkRow, compared
from strata.experiments.items.load import load_items
from strata.probes.backends.transformer_lens import TransformerLensBackend
from strata.probes.checkpoints.checkpoint import Checkpoint

PAIRS = 24
EVERY = 5
"""The reference runs at every fifth block, counted as all: a patched forward pass costs the same at any."""
TARGET = 1 / 8
EFFECT_TARGET = 1e-3
"""A pair's runs differ by a logit at least, so in float32 its normalised effects agree to this."""


def sweep_with_transformer_lens(
    bridge: Any, tokenizer: Any, pairs: Sequence[Any], layers: Sequence[int]
) -> Float[Tensor, "pair component layer"]:
    effects = torch.zeros(len(pairs), 2, len(layers))
    for row, pair in enumerate(pairs):
        clean, corrupted = (tokenizer(text, return_tensors="pt").input_ids for text in (pair.prompt, pair.foil_prompt))
        answer, foil = (tokenizer(text).input_ids[0] for text in (pair.answer, pair.foil))
        logits, cache = bridge.run_with_cache(clean, names_filter=lambda name: name.endswith(("attn_out", "mlp_out")))
        best = logits[0, -1, answer] - logits[0, -1, foil]
        logits = bridge(corrupted)
        worst = logits[0, -1, answer] - logits[0, -1, foil]
        for column, component in enumerate(("attn_out", "mlp_out")):
            for place, layer in enumerate(layers):
                name = f"blocks.{layer}.hook_{component}"

                def put(h: Tensor, hook: Any, given: Tensor = cache[name]) -> Tensor:
                    h[:, -1] = given[:, -1]
                    return h

                logits = bridge.run_with_hooks(corrupted, fwd_hooks=[(name, put)])
                patched = logits[0, -1, answer] - logits[0, -1, foil]
                effects[row, column, place] = (patched - worst) / (best - worst)
    return effects


def sweep_with_strata(model: Any, pairs: Sequence[Any]) -> Float[Tensor, "pair component layer"]:
    result = strata.patch(model, pairs, components=("attn_out", "mlp_out"), positions="last")
    return torch.stack([result.effects("attn_out"), result.effects("mlp_out")], dim=1)


def sweep_benchmark(checkpoint: Checkpoint, *, repeats: int = 1) -> list[BenchmarkRow]:
    """Time and equal effects of both on the built-in pairs of capitals that the model tells apart."""
    bridge = TransformerLensBackend(checkpoint).bridge
    items = load_items("capital", per_family=2 * PAIRS, checkpoint=checkpoint)
    usable = set(strata.patch(checkpoint, items, layers=0).pairs)
    pairs = [item for item in items if item.id in usable][:PAIRS]
    layers = range(0, checkpoint.n_layers, EVERY)
    times: tuple[list[float], list[float]] = ([], [])
    gap = 0.0
    for _ in range(repeats):
        began = time.perf_counter()
        ours = sweep_with_strata(checkpoint, pairs)
        between = time.perf_counter()
        with torch.no_grad():
            reference = sweep_with_transformer_lens(bridge, checkpoint.tokenizer, pairs, layers)
        times[0].append(between - began)
        times[1].append((time.perf_counter() - between) * _forwards(checkpoint.n_layers) / _forwards(len(layers)))
        gap = max(gap, float((ours[:, :, layers] - reference).abs().max()))
    lengths = [len(checkpoint.encode(pair.prompt)) for pair in pairs]
    note = (
        f"{len(pairs)} text pairs of {min(lengths)} to {max(lengths)} tokens, attention and MLP of {checkpoint.n_layers} "
        f"blocks at the last position; the reference was timed at every {EVERY}th block and scaled to all"
    )
    return [
        compared("patching sweep of text pairs vs TransformerLens row by row", times, TARGET, note),
        BenchmarkRow(
            "patching sweep of text pairs: largest difference of an effect", 0.0, 0.0, gap, EFFECT_TARGET,
            gap <= EFFECT_TARGET, f"normalised effects at {len(layers)} blocks",
        ),
    ]  # fmt: skip


def _forwards(n_layers: int) -> int:
    """Forward passes for each pair: the clean and the corrupted one, and one for each component and block."""
    return 2 + 2 * n_layers
