"""How is a model that somebody else holds measured without changing it? As a second module tree over the same weights."""

from __future__ import annotations

import copy
from typing import Any

from torch import Tensor, nn


def own_view(model: Any) -> Any:
    """A copy of `model`'s modules, configuration and buffers whose parameters share the memory of the original's.

    Evaluation mode, hooks and gradient flags set on the copy don't reach the original. Costs next to no memory.
    """
    return copy.deepcopy(model, {id(parameter): shared(parameter) for parameter in model.parameters()})


def shared(parameter: Tensor) -> nn.Parameter:
    """The same numbers at the same place in memory, without gradient."""
    return nn.Parameter(parameter.detach(), requires_grad=False)
