"""The only files that touch a model's insides: one contract, three libraries.

```python
backend = open_backend("torch", checkpoint)
batch = pad(prompts, checkpoint.pad_id)
where, present = locate_positions(prompts, ["last"], batch)
streams = backend.read(batch, streams_of(checkpoint.n_layers), where).stack(streams_of(checkpoint.n_layers))
```
"""

from __future__ import annotations

from strata.probes.backend_choice import BACKENDS, BackendChoice, Remote
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

__all__ = [
    "BACKENDS",
    "EDITABLE",
    "SITE_NAMES",
    "Activations",
    "Backend",
    "BackendChoice",
    "Site",
    "SiteEdit",
    "SiteName",
    "open_backend",
    "open_chosen",
    "streams_of",
]


def open_backend(name: str, checkpoint: Checkpoint, remote: Remote = False) -> Backend:
    """The backend `name` around `checkpoint`; its library is imported only now.

    `remote` belongs to nnsight alone: True runs on its server, "local" rehearses that. Raises StrataError for an
    unknown name, for `remote` with another backend, and for a model the library can't wrap.
    """
    return open_chosen(BackendChoice(name, remote), checkpoint)


def open_chosen(choice: BackendChoice, checkpoint: Checkpoint) -> Backend:
    """`open_backend` of a choice that was made before."""
    if choice.is_own:
        from strata.probes.backends.torch_hooks import TorchHooks

        return TorchHooks(checkpoint)
    if choice.name == "transformer_lens":
        from strata.probes.backends.transformer_lens import TransformerLensBackend

        return TransformerLensBackend(checkpoint)
    from strata.probes.backends.nnsight_backend import NNsightBackend

    return NNsightBackend(checkpoint, remote=choice.remote)
