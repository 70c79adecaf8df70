"""Edited runs as whole forward passes, where runs can't be restarted from the middle: the same numbers, more slowly.

A state that goes along the prompt, a cache that blocks share, an attention of a model's own: none of them is cut at a column. And
another library than torch's hooks runs prompts from their first token on, whatever the model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from einops import rearrange
from jaxtyping import Float, Int
from torch import Tensor

from strata.probes.backends.contract import Site
from strata.probes.backends.torch_hooks import TorchHooks
from strata.probes.prompts.batching import Batch
from strata.probes.rerun.no_restart import NoRestartError, WhyWhole
from strata.probes.rerun.recording import Recording
from strata.probes.rerun.run_edits import Replacement, RunEdit
from strata.probes.rerun.why_whole import why_whole


def sweep_whole(
    recording: Recording, edits: Sequence[RunEdit], where: Int[Tensor, "item position"], keep: int
) -> Float[Tensor, "edit item token d_model"]:
    """What `sweep` returns; a forward pass holds as many edited runs as it is for. Raises NoRestartError for heads, and for
    attention that is hidden."""
    checkpoint, last = recording.checkpoint, Site("resid_post", recording.n_layers - 1)
    backend = recording.other or TorchHooks(checkpoint)
    replacements = [edit for edit in edits if isinstance(edit, Replacement)]
    if len(replacements) < len(edits):
        raise NoRestartError(why_whole(checkpoint, recording.other) or WhyWhole("heads"))
    n_items = len(where)
    kept = torch.arange(recording.n_columns - keep, recording.n_columns)
    at_once = max(1, backend.tokens_a_pass // recording.batch.ids.numel())
    ends = []
    for low in range(0, len(replacements), at_once):
        together = replacements[low : low + at_once]
        site_edits = [
            replace(site_edit, rows=torch.arange(n_items) + run * n_items)
            for run, edit in enumerate(together)
            for site_edit in edit.site_edits(where)
        ]
        batch = _times(recording.batch, len(together))
        found = backend.edit(batch, site_edits, kept.expand(len(batch.ids), -1), sites=[last], logits=False)
        ends.append(rearrange(found.values[last], "(edit item) ... -> edit item ...", edit=len(together)))
    return torch.cat(ends)


def _times(batch: Batch, n: int) -> Batch:
    """Its rows `n` times, one whole batch after the other."""
    return Batch(
        *(part.repeat(n, *(1,) * (part.ndim - 1)) for part in (batch.ids, batch.mask, batch.position_ids, batch.start))
    )
