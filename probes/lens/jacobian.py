"""What does a small change of a stream do to the last one, on average? The Jacobian lens (2607.15495).

J_s = E_prompt[(1/|V|) Σ_{t∈V} Σ_{t'∈V, t'≥t} ∂h_L[t'] / ∂h_s[t]], V the valid positions.

TransformerLens 4.3 ships the same estimator, and the tests hold this one to it, but it can't be the implementation here:
it takes strings, which its bridge tokenises with a BOS policy of its own (a Llama prompt gets a BOS that the checkpoint's
tokenizer doesn't add); it indexes block outputs, so stream 0 has no J; and it wants its bridge, which rewrites the model's
modules in place while the other backends are using them.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import asdict, dataclass
from typing import Any

import torch
from einops import repeat
from jaxtyping import Float, Int
from torch import Tensor, nn

from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.errors import StrataError
from strata.probes.foreign_types import ForeignKwargs
from strata.probes.lens.lenses import JacobianLens
from strata.probes.progress import Progress, silent

_TOKENS_A_PASS = {"cpu": 256, "cuda": 8192}  # measured on a CPU: more tokens at a time are slower there


@dataclass(frozen=True)
class JacobianSettings:
    """How the mean effect is estimated. Everything here is part of its cache key."""

    n_prompts: int = 4
    """Each costs d_model backward passes over its tokens; the mean settles with some tens of prompts."""
    skip_first: int = 16
    """Leading positions excluded from V: their streams are atypical."""
    seed: int = 0
    """Of the text."""

    def config(self) -> dict[str, int]:
        return asdict(self)


def fit_jacobian(
    checkpoint: Checkpoint,
    ids: Int[Tensor, "prompt token"],
    *,
    skip_first: int = 16,
    rows: int | None = None,
    progress: Progress = silent,
) -> JacobianLens:
    """J_s for s = 0..L−1 from the first-order effects in `ids`, exact for these prompts.

    `rows` output dimensions share a backward pass (default: as many as suit the device). The last position
    of a prompt is excluded from V as in the paper. Gradients are in the model's dtype, their mean in float32.
    Raises StrataError when the prompts are no longer than `skip_first` + 1 tokens.
    """
    n_prompts, n_tokens = ids.shape
    if n_tokens <= skip_first + 1:
        raise StrataError(
            f"Prompts of {n_tokens} tokens leave no position after the first {skip_first}",
            "Use longer prompts or skip fewer positions",
        )
    d_model = checkpoint.d_model
    rows = rows or max(1, _TOKENS_A_PASS.get(checkpoint.device.type, 256) // n_tokens)
    valid = slice(skip_first, n_tokens - 1)
    total = torch.zeros(checkpoint.n_layers, d_model, d_model)
    for prompt in range(n_prompts):
        with torch.enable_grad():
            streams, last = _graph(checkpoint, repeat(ids[prompt], "token -> row token", row=min(rows, d_model)))
            for first in range(0, d_model, rows):
                outputs = torch.arange(first, min(first + rows, d_model), device=last.device)
                # One-hot at every valid position at once: causality makes the gradient at t the sum over t' ≥ t.
                cotangent = torch.zeros_like(last)
                cotangent[torch.arange(len(outputs), device=last.device), valid, outputs] = 1
                gradients = torch.autograd.grad(last, streams, cotangent, retain_graph=True)
                for stream, gradient in enumerate(gradients):
                    effect = gradient[: len(outputs), valid].float().mean(1)
                    total[stream, first : first + len(outputs)] += effect.cpu()
                progress("jacobian lens", prompt * d_model + first + len(outputs), n_prompts * d_model, "rows of J")
    return JacobianLens(total / n_prompts)


def _graph(
    checkpoint: Checkpoint, ids: Int[Tensor, "row token"]
) -> tuple[list[Float[Tensor, "row token d_model"]], Float[Tensor, "row token d_model"]]:
    """(streams 0..L−1, stream L) of one forward pass, connected by autograd from stream 0 on."""
    streams: list[Tensor] = []
    last: list[Tensor] = []

    def enter(module: nn.Module, args: tuple[Any, ...], kwargs: ForeignKwargs) -> Any:
        h = args[0] if args else kwargs["hidden_states"]
        if not streams:  # parameters carry no gradients: the graph begins here
            h = h.detach().requires_grad_()
        streams.append(h)
        return ((h, *args[1:]), kwargs) if args else (args, {**kwargs, "hidden_states": h})

    def leave(module: nn.Module, inputs: Any, output: Any) -> None:
        last.append(output[0] if isinstance(output, tuple) else output)

    with ExitStack() as hooks:
        for block in checkpoint.blocks:
            hooks.callback(block.register_forward_pre_hook(enter, with_kwargs=True).remove)
        hooks.callback(checkpoint.blocks[-1].register_forward_hook(leave).remove)
        checkpoint.body(input_ids=ids.to(checkpoint.device), use_cache=False)
    return streams, last[0]
