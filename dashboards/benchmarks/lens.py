"""The lens at one position an item, against the whole vocabulary held at once and against TransformerLens' logit_lens."""

from __future__ import annotations

import torch
from einops import rearrange
from torch import Tensor

from strata.dashboards.benchmarks.benchmark_row import BenchmarkRow, alternate, compared
from strata.dashboards.benchmarks.memory import peak_extra_bytes
from strata.probes.backends.transformer_lens import TransformerLensBackend
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.lens.logit import read_lens

TIME_TARGET, MEMORY_TARGET, TRANSFORMER_LENS_TARGET = 1.0, 0.1, 1.0


def lens_benchmark(
    checkpoint: Checkpoint, *, items: int = 200, tokens: int = 8, repeats: int = 5, seed: int = 0
) -> list[BenchmarkRow]:
    """Time and memory of `items` × every stream at the last position, streams taken from a real forward pass.

    Ours gives answer, foil and unrelated log-probabilities, rank, entropy and top 5; the references give less: the
    probabilities alone, or one target's logit, rank and entropy.
    """
    device, readout, n_streams = checkpoint.device, checkpoint.readout, checkpoint.n_layers + 1
    generator = torch.Generator().manual_seed(seed)
    ids = torch.randint(3, checkpoint.vocab_size, (items, tokens), generator=generator)
    answers, foils, others = torch.randint(3, checkpoint.vocab_size, (3, items), generator=generator)
    bridge = TransformerLensBackend(checkpoint).bridge
    wanted = {f"blocks.{layer}.hook_resid_pre" for layer in range(checkpoint.n_layers)}
    wanted.add(f"blocks.{checkpoint.n_layers - 1}.hook_resid_post")
    with torch.no_grad():
        _, cache = bridge.run_with_cache(ids.to(device), names_filter=lambda name: name in wanted)
        stack = cache.accumulated_resid(layer=None, incl_mid=False, apply_ln=False, pos_slice=-1)
    streams = rearrange(stack.reshape(n_streams, items, -1), "stream item d_model -> item stream 1 d_model").clone()
    targets = {"answer": answers, "foil": foils, "null": others}

    def ours() -> object:
        return read_lens(readout, streams, targets, top_k=5)

    def whole() -> Tensor:
        with torch.inference_mode():
            normed = readout.normed(streams)
            return torch.softmax(
                readout.transform(torch.nn.functional.linear(normed, readout.weight, readout.bias)), -1
            )

    def transformer_lens() -> object:
        from transformer_lens.tools.analysis import logit_lens

        return logit_lens(cache, targets=answers.to(device), return_type="log_probs")

    note = f"{items} items × {n_streams} streams × {checkpoint.vocab_size} tokens, {checkpoint.dtype}".replace(
        "torch.", ""
    )
    our_peak, whole_peak = (peak_extra_bytes(work, device) for work in (ours, whole))
    return [
        compared(
            "lens vs softmax held whole", alternate(ours, whole, repeats=repeats, device=device), TIME_TARGET, note
        ),
        BenchmarkRow(
            name="lens: memory vs softmax held whole",
            ours_seconds=0.0,
            reference_seconds=0.0,
            ratio=our_peak / whole_peak,
            target=MEMORY_TARGET,
            met=our_peak / whole_peak <= MEMORY_TARGET,
            note=f"{our_peak / 1e6:.1f} MB against {whole_peak / 1e6:.1f} MB allocated at the peak, beyond model and streams",
            extra={"peak_bytes": [our_peak, whole_peak]},
        ),
        compared(
            "lens vs TransformerLens logit_lens",
            alternate(ours, transformer_lens, repeats=repeats, device=device),
            TRANSFORMER_LENS_TARGET,
            note,
            {
                "largest_difference_nats": _difference(
                    read_lens(readout, streams, targets).log_prob("answer"), transformer_lens()
                )
            },
        ),
    ]


def _difference(ours: Tensor, reference: object) -> float:
    values: Tensor = reference.values  # type: ignore[attr-defined]  # a TransformerLens cache entry
    return float((rearrange(values.float().cpu(), "stream item 1 -> item stream 1") - ours).abs().max())
