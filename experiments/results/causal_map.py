"""How much of a model is intervened on. Imports nothing: the command line reads it before anything heavy is loaded."""

from __future__ import annotations

from typing import Literal, get_args

CausalMap = Literal["none", "quick", "default", "full"]
CAUSAL_MAPS: tuple[CausalMap, ...] = get_args(CausalMap)
