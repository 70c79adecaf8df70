"""Position embeddings that depend on the length of a prompt: computed for each row by itself, whatever else is in the batch.

Long rope (2402.13753) takes other factors beyond the length a model was first trained for, dynamic NTK scaling other ones for
every length beyond it. transformers chooses them by the largest position of a whole batch and keeps what it chose between
calls, so that a short prompt beside a long one, or after one, gets other numbers than alone. Here each row is embedded as the
module would embed it alone in a fresh model; it has to be given each row's own position ids for that.
"""

from __future__ import annotations

import inspect
from collections import defaultdict
from collections.abc import Mapping
from types import MethodType
from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor, nn

from strata.probes.foreign_types import ForeignJson, ForeignKwargs

_BY_LENGTH = ("dynamic", "longrope")


def embed_row_by_row(model: nn.Module) -> None:
    """Changes the position embeddings of `model` that depend on the prompt's length, and no others. Twice is as good as once.

    One that isn't built like those of transformers is left alone: self-tests refuse it where its rows depend on each other.
    """
    for module in model.modules():
        if not isinstance(module, RowByRow) and _is_known(module):
            own = type(module)
            # A subclass and not a wrapper: paths, state dict and deep copies stay as they are.
            module.__class__ = type(f"RowByRow{own.__name__}", (RowByRow, own), {"__module__": own.__module__})
            if "_old_forward" in vars(module):  # accelerate's dispatch calls this instead
                vars(module)["_old_forward"] = MethodType(type(module).forward, module)


def thresholds_of(model: nn.Module) -> tuple[int, ...]:
    """Prompt lengths beyond which position embeddings change, in ascending order; none in most models."""
    thresholds = {
        module.threshold(layer_type)
        for module in model.modules()
        if isinstance(module, RowByRow)
        for layer_type, kind in _kinds(module).items()
        if _depends(kind)
    }
    return tuple(sorted(thresholds))


def stretch_of(model: nn.Module) -> float:
    """How many times longer than its configuration says a prompt may be: dynamic scaling begins where that context ends."""
    factors = [1.0]
    for module in model.modules():
        if isinstance(module, RowByRow):
            dynamic = [name for name, kind in _kinds(module).items() if "dynamic" in kind]
            factors += [float(module.settings(name).get("factor") or 1.0) for name in dynamic]
    return max(factors)


class RowByRow(nn.Module):
    """Stands before a Hugging Face rotary embedding in the order of inheritance."""

    def threshold(self, layer_type: str | None) -> int:
        """Length beyond which this embedding is another one."""
        module: Any = self
        if "dynamic" in _kinds(self)[layer_type]:
            return int(module.original_max_seq_len)
        return int(self.settings(layer_type)["original_max_position_embeddings"])

    def settings(self, layer_type: str | None) -> ForeignJson:
        """Of the configuration, for one kind of block."""
        module: Any = self
        settings = module.config.rope_parameters
        return settings[layer_type] if layer_type is not None else settings

    def forward(
        self, x: Tensor, position_ids: Int[Tensor, "row token"], layer_type: str | None = None, **options: Any
    ) -> Any:
        if layer_type is not None:
            options["layer_type"] = layer_type
        if not _depends(_kinds(self).get(layer_type, "")) or position_ids.is_meta:
            return super().forward(x, position_ids, **options)
        groups: dict[int, list[int]] = defaultdict(list)
        for row, length in enumerate((position_ids.flatten(1).amax(1) + 1).tolist()):
            groups[self._class_of(length, layer_type)].append(row)
        if len(groups) == 1:
            return self._alone(x, position_ids, options)
        whole: list[Any] = [None] * len(position_ids)
        for rows in groups.values():
            embeddings = self._alone(x, position_ids[torch.tensor(rows, device=position_ids.device)], options)
            parts = embeddings if isinstance(embeddings, tuple) else (embeddings,)
            for place, row in enumerate(rows):
                whole[row] = tuple(part[place] for part in parts)
        stacked = tuple(torch.stack(parts) for parts in zip(*whole, strict=True))
        return stacked if isinstance(embeddings, tuple) else stacked[0]

    def _class_of(self, length: int, layer_type: str | None) -> int:
        """Rows of one class have the same factors."""
        if length <= self.threshold(layer_type):
            return 0
        return length if "dynamic" in _kinds(self)[layer_type] else 1

    def _alone(self, x: Tensor, position_ids: Int[Tensor, "row token"], options: ForeignKwargs) -> Any:
        self._forget(options.get("layer_type"))
        return super().forward(x, position_ids, **options)

    def _forget(self, layer_type: str | None) -> None:
        """What an earlier, longer prompt has left behind."""
        module: Any = self
        if "dynamic" not in _kinds(self)[layer_type]:
            return
        prefix = "" if layer_type is None else f"{layer_type}_"
        first = getattr(module, f"{prefix}original_inv_freq")
        now = getattr(module, f"{prefix}inv_freq")
        self.register_buffer(f"{prefix}inv_freq", first.to(now.device, copy=True), persistent=False)
        setattr(module, f"{prefix}max_seq_len_cached", module.original_max_seq_len)


def _kinds(module: nn.Module) -> dict[str | None, str]:
    """Rope type by the kind of block that it is for (None: all)."""
    kind = getattr(module, "rope_type", None)
    if isinstance(kind, str):
        return {None: kind}
    if isinstance(kind, dict):
        return {name: rope_type for name, rope_type in kind.items() if isinstance(rope_type, str)}
    return {}


def _is_known(module: nn.Module) -> bool:
    """Whether it depends on the length of prompts in the way that transformers' own rotary embeddings do."""
    settings = getattr(getattr(module, "config", None), "rope_parameters", None)
    if "position_ids" not in inspect.signature(type(module).forward).parameters or not isinstance(settings, Mapping):
        return False
    kinds = {layer_type: kind for layer_type, kind in _kinds(module).items() if _depends(kind)}
    for layer_type, kind in kinds.items():
        own = settings.get(layer_type) if layer_type is not None else settings
        prefix = "" if layer_type is None else f"{layer_type}_"
        needed = ("original_max_seq_len", f"{prefix}original_inv_freq")
        if not isinstance(own, Mapping):
            return False
        if "dynamic" in kind and not all(hasattr(module, name) for name in needed):
            return False
        if "dynamic" not in kind and "original_max_position_embeddings" not in own:
            return False
    return bool(kinds)


def _depends(kind: str) -> bool:
    return any(name in kind for name in _BY_LENGTH)
