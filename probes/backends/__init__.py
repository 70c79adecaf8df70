"""The only files that touch a model's insides: one contract, three libraries.

```python
backend = open_backend("torch", checkpoint)
batch = pad(prompts, checkpoint.pad_id)
where, present = locate_positions(prompts, ["last"], batch)
streams = backend.read(batch, streams_of(checkpoint.n_layers), where).stack(streams_of(checkpoint.n_layers))
```
"""

from __future__ import annotations

from strata.probes.backends.contract import (
    EDITABLE,
    SITE_NAMES,
    Activations,
    Backend,
    Site,
    SiteEdit,
    SiteName,
    streams_of,
)
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.errors import StrataError

BACKENDS = ("torch", "transformer_lens", "nnsight")

__all__ = [
    "BACKENDS",
    "EDITABLE",
    "SITE_NAMES",
    "Activations",
    "Backend",
    "Site",
    "SiteEdit",
    "SiteName",
    "open_backend",
    "streams_of",
]


def open_backend(name: str, checkpoint: Checkpoint, remote: bool | str = False) -> Backend:
    """The backend `name` around `checkpoint`; its library is imported only now.

    `remote` belongs to nnsight alone: True runs on its server, "local" rehearses that. Raises StrataError for an
    unknown name, for `remote` with another backend, and for a model the library can't wrap.
    """
    if name not in BACKENDS:
        raise StrataError(f"There is no backend {name!r}", f"Choose among: {', '.join(BACKENDS)}")
    if remote and name != "nnsight":
        raise StrataError(f"The backend {name} runs here only", "Take nnsight for remote execution")
    if name == "torch":
        from strata.probes.backends.torch_hooks import TorchHooks

        return TorchHooks(checkpoint)
    if name == "transformer_lens":
        from strata.probes.backends.transformer_lens import TransformerLensBackend

        return TransformerLensBackend(checkpoint)
    from strata.probes.backends.nnsight_backend import NNsightBackend

    return NNsightBackend(checkpoint, remote=remote)
