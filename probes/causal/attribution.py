"""A preview of denoising in one backward pass: the effect of a small step towards the clean contribution, taken as a whole step.

`(clean − foil) · ∂LD/∂contribution` at the corrupted run, for all blocks and positions at once. First order only: it is wrong
where a norm or an attention saturates, so it is always shown with its correlation to the exact effect.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import torch
from einops import einsum
from jaxtyping import Float
from torch import Tensor

from strata.probes.backends.recording import Recording
from strata.probes.backends.rerun_block import rerun_block
from strata.probes.backends.runs import Runs
from strata.probes.backends.torch_hooks import hook_output
from strata.probes.batching import tokens_a_batch
from strata.probes.causal.activation_patching import BATCH_TOKENS
from strata.probes.causal.pairs import Pair, batches_of
from strata.probes.causal.scores import logit_difference
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.progress import Progress, silent

CONTRIBUTIONS = ("block_out", "attn_out", "mlp_out")


@dataclass(frozen=True)
class Attributed:
    rows: tuple[int, ...]
    """Indices into the pairs given."""
    shift: Mapping[tuple[str, str], Float[Tensor, "item layer"]]
    """By component and position: the estimate of activation patching's denoising shift, in logits; NaN without the position."""


def attribution(
    checkpoint: Checkpoint,
    pairs: Sequence[Pair],
    positions: Sequence[str],
    *,
    batch_tokens: int | None = None,
    runs: Runs | None = None,
    progress: Progress = silent,
    stage: str = "attribution",
) -> Iterator[Attributed]:
    """Yields the first-order estimates batch by batch, from two forward passes and one backward pass a batch."""
    runs = runs or Runs(checkpoint)
    tokens = tokens_a_batch(batch_tokens, checkpoint.device, BATCH_TOKENS)
    done = 0
    progress(stage, 0, len(pairs), "pairs")
    for rows in batches_of(pairs, tokens):
        members = [pairs[row] for row in rows]
        keep = max(pair.reach for pair in members)
        clean = runs.of([pair.clean for pair in members], keep)
        foil = runs.of([pair.foil for pair in members], keep)
        slopes = _slopes(checkpoint, foil, members)
        yield Attributed(tuple(rows), _products(clean, foil, slopes, members, positions))
        done += len(rows)
        progress(stage, done, len(pairs), "pairs")


def _slopes(checkpoint: Checkpoint, foil: Recording, pairs: Sequence[Pair]) -> dict[str, list[Tensor]]:
    """∂(logit difference)/∂(contribution) of every block of the corrupted run, from column `first` on.

    What comes before the first difference is the same in both runs, so nothing there is differentiated or run again.
    """
    outputs: dict[str, list[Tensor]] = {name: [] for name in CONTRIBUTIONS}
    scale = checkpoint.anatomy.contribution_scale

    def watch(name: str) -> Any:
        def keep(h: Tensor) -> Tensor:
            h.retain_grad()
            outputs[name].append(h)
            return h

        return keep

    with ExitStack() as hooks, torch.enable_grad():
        for parts in checkpoint.anatomy.blocks:
            hooks.enter_context(hook_output(parts.attention, watch("attn_out"), changes=False))
            hooks.enter_context(hook_output(parts.mlp, watch("mlp_out"), changes=False))
            hooks.enter_context(hook_output(parts.block, watch("block_out"), changes=False))
        h = foil.streams[0][None].detach().requires_grad_(True)
        for layer in range(checkpoint.n_layers):
            h = rerun_block(foil, layer, h, foil.first)
        tokens = torch.tensor([[pair.answer_id, pair.foil_id] for pair in pairs])
        logit_difference(checkpoint.readout, h[:, :, -1], tokens).sum().backward()  # type: ignore[no-untyped-call]  # torch has no stub for it
    return {
        name: [
            (torch.zeros_like(output) if output.grad is None else output.grad) / (scale if name != "block_out" else 1.0)
            for output in held
        ]
        for name, held in outputs.items()
    }


def _products(
    clean: Recording,
    foil: Recording,
    slopes: Mapping[str, Sequence[Tensor]],
    pairs: Sequence[Pair],
    positions: Sequence[str],
) -> dict[tuple[str, str], Float[Tensor, "item layer"]]:
    products: dict[tuple[str, str], Tensor] = {}
    for component in CONTRIBUTIONS:
        by_token = torch.stack(
            [
                einsum(
                    (clean.contribution(component, layer) - foil.contribution(component, layer)).float(),
                    slopes[component][layer].float(),
                    "item token d_model, item token d_model -> item token",
                ).cpu()
                for layer in range(clean.n_layers)
            ],
            dim=1,
        )
        for position in positions:
            rows = []
            for row, pair in enumerate(pairs):
                place = pair.clean.positions.get(position)
                if place is None or place < pair.first_difference:
                    rows.append(torch.full((clean.n_layers,), torch.nan))
                else:
                    rows.append(by_token[row, :, place + int(clean.batch.start[row]) - clean.first])
            products[component, position] = torch.stack(rows)
    return products
