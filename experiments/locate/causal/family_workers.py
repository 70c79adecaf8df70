"""Several families beside each other: the products of one family's runs are too small to gain much from a second thread."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from queue import SimpleQueue
from threading import Event, Lock

import torch

from strata.probes.backends.contract import Backend
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.checkpoints.shared_weights import with_shared_weights
from strata.probes.numerics.free_memory import free_host_memory
from strata.probes.rerun.why_whole import is_other

_MOST = 4
"""Families at once: each holds the recordings of its own prompts."""
_BYTES_OF_A_FAMILY = 4_000_000_000
"""Free memory that each asks for. Measured on the embedded model, 24 pairs of up to 100 tokens, on two cores: 8.7 GB at the peak and 543 s for
20 families two at a time, 5.4 GB and 689 s one after the other."""
_SMALL = 500_000_000
"""Parameters up to which a block's products leave threads waiting for each other."""


class FamilyWorkers:
    """The model as often as families are measured at once, with one set of weights."""

    def __init__(self, checkpoint: Checkpoint, at_once: int | None = None, backend: Backend | None = None) -> None:
        """`at_once`: how many; None: as many as gain by it. `backend`: what runs the model, one family after the other where it
        isn't torch's hooks."""
        self.backend = backend
        if at_once is None:
            at_once = 1 if is_other(backend) else families_at_once(checkpoint)
        self.at_once = at_once
        self.threads = max(1, torch.get_num_threads() // self.at_once)
        """Of each."""
        self.stopping = Event()
        """Set when the others are to end early."""
        self.alone = Lock()
        """Held while something is written that the families share."""
        self._free: SimpleQueue[Checkpoint] = SimpleQueue()
        for number in range(self.at_once):
            self._free.put(checkpoint if number == 0 else with_shared_weights(checkpoint))

    @contextmanager
    def taken(self) -> Iterator[Checkpoint]:
        """One that nobody else uses while this is open."""
        checkpoint = self._free.get()
        try:
            yield checkpoint
        finally:
            self._free.put(checkpoint)


def families_at_once(checkpoint: Checkpoint) -> int:
    """As many as there are threads, for a small model on the CPU; else one."""
    from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

    spread = getattr(checkpoint.model, "hf_device_map", None) is not None
    if spread or checkpoint.device.type != "cpu" or checkpoint.attention not in ALL_ATTENTION_FUNCTIONS:
        return 1
    if sum(parameter.numel() for parameter in checkpoint.model.parameters()) > _SMALL:
        return 1
    free = free_host_memory()
    fit = _MOST if free is None else int(free // _BYTES_OF_A_FAMILY)
    return max(1, min(_MOST, fit, torch.get_num_threads()))
