"""Edited runs as whole forward passes, where runs can't be restarted from the middle: the same numbers, more slowly.

A state that goes along the prompt, a cache that blocks share, an attention of a model's own: none of them is cut at a column. And
another library than torch's hooks runs prompts from their first token on, whatever the model.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from strata.probes.backends.contract import Site
from strata.probes.backends.torch_hooks import TorchHooks
from strata.probes.rerun.recording import Recording
from strata.probes.rerun.run_edits import Replacement, RunEdit
from strata.probes.rerun.shared_prefix import NoRestartError
from strata.probes.rerun.why_whole import why_whole


def sweep_whole(
    recording: Recording, edits: Sequence[RunEdit], where: Int[Tensor, "item position"], keep: int
) -> Float[Tensor, "edit item token d_model"]:
    """What `sweep` returns, one forward pass an edit. Raises NoRestartError for heads, and for attention that is hidden."""
    checkpoint, last = recording.checkpoint, Site("resid_post", recording.n_layers - 1)
    backend = recording.other or TorchHooks(checkpoint)
    kept = torch.arange(recording.n_columns - keep, recording.n_columns).expand(len(where), -1)
    ends = []
    for edit in edits:
        if not isinstance(edit, Replacement):
            raise NoRestartError(why_whole(checkpoint, recording.other) or "heads are replaced in restarted runs")
        found = backend.edit(recording.batch, edit.site_edits(where), kept, sites=[last], logits=False)
        ends.append(found.values[last])
    return torch.stack(ends)
