"""Capture of all streams at one position an item, against the bare forward pass and against TransformerLens."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

import torch

from strata.dashboards.benchmarks.benchmark_row import BenchmarkRow, alternate, compared
from strata.dashboards.benchmarks.memory import peak_extra_bytes
from strata.probes.backends.batched_reads import BatchBudget, capture_batches
from strata.probes.backends.contract import streams_of
from strata.probes.backends.torch_hooks import TorchHooks
from strata.probes.backends.transformer_lens import TransformerLensBackend
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.prompts.batching import Batch, locate_positions, pad
from strata.probes.prompts.prompt import Prompt

_MEMORY = "capture: peak memory by number of items"
BARE_TARGET, TRANSFORMER_LENS_TARGET = 0.95, 0.8


def random_prompts(checkpoint: Checkpoint, count: int, tokens: int, seed: int) -> list[Prompt]:
    """Rows of ordinary ids, about `tokens` long (± a quarter), asked at their last token."""
    rng = random.Random(seed)
    high = checkpoint.vocab_size - 1
    rows = []
    for row in range(count):
        length = rng.randint(max(2, tokens * 3 // 4), tokens * 5 // 4)
        ids = tuple(rng.randint(3, high) for _ in range(length))
        rows.append(Prompt(str(row), ids, {"last": length - 1}))
    return sorted(rows, key=lambda prompt: -len(prompt.ids))


def capture_benchmark(
    checkpoint: Checkpoint,
    *,
    rows: int = 32,
    tokens: int = 32,
    repeats: int = 15,
    seed: int = 0,
    transformer_lens: bool = True,
) -> list[BenchmarkRow]:
    """One batch of `rows`: our streams at the last position, against `model(**batch)` and `run_with_cache`."""
    prompts = random_prompts(checkpoint, rows, tokens, seed)
    batch = pad(prompts, checkpoint.pad_id).to(checkpoint.device)
    where, _ = locate_positions(prompts, ("last",), batch)
    backend, sites = TorchHooks(checkpoint), streams_of(checkpoint.n_layers)
    note = f"{rows} rows of about {tokens} tokens, {checkpoint.n_layers + 1} streams, {checkpoint.dtype}".replace(
        "torch.", ""
    )

    def ours() -> object:
        return backend.read(batch, sites, where).stack(sites).cpu()

    def bare() -> object:
        with torch.inference_mode():
            return checkpoint.model(input_ids=batch.ids, attention_mask=batch.mask)

    times = alternate(ours, bare, repeats=repeats, device=checkpoint.device)
    results = [compared("capture vs bare Hugging Face forward", times, BARE_TARGET, note)]
    if transformer_lens:
        with_cache = _run_with_cache(checkpoint, batch)
        times = alternate(ours, with_cache, repeats=repeats, device=checkpoint.device)
        results.append(
            compared("capture vs TransformerLens run_with_cache, residual stream", times, TRANSFORMER_LENS_TARGET, note)
        )
    return results


def memory_benchmark(
    checkpoint: Checkpoint, *, counts: tuple[int, int] = (64, 256), tokens: int = 32, seed: int = 0
) -> BenchmarkRow:
    """Peak bytes that capture takes beyond the model for few and for many items: their ratio must stay at 1."""
    few, many = (_peak_of(checkpoint, random_prompts(checkpoint, count, tokens, seed)) for count in counts)
    ratio = many / max(1, few)
    note = f"{counts[1]} items against {counts[0]}: {many / 1e6:.1f} and {few / 1e6:.1f} MB beyond the model"
    return BenchmarkRow(_MEMORY, 0.0, 0.0, ratio, 1.1, ratio <= 1.1, note, {"peak_bytes": [few, many]})


def _peak_of(checkpoint: Checkpoint, prompts: Sequence[Prompt]) -> int:
    backend = TorchHooks(checkpoint)

    def drain() -> None:
        # A fixed budget: a growing one would be compared with itself at another size.
        budget = BatchBudget.for_device(checkpoint.device, 1024)
        for _ in capture_batches(backend, prompts, pad_id=checkpoint.pad_id, device=checkpoint.device, budget=budget):
            pass

    return peak_extra_bytes(drain, checkpoint.device)


def _run_with_cache(checkpoint: Checkpoint, batch: Batch) -> Callable[[], object]:
    bridge = TransformerLensBackend(checkpoint).bridge
    wanted = {f"blocks.{layer}.hook_resid_pre" for layer in range(checkpoint.n_layers)}
    wanted.add(f"blocks.{checkpoint.n_layers - 1}.hook_resid_post")

    def run() -> object:
        with torch.no_grad():
            return bridge.run_with_cache(batch.ids, attention_mask=batch.mask, names_filter=lambda name: name in wanted)

    return run
