"""What does plain Hugging Face compute for one prompt? A fresh model each time, one prompt at a time, no padding, no backend."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from strata.probes.foreign_types import ForeignKwargs


class At(NamedTuple):
    """A tensor by the dotted path of its module."""

    path: str
    side: Literal["input", "output"]


@dataclass(frozen=True)
class Terms:
    """What adds up to what a step adds to the stream, in plain arithmetic over what modules took and returned."""

    factors: Mapping[At, float | Tensor]
    bias: float | Tensor = 0.0


@dataclass(frozen=True)
class Paths:
    """Dotted names of the modules that are listened to; a backend's only part in the reference."""

    blocks: tuple[str, ...]
    attention: tuple[Terms, ...]
    """Of each block's mixer; no terms where there is none."""
    mlp: tuple[Terms, ...]
    """Of each block's channel part."""
    axis: int | None = None
    """Along which the streams of a token lie, where blocks hand on several."""


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
        terms = (*paths.attention, *paths.mlp)
        places = dict.fromkeys(at for term in terms for at in term.factors)
        places |= dict.fromkeys(At(path, side) for path in paths.blocks for side in ("input", "output"))
        seen: dict[At, Tensor] = {}
        with ExitStack() as hooks, torch.no_grad():
            for at in places:
                module = model.get_submodule(at.path)
                if at.side == "input":
                    hooks.callback(module.register_forward_pre_hook(_taking(seen, at), with_kwargs=True).remove)
                else:
                    hooks.callback(module.register_forward_hook(_giving(seen, at)).remove)
            given = torch.tensor([list(ids)])
            output = model(
                input_ids=given, attention_mask=torch.ones_like(given), output_hidden_states=True, use_cache=False
            )
        entering = [seen[At(path, "input")] for path in paths.blocks]
        leaving = seen[At(paths.blocks[-1], "output")]
        streams = torch.stack([_one_stream(tensor, paths.axis)[0] for tensor in (*entering, leaving)])
        attention, mlp = (
            torch.stack([_sum_of(term, seen, streams[0], paths.axis) for term in of_blocks])
            for of_blocks in (paths.attention, paths.mlp)
        )
        hidden_states = tuple(tensor[0] for tensor in output.hidden_states or ())
        return Plain(streams, hidden_states, attention, mlp, output.logits[0])

    def edited_logits(
        self, ids: Sequence[int], block: str, value: Float[Tensor, " d_model"], axis: int | None = None
    ) -> Float[Tensor, " vocab"]:
        """Logits after the last token when `value` leaves `block` there."""
        model = self.fresh()

        def replace(_module: Any, _inputs: Any, output: Any) -> Any:
            is_sequence = isinstance(output, (tuple, list))
            h = (output[0] if is_sequence else output).clone()
            if axis is None:
                h[:, -1] = value
            else:
                h.movedim(axis, -2)[:, -1] = value.reshape(h.shape[axis], -1)
            return type(output)((h, *output[1:])) if is_sequence else h

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


def _one_stream(h: Tensor, axis: int | None) -> Tensor:
    return h if axis is None or h.ndim < 4 else h.movedim(axis, -2).flatten(-2)


def _sum_of(terms: Terms, seen: Mapping[At, Tensor], like: Tensor, axis: int | None) -> Float[Tensor, "token d_model"]:
    total = torch.zeros_like(like)
    for at, factor in terms.factors.items():
        total = total + _one_stream(seen[at], axis).reshape(like.shape) * factor
    return total + terms.bias


def _taking(into: dict[At, Tensor], at: At) -> Any:
    def hook(module: Any, args: tuple[Any, ...], kwargs: ForeignKwargs) -> None:
        given = args[0] if args else kwargs.get("hidden_states")
        if given is None:
            given = kwargs[next(name for name in inspect.signature(module.forward).parameters if name in kwargs)]
        into[at] = given.clone()

    return hook


def _giving(into: dict[At, Tensor], at: At) -> Any:
    def hook(_module: Any, _inputs: Any, output: Any) -> None:
        into[at] = (output[0] if isinstance(output, (tuple, list)) else output).clone()

    return hook
