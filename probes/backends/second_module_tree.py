"""A second module tree over the same weights, for libraries that rewrite the object they are given."""

from __future__ import annotations

import copy
from typing import Any


def second_tree(model: Any) -> Any:
    """A deep copy of `model` (modules, configuration, buffers) whose parameters are the very same tensors.

    Costs no memory to speak of, whatever the size of the model.
    """
    shared = {id(parameter): parameter for parameter in model.parameters()}
    return copy.deepcopy(model, shared)
