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
from strata.probes.backends.contract import Activations, OneRun, Site, SiteEdit
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.foreign_types import ForeignKwargs
from strata.probes.prompts.batching import Batch

Change = Callable[[Tensor], Tensor]


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
        return self._forward(body_inputs(self.checkpoint, batch), edits, picker(where), sites, logits)

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
        last = max((site.layer for site in sites), default=-1)
        final: list[Tensor] = []
        with ExitStack() as hooks, torch.no_grad():
            _place_edits(model, edits, hooks)
            _place_reads(model, _with_parts(sites), by_site, pick, hooks)
            if logits:  # the last call counts: nanochat norms the embedding with the same module
                hooks.enter_context(
                    _handle(model.final_norm.register_forward_hook(lambda m, i, o: final.append(pick(o))))
                )
            else:
                _place_stop(model, last, hooks)
            with suppress(_LastNeededBlockReached):
                model.body(use_cache=False, **inputs)
            _derive(sites, by_site)
            values = {site: by_site[site].to(model.device) for site in sites}
            return Activations(values, self._unembed(final[-1]) if logits else None)

    def _unembed(self, normed: Float[Tensor, "item position d_model"]) -> Float[Tensor, "item position vocab"]:
        head: nn.Module = self.checkpoint.model.get_output_embeddings()
        device = next(head.parameters()).device
        readout = self.checkpoint.readout
        return readout.transform(head(normed.to(device))[..., : readout.vocab_size])


def _with_parts(sites: Sequence[Site]) -> list[Site]:
    """The sites to hook: `resid_mid` and `block_out` are sums of things that are read anyway."""
    parts: dict[Site, None] = {}
    for site in sites:
        if site.name == "resid_mid":
            parts |= dict.fromkeys((Site("resid_pre", site.layer), Site("attn_out", site.layer)))
        elif site.name == "block_out":
            parts |= dict.fromkeys((Site("attn_out", site.layer), Site("mlp_out", site.layer)))
        else:
            parts[site] = None
    return list(parts)


def _derive(sites: Sequence[Site], by_site: dict[Site, Tensor]) -> None:
    for site in sites:
        if site.name == "resid_mid":
            by_site[site] = by_site[Site("resid_pre", site.layer)] + by_site[Site("attn_out", site.layer)]
        elif site.name == "block_out":
            by_site[site] = by_site[Site("attn_out", site.layer)] + by_site[Site("mlp_out", site.layer)]


def _place_reads(
    model: Checkpoint, sites: Sequence[Site], by_site: dict[Site, Tensor], pick: Pick, hooks: ExitStack
) -> None:
    for site in sites:
        parts, scale = model.anatomy.blocks[site.layer], model.anatomy.contribution_scale

        def keep(h: Tensor, site: Site = site) -> Tensor:
            by_site[site] = pick(h)
            return h

        def keep_scaled(h: Tensor, site: Site = site, scale: float = scale) -> Tensor:
            by_site[site] = pick(h) * scale
            return h

        if site.name == "resid_pre":
            hooks.enter_context(hook_input(parts.block, keep, changes=False))
        elif site.name == "resid_post":
            hooks.enter_context(hook_output(parts.block, keep, changes=False))
        else:
            module = parts.attention if site.name == "attn_out" else parts.mlp
            hooks.enter_context(hook_output(module, keep if scale == 1 else keep_scaled, changes=False))


def _place_edits(model: Checkpoint, edits: Sequence[SiteEdit], hooks: ExitStack) -> None:
    by_site: dict[Site, list[SiteEdit]] = defaultdict(list)
    # What enters a block is edited first, so that `block_out` adds to what the block really receives.
    for edit in sorted(edits, key=lambda edit: edit.site.name != "resid_pre"):
        by_site[edit.site].append(edit)
    for site, group in by_site.items():
        parts, scale = model.anatomy.blocks[site.layer], model.anatomy.contribution_scale
        change = partial(replaced, edits=group)
        if site.name == "resid_pre":
            hooks.enter_context(hook_input(parts.block, change, changes=True))
        elif site.name == "resid_post":
            hooks.enter_context(hook_output(parts.block, change, changes=True))
        elif site.name == "block_out":
            _replace_contribution(parts.block, group, hooks)
        else:
            module = parts.attention if site.name == "attn_out" else parts.mlp
            hooks.enter_context(hook_output(module, partial(change, scale=scale), changes=True))


def _replace_contribution(block: nn.Module, edits: list[SiteEdit], hooks: ExitStack) -> None:
    """`block_out` := values, that is `resid_post` := `resid_pre` + values."""
    entering: list[Tensor] = []

    def remember(h: Tensor) -> Tensor:
        entering[:] = [h]
        return h

    def change(h: Tensor) -> Tensor:
        return replaced(h, edits, added_to=entering[0])

    hooks.enter_context(hook_input(block, remember, changes=False))
    hooks.enter_context(hook_output(block, change, changes=True))


def _place_stop(model: Checkpoint, last: int, hooks: ExitStack) -> None:
    if last < 0:
        return

    def stop(_module: nn.Module, _inputs: Any, _output: Any) -> None:
        raise _LastNeededBlockReached

    hooks.enter_context(_handle(model.blocks[last].register_forward_hook(stop)))


def hook_input(module: nn.Module, fn: Change, *, changes: bool) -> Any:
    def hook(_module: nn.Module, args: tuple[Any, ...], kwargs: ForeignKwargs) -> Any:
        h = args[0] if args else kwargs["hidden_states"]
        h = fn(h)
        if not changes:
            return None
        return ((h, *args[1:]), kwargs) if args else (args, {**kwargs, "hidden_states": h})

    return _handle(module.register_forward_pre_hook(hook, with_kwargs=True))


def hook_output(module: nn.Module, fn: Change, *, changes: bool) -> Any:
    def hook(_module: nn.Module, inputs: tuple[Any, ...], output: Any) -> Any:
        is_tuple = isinstance(output, tuple)
        own = output[0] if is_tuple else output
        h = fn(by_rows(own, inputs))
        if not changes:
            return None
        h = h.view_as(own)
        return (h, *output[1:]) if is_tuple else h

    return _handle(module.register_forward_hook(hook))


def by_rows(output: Tensor, inputs: tuple[Any, ...]) -> Float[Tensor, "row token d_model"]:
    """What a module returned, in the shape of what it was given: Llama 4's experts lay the tokens of all rows in one line."""
    given = inputs[0] if inputs else None
    if isinstance(given, Tensor) and given.ndim == 3 and output.ndim == 2 and output.numel() == given.numel():
        return output.view_as(given)
    return output


class _handle:
    """A hook as a context manager."""

    def __init__(self, handle: Any) -> None:
        self.handle = handle

    def __enter__(self) -> None:
        return None

    def __exit__(self, *_: object) -> None:
        self.handle.remove()
