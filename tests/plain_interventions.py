"""Interventions as anyone would write them: one unpadded prompt at a time, forward hooks on Hugging Face modules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import torch
from torch import Tensor

from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.interventions.minimal_pairs import Pair
from strata.probes.prompts.prompt import Prompt

Contributions = dict[tuple[str, int], Tensor]
"""(component, block) → "token d_model"."""
Edits = Mapping[tuple[str, int], Mapping[int, Tensor]]
"""(component, block) → {token: vector}."""

_PARTS = {
    "llama": ("model.layers", "self_attn", "mlp"),
    "gemma2": ("model.layers", "post_attention_layernorm", "post_feedforward_layernorm"),
    "gpt2": ("transformer.h", "attn", "mlp"),
    "gpt_neox": ("gpt_neox.layers", "attention", "mlp"),
}
"""Blocks, and the modules whose outputs a block adds to the stream: after the post-norms where there are any."""

_TWO_ALWAYS = ("gemma2", "gpt_neox")
"""Norms behind every part, a soft cap and a window; attention and MLP side by side. The plain ones are looked at in `make check`."""
REFERENCED = tuple(name if name in _TWO_ALWAYS else pytest.param(name, marks=pytest.mark.thorough) for name in _PARTS)


class PlainModel:
    """Runs with hooks of its own, knowing nothing of Strata's anatomy, padding, recordings or restarts."""

    def __init__(self, architecture: str, model: Any) -> None:
        self.model = model
        blocks, self.attention, self.mlp = _PARTS[architecture]
        self.blocks = model.get_submodule(blocks)

    def run(self, ids: tuple[int, ...], edits: Edits | None = None) -> tuple[Tensor, Contributions]:
        """(logits "token vocab", contributions as computed before the edit of the same module)."""
        edits = edits or {}
        seen: Contributions = {}
        handles = []
        for layer, block in enumerate(self.blocks):
            handles += self._hooks(layer, block, edits, seen)
        try:
            logits = self.model(input_ids=torch.tensor([ids]), use_cache=False).logits[0]
        finally:
            for handle in handles:
                handle.remove()
        for layer in range(len(self.blocks)):
            seen["block_out", layer] = seen["attn_out", layer] + seen["mlp_out", layer]
        return logits, seen

    def difference(self, pair: Pair, ids: tuple[int, ...], edits: Edits | None = None) -> float:
        """Logit of the pair's answer − logit of its foil, at the end of `ids`."""
        with torch.no_grad():
            end = self.run(ids, edits)[0][-1].double()
        return float(end[pair.answer_id] - end[pair.foil_id])

    def contributions(self, prompt: Prompt) -> Contributions:
        with torch.no_grad():
            return self.run(prompt.ids)[1]

    def _hooks(self, layer: int, block: Any, edits: Edits, seen: Contributions) -> list[Any]:
        entered: list[Tensor] = []

        def entering(_module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            h = put(args[0] if args else kwargs["hidden_states"], edits.get(("resid_pre", layer)))
            entered[:] = [h]
            seen["resid_pre", layer] = h[0]
            return ((h, *args[1:]), kwargs) if args else (args, {**kwargs, "hidden_states": h})

        def writing(name: str) -> Any:
            def hook(_module: Any, _inputs: Any, output: Any) -> Any:
                h = output[0] if isinstance(output, tuple) else output
                seen[name, layer] = h[0]
                h = put(h, edits.get((name, layer)))
                return (h, *output[1:]) if isinstance(output, tuple) else h

            return hook

        def leaving(_module: Any, _inputs: Any, output: Any) -> Any:
            h = output[0] if isinstance(output, tuple) else output
            new = {t: entered[0][0, t] + v for t, v in edits.get(("block_out", layer), {}).items()}
            h = put(h, new)
            return (h, *output[1:]) if isinstance(output, tuple) else h

        return [
            block.register_forward_pre_hook(entering, with_kwargs=True),
            block.get_submodule(self.attention).register_forward_hook(writing("attn_out")),
            block.get_submodule(self.mlp).register_forward_hook(writing("mlp_out")),
            block.register_forward_hook(leaving),
        ]


def put(h: Tensor, edit: Mapping[int, Tensor] | None) -> Tensor:
    if not edit:
        return h
    h = h.clone()
    for token, vector in edit.items():
        h[0, token] = vector
    return h


def plain(architecture: str, checkpoint: Checkpoint) -> PlainModel:
    return PlainModel(architecture, checkpoint.model)


def pair_of(
    key: str, length: int, first: int, *, subject: int | None, seed: int, group: str = "sums", early: int | None = None
) -> Pair:
    """Random ordinary tokens that differ at `first` (and at one more place), with answer and foil of their own."""
    generator = torch.Generator().manual_seed(seed)
    clean = torch.randint(5, 50, (length,), generator=generator).tolist()
    foil = list(clean)
    for place in {first, min(first + 2, length - 1)}:
        foil[place] = 5 + (clean[place] - 5 + 7) % 45
    positions = {"last": length - 1}
    positions |= {} if subject is None else {"subject": subject}
    positions |= {} if early is None else {"early": early}
    answer, other = torch.randperm(60, generator=generator)[:2].tolist()
    return Pair(key, Prompt(key, tuple(clean), positions), Prompt(key, tuple(foil), positions), answer, other, group)


def mixed_pairs() -> list[Pair]:
    """Unequal lengths and reaches, one pair without the subject, one with a span before its first difference."""
    return [
        pair_of("a", 9, 4, subject=4, seed=1),
        pair_of("b", 12, 3, subject=6, seed=2, early=1),
        pair_of("c", 7, 2, subject=None, seed=3),
        pair_of("d", 9, 5, subject=6, seed=4, early=5),
    ]
