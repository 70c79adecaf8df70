"""Measures one language model: tensors in, tensors out. No run directories, no printing, no plots.

>>> from probes import TorchHooks, capture, open_checkpoint, Prompt                     # doctest: +SKIP
>>> model = open_checkpoint("smollm2")                                                  # doctest: +SKIP
>>> ids = model.encode("The capital of France is")                                      # doctest: +SKIP
>>> prompts = [Prompt("france", ids, {"last": len(ids) - 1})]                           # doctest: +SKIP
>>> for batch in capture(TorchHooks(model), prompts, pad_id=model.pad_id, device=model.device):  # doctest: +SKIP
...     batch.values                                              # item × stream × position × d_model
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from probes.backends.torch_hooks import TorchHooks
    from probes.capture import capture
    from probes.checkpoints.checkpoint import Checkpoint
    from probes.checkpoints.open import checkpoint_from, open_checkpoint
    from probes.errors import StrataError
    from probes.lens.logit import read_lens
    from probes.linear import probe_streams
    from probes.prompts import Prompt
    from probes.similarity.lineage import verify_pair
    from probes.similarity.weights import compare_weights, weight_changes

_HOMES = {
    "Checkpoint": "probes.checkpoints.checkpoint",
    "Prompt": "probes.prompts",
    "StrataError": "probes.errors",
    "TorchHooks": "probes.backends.torch_hooks",
    "capture": "probes.capture",
    "checkpoint_from": "probes.checkpoints.open",
    "compare_weights": "probes.similarity.weights",
    "open_checkpoint": "probes.checkpoints.open",
    "probe_streams": "probes.linear",
    "read_lens": "probes.lens.logit",
    "verify_pair": "probes.similarity.lineage",
    "weight_changes": "probes.similarity.weights",
}
__all__ = [
    "Checkpoint",
    "Prompt",
    "StrataError",
    "TorchHooks",
    "capture",
    "checkpoint_from",
    "compare_weights",
    "open_checkpoint",
    "probe_streams",
    "read_lens",
    "verify_pair",
    "weight_changes",
]


def __getattr__(name: str) -> Any:
    """Loaded on first use: errors and prompts are needed where torch isn't."""
    if name in _HOMES:
        from importlib import import_module

        return globals().setdefault(name, getattr(import_module(_HOMES[name]), name))
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
