"""How many CPU threads a piece of work is worth: small tensors lose more to waiting for each other than they gain."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

_WORTH_SHARING = 4_000_000


@contextmanager
def threads_for(elements: int) -> Iterator[None]:
    """One thread while tensors of `elements` numbers are worked on, if that is few; what was set before comes back."""
    before = torch.get_num_threads()
    if elements < _WORTH_SHARING:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
