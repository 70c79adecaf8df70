"""Attribution patching over minimal pairs: what would activation patching do in every block, to first order?

Two runs and one gradient instead of one run a block: the gradient of answer − foil in the corrupted run, times clean − corrupted
contribution. It fails where the model is far from linear between the two, as at saturated attention (2310.10348, 2403.00745).
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from strata.probes.backends.step_hooks import hook_output
from strata.probes.checkpoints.architecture_anatomy import name_of
from strata.probes.checkpoints.block_steps import Added, Step, written_by
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.errors import NotSupportedError
from strata.probes.interventions.minimal_pairs import SPAN, Pair
from strata.probes.prompts.prompt import Prompt

Part = Literal["attn_out", "mlp_out"]


def attribute_pairs(
    checkpoint: Checkpoint, pairs: Sequence[Pair], part: Part, position: str
) -> Float[Tensor, "item layer"]:
    """How far the clean contribution of each block alone would move the corrupted run's answer − foil, in logits, to first order.

    `position`: a named one, or `span` for the end of what was replaced. NaN where a pair hasn't got it. One pair at a time;
    memory holds the graph of one run. Weights that ask for gradients are left without any. Raises NotSupportedError where what a
    block adds isn't the output of modules.
    """
    rows = [_of_pair(checkpoint, pair, part, position) for pair in pairs]
    return torch.stack(rows) if rows else torch.empty(0, checkpoint.n_layers)


def _of_pair(checkpoint: Checkpoint, pair: Pair, part: Part, position: str) -> Float[Tensor, " layer"]:
    at = pair.replaced_end if position == SPAN else pair.clean.positions.get(position)
    if at is None:
        return torch.full((checkpoint.n_layers,), torch.nan)
    with torch.no_grad():
        clean, _ = _run(checkpoint, pair.clean, part)
    with torch.enable_grad():
        corrupted, logits = _run(checkpoint, pair.foil, part)
        gradients = torch.autograd.grad(
            logits[pair.answer_id] - logits[pair.foil_id], [h for _, h in corrupted], allow_unused=True
        )
    effects = torch.zeros(checkpoint.n_layers)
    for gradient, (layer, other), (_, own) in zip(gradients, corrupted, clean, strict=True):
        if gradient is not None:
            effects[layer] += (gradient[0, at].float() @ (own[0, at] - other[0, at]).float()).detach().cpu()
    return effects


def _run(
    checkpoint: Checkpoint, prompt: Prompt, part: Part
) -> tuple[list[tuple[int, Float[Tensor, "one token d_model"]]], Float[Tensor, " vocab"]]:
    """(block and output of each module that adds to the stream there, logits of the last token)."""
    written: list[tuple[int, Tensor]] = []

    def keep(h: Tensor, layer: int) -> Tensor:
        # A leaf of its own where nothing below needs a gradient, so that there is one to ask for.
        h = h if h.requires_grad or not torch.is_grad_enabled() else h.detach().requires_grad_()
        written.append((layer, h))
        return h

    with ExitStack() as hooks:
        for layer, block in enumerate(checkpoint.anatomy.blocks):
            for module in _writers(checkpoint, block.step(part)):
                hooks.enter_context(hook_output(module, partial(keep, layer=layer), changes=True))
        ids = torch.tensor([prompt.ids], device=checkpoint.device)
        logits: Tensor = checkpoint.model(input_ids=ids, use_cache=False).logits
    return written, logits[0, -1].float()


def _writers(checkpoint: Checkpoint, step: Step | None) -> tuple[nn.Module, ...]:
    if step is not None and not isinstance(step, Added):
        raise NotSupportedError(name_of(checkpoint.model), "what its blocks add isn't the output of modules")
    return written_by(step)
