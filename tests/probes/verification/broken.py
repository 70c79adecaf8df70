"""Backends with the mistakes that peers have shipped, to show that Strata's checks notice each of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from tiny_models import adds
from torch import Tensor

from strata.probes.backends import Activations, Site, SiteEdit
from strata.probes.backends.torch_hooks import TorchHooks
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.prompts.batching import Batch


class Broken:
    """Torch hooks with one mistake: in what is asked (`batch`, `edits`) or in what is answered (`values`)."""

    name = "broken"
    shares_beginnings = False

    def __init__(
        self,
        checkpoint: Checkpoint,
        *,
        batch: Callable[[Batch], Batch] = lambda batch: batch,
        values: Callable[[dict[Site, Tensor]], dict[Site, Tensor]] = lambda values: values,
        edits: Callable[[Sequence[SiteEdit], Batch], Sequence[SiteEdit]] = lambda edits, batch: edits,
    ) -> None:
        self.hooks = TorchHooks(checkpoint)
        self.n_layers = checkpoint.n_layers
        self.batch, self.values, self.edits = batch, values, edits

    def read(
        self, batch: Batch, sites: Sequence[Site], where: Tensor | None = None, *, logits: bool = False
    ) -> Activations:
        right = self.hooks.read(self.batch(batch), sites, where, logits=logits)
        return Activations(self.values(dict(right.values)), right.logits)

    def edit(
        self,
        batch: Batch,
        edits: Sequence[SiteEdit],
        where: Tensor | None = None,
        *,
        sites: Sequence[Site] = (),
        logits: bool = True,
    ) -> Activations:
        edits = self.edits(edits, batch)
        right = self.hooks.edit(self.batch(batch), edits, where, sites=sites, logits=logits)
        return Activations(self.values(dict(right.values)), right.logits)


def one_layer_off(checkpoint: Checkpoint) -> Broken:
    """Stream s reported as stream s + 1."""

    def shifted(values: dict[Site, Tensor]) -> dict[Site, Tensor]:
        after = {Site("resid_pre", site.layer + 1): h for site, h in values.items() if site.name == "resid_post"}
        streams = {**after, **{site: h for site, h in values.items() if site.name == "resid_pre"}}
        return {
            site: streams.get(Site("resid_pre", site.layer + 1), h) if site.name == "resid_pre" else h
            for site, h in values.items()
        }

    return Broken(checkpoint, values=shifted)


def last_stream_normed(checkpoint: Checkpoint) -> Broken:
    """`hidden_states[L]` called the last stream."""
    last = Site("resid_post", checkpoint.n_layers - 1)

    def normed(values: dict[Site, Tensor]) -> dict[Site, Tensor]:
        with torch.no_grad():
            return {site: checkpoint.final_norm(h) if site == last else h for site, h in values.items()}

    return Broken(checkpoint, values=normed)


def one_position_off(checkpoint: Checkpoint) -> Broken:
    """Every value is its left neighbour's."""
    return Broken(checkpoint, values=lambda values: {site: h.roll(1, dims=1) for site, h in values.items()})


def no_position_ids(checkpoint: Checkpoint) -> Broken:
    """Columns taken for positions, pads included."""
    return Broken(
        checkpoint,
        batch=lambda batch: replace(batch, position_ids=torch.arange(batch.ids.shape[1]).expand_as(batch.ids)),
    )


def no_mask(checkpoint: Checkpoint) -> Broken:
    """Pads in front of a prompt are looked at."""
    return Broken(checkpoint, batch=lambda batch: replace(batch, mask=torch.ones_like(batch.mask)))


def before_post_norm(checkpoint: Checkpoint) -> TorchHooks:
    """Contributions read where they leave attention and MLP, before the norm that the block still applies."""
    blocks = tuple(
        replace(parts, mixer=adds(parts.block.self_attn), channel=adds(parts.block.mlp))
        for parts in checkpoint.anatomy.blocks
    )
    return TorchHooks(replace(checkpoint, anatomy=replace(checkpoint.anatomy, blocks=blocks)))


def no_softcap(checkpoint: Checkpoint) -> TorchHooks:
    return TorchHooks(replace(checkpoint, readout=replace(checkpoint.readout, softcap=None)))


def edits_ignored(checkpoint: Checkpoint) -> Broken:
    return Broken(checkpoint, edits=lambda edits, batch: [])


def edits_at_unpadded_columns(checkpoint: Checkpoint) -> Broken:
    """An index into the prompt used as a column of the left-padded batch."""
    return Broken(
        checkpoint,
        edits=lambda edits, batch: [
            replace(edit, where=(edit.where - batch.start[:, None]).clamp(min=0)) for edit in edits
        ],
    )
