"""The default backend: plain torch hooks on the body, no head over the sequence, nothing kept that wasn't asked for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from functools import partial
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from strata.probes.backends.batch_positions import Pick, picker, replaced
from strata.probes.backends.body_inputs import body_inputs
from strata.probes.backends.contract import Activations, OneRun, Site, SiteEdit, SiteName
from strata.probes.backends.right_aligned import edits_right_aligned, right_aligned, rolled_back, where_right_aligned
from strata.probes.backends.step_hooks import Handle, edit_step, hook_place, read_step
from strata.probes.checkpoints.block_steps import BlockParts, Place
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.prompts.batching import Batch

_STEPS: tuple[SiteName, ...] = ("attn_out", "mlp_out")
_ORDER = {name: index for index, name in enumerate(("resid_pre", "attn_out", "mlp_out", "resid_post", "block_out"))}


class _LastNeededBlockReached(Exception):
    """Ends a forward pass whose remaining blocks nobody asked for."""


class TorchHooks(OneRun):
    """Reads and edits with forward hooks, which are gone when the call returns, whatever happened in between."""

    name = "torch"

    def _run(
        self,
        batch: Batch,
        edits: Sequence[SiteEdit],
        where: Int[Tensor, "item position"] | None,
        sites: Sequence[Site],
        logits: bool,
    ) -> Activations:
        batch = batch.to(self.checkpoint.device)
        if not self.checkpoint.anatomy.pads_right or not bool(batch.start.any()):
            return self._forward(body_inputs(self.checkpoint, batch), edits, picker(where), sites, logits)
        moved, edits = right_aligned(batch), edits_right_aligned(batch, edits)
        pick = picker(None if where is None else where_right_aligned(batch, where))
        found = self._forward(body_inputs(self.checkpoint, moved), edits, pick, sites, logits)
        return found if where is not None else rolled_back(batch, found)

    def _forward(
        self,
        inputs: Mapping[str, Tensor],
        edits: Sequence[SiteEdit],
        pick: Pick,
        sites: Sequence[Site],
        logits: bool,
    ) -> Activations:
        """One call of the body, up to the last block that is asked for; `pick`: what is kept of a stream."""
        model = self.checkpoint
        by_site: dict[Site, Tensor] = {}
        wanted = _with_parts(model, sites)
        last = max((site.layer for site in sites), default=-1)
        final: list[Tensor] = []
        with ExitStack() as hooks, torch.no_grad():
            # A block's output is read as its steps made it before an edit of `block_out` takes their place.
            _place_edits(model, [edit for edit in edits if edit.site.name in ("resid_pre", *_STEPS)], hooks)
            _place_reads(model, [site for site in wanted if site.name != "resid_post"], by_site, pick, hooks)
            _place_edits(model, [edit for edit in edits if edit.site.name in ("resid_post", "block_out")], hooks)
            _place_reads(model, [site for site in wanted if site.name == "resid_post"], by_site, pick, hooks)
            if logits:
                _keep_last(model, final, pick, hooks)
            else:
                _place_stop(model, last, hooks)
            with suppress(_LastNeededBlockReached):
                model.body(use_cache=False, **inputs)
            _derive(model, sites, by_site)
            values = {site: by_site[site].to(model.device) for site in sites}
            return Activations(values, self._unembed(final[-1]) if logits else None)

    def _unembed(self, last: Float[Tensor, "item position d_model"]) -> Float[Tensor, "item position vocab"]:
        model = self.checkpoint
        head: nn.Module = model.model.get_output_embeddings()
        normed = last if _norms_in_body(model) else model.readout.normed(last)
        device = next(head.parameters()).device
        return model.readout.transform(head(normed.to(device))[..., : model.readout.vocab_size]).to(model.device)


def _norms_in_body(model: Checkpoint) -> bool:
    """Whether the head reads what the final norm returns while the body runs."""
    return model.final_norm is not None and model.readout.norm is model.final_norm


def _keep_last(model: Checkpoint, final: list[Tensor], pick: Pick, hooks: ExitStack) -> None:
    """What logits are made from. The last call counts: nanochat norms the embedding with the same module."""
    last = model.final_norm if _norms_in_body(model) else None

    def keep(h: Tensor) -> Tensor:
        final.append(pick(h))
        return h

    place = model.anatomy.blocks[-1].leaving if last is None else Place(last, "output")
    hooks.enter_context(hook_place(place, keep, changes=False))


def _with_parts(model: Checkpoint, sites: Sequence[Site]) -> list[Site]:
    """The sites to hook: `resid_mid` and `block_out` are sums of things that are read anyway."""
    parts: dict[Site, None] = {}
    for site in sites:
        parts |= dict.fromkeys(_summands(site))
    for site in [site for site in parts if _is_lacking(model, site)]:
        del parts[site]
        parts[Site("resid_pre", site.layer)] = None
    return list(parts)


def _summands(site: Site) -> tuple[Site, ...]:
    if site.name == "resid_mid":
        return Site("resid_pre", site.layer), Site("attn_out", site.layer)
    if site.name == "block_out":
        return Site("attn_out", site.layer), Site("mlp_out", site.layer)
    return (site,)


def _is_lacking(model: Checkpoint, site: Site) -> bool:
    return site.name in _STEPS and model.anatomy.blocks[site.layer].step(site.name) is None


def _derive(model: Checkpoint, sites: Sequence[Site], by_site: dict[Site, Tensor]) -> None:
    for site in sites:
        first, *others = _summands(site)
        for part in (first, *others):
            if _is_lacking(model, part):  # what a block hasn't got adds nothing
                by_site[part] = torch.zeros_like(by_site[Site("resid_pre", site.layer)])
        if others:
            by_site[site] = by_site[first].to(by_site[others[0]].device) + by_site[others[0]]


def _place_reads(
    model: Checkpoint, sites: Sequence[Site], by_site: dict[Site, Tensor], pick: Pick, hooks: ExitStack
) -> None:
    for site in sites:
        parts, keep = model.anatomy.blocks[site.layer], partial(by_site.__setitem__, site)
        if site.name in _STEPS:
            step = parts.step(site.name)
            assert step is not None
            read_step(step, pick, keep, hooks)
        else:
            place = parts.entering if site.name == "resid_pre" else parts.leaving
            hooks.enter_context(hook_place(place, partial(_noted, pick, keep), changes=False))


def _noted(pick: Pick, keep: Callable[[Tensor], None], h: Tensor) -> Tensor:
    keep(pick(h))
    return h


def _place_edits(model: Checkpoint, edits: Sequence[SiteEdit], hooks: ExitStack) -> None:
    by_site: dict[Site, list[SiteEdit]] = defaultdict(list)
    # In the order in which a block runs, so that what comes later is added to what the block really has by then.
    for edit in sorted(edits, key=lambda edit: _ORDER[edit.site.name]):
        by_site[edit.site].append(edit)
    for site, group in by_site.items():
        parts, put = model.anatomy.blocks[site.layer], partial(replaced, edits=group)
        if site.name == "resid_pre":
            hooks.enter_context(hook_place(parts.entering, put, changes=True))
        elif site.name == "resid_post":
            hooks.enter_context(hook_place(parts.leaving, put, changes=True))
        elif site.name == "block_out":
            _replace_contribution(parts, group, hooks)
        else:
            step = parts.step(site.name)
            if step is not None:
                edit_step(step, put, hooks)


def _replace_contribution(parts: BlockParts, edits: list[SiteEdit], hooks: ExitStack) -> None:
    """`block_out` := values, that is `resid_post` := `resid_pre` + values."""
    entering: list[Tensor] = []

    def remember(h: Tensor) -> Tensor:
        entering[:] = [h]
        return h

    def change(h: Tensor) -> Tensor:
        return replaced(h, edits, beside=-entering[0].to(h))

    hooks.enter_context(hook_place(parts.entering, remember, changes=False))
    hooks.enter_context(hook_place(parts.leaving, change, changes=True))


def _place_stop(model: Checkpoint, last: int, hooks: ExitStack) -> None:
    if last < 0:
        return

    def stop(_module: nn.Module, _inputs: Any, _output: Any) -> None:
        raise _LastNeededBlockReached

    hooks.enter_context(Handle(model.blocks[last].register_forward_hook(stop)))
