"""What does plain Hugging Face compute for one prompt? A fresh model each time, one prompt at a time, no padding, no backend."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from strata.probes.foreign_types import ForeignKwargs


@dataclass(frozen=True)
class Paths:
    """Dotted names of the modules that are listened to; a backend's only part in the reference."""

    blocks: tuple[str, ...]
    attention: tuple[str, ...]
    mlp: tuple[str, ...]
    scale: float
    """What the blocks multiply contributions by."""


@dataclass(frozen=True)
class Plain:
    streams: Float[Tensor, "stream token d_model"]
    """Streams 0 to L."""
    hidden_states: tuple[Tensor, ...]
    """What the model itself calls its hidden states: streams 0 to L−1, then the last one after the final norm."""
    attention: Float[Tensor, "block token d_model"]
    mlp: Float[Tensor, "block token d_model"]
    logits: Float[Tensor, "token vocab"]


class PlainModel:
    """A checkpoint directory as transformers opens it."""

    def __init__(self, directory: Path) -> None:
        from transformers import AutoModelForCausalLM

        self._untouched = AutoModelForCausalLM.from_pretrained(
            directory, dtype=torch.float32, use_safetensors=True, local_files_only=True, trust_remote_code=False
        ).eval()

    def fresh(self) -> Any:
        """A model that has seen no prompt yet."""
        return copy.deepcopy(self._untouched)

    def run(self, ids: Sequence[int], paths: Paths) -> Plain:
        """One forward pass, listened to at `paths`."""
        model = self.fresh()
        recorded: dict[str, list[Tensor]] = {"in": [], "out": [], "attention": [], "mlp": []}
        with ExitStack() as hooks, torch.no_grad():
            for name in paths.blocks:
                block = model.get_submodule(name)
                hooks.callback(block.register_forward_pre_hook(_taking(recorded["in"]), with_kwargs=True).remove)
                hooks.callback(block.register_forward_hook(_giving(recorded["out"])).remove)
            for part, names in (("attention", paths.attention), ("mlp", paths.mlp)):
                for name in names:
                    hooks.callback(model.get_submodule(name).register_forward_hook(_giving(recorded[part])).remove)
            given = torch.tensor([list(ids)])
            output = model(
                input_ids=given, attention_mask=torch.ones_like(given), output_hidden_states=True, use_cache=False
            )
        width = recorded["in"][0].shape[-1]
        attention, mlp = (
            torch.stack([tensor.reshape(len(ids), width) for tensor in recorded[part]]) for part in ("attention", "mlp")
        )
        return Plain(
            streams=torch.stack([*(tensor[0] for tensor in recorded["in"]), recorded["out"][-1][0]]),
            hidden_states=tuple(tensor[0] for tensor in output.hidden_states or ()),
            attention=attention * paths.scale,
            mlp=mlp * paths.scale,
            logits=output.logits[0],
        )

    def edited_logits(
        self, ids: Sequence[int], block: str, value: Float[Tensor, " d_model"]
    ) -> Float[Tensor, " vocab"]:
        """Logits after the last token when `value` leaves `block` there."""
        model = self.fresh()

        def replace(_module: Any, _inputs: Any, output: Any) -> Any:
            h = (output[0] if isinstance(output, tuple) else output).clone()
            h[:, -1] = value
            return (h, *output[1:]) if isinstance(output, tuple) else h

        handle = model.get_submodule(block).register_forward_hook(replace)
        try:
            with torch.no_grad():
                given = torch.tensor([list(ids)])
                return model(input_ids=given, attention_mask=torch.ones_like(given), use_cache=False).logits[0, -1]
        finally:
            handle.remove()

    def continuation(self, ids: Sequence[int], n_tokens: int, pad_id: int, eos_id: int) -> tuple[int, ...]:
        """What the model writes by itself, greedily."""
        from transformers import GenerationConfig

        model = self.fresh()
        model.generation_config = GenerationConfig()
        given = torch.tensor([list(ids)])
        with torch.no_grad():
            made = model.generate(
                input_ids=given, attention_mask=torch.ones_like(given), max_new_tokens=n_tokens, do_sample=False,
                pad_token_id=pad_id, eos_token_id=eos_id,
            )  # fmt: skip
        return tuple(made[0, len(ids) :].tolist())


def _taking(into: list[Tensor]) -> Any:
    def hook(_module: Any, args: tuple[Any, ...], kwargs: ForeignKwargs) -> None:
        into.append((args[0] if args else kwargs["hidden_states"]).clone())

    return hook


def _giving(into: list[Tensor]) -> Any:
    def hook(_module: Any, _inputs: Any, output: Any) -> None:
        into.append((output[0] if isinstance(output, tuple) else output).clone())

    return hook
