"""The backend on TransformerLens: its TransformerBridge around a second module tree, read and edited by its hooks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor

from strata.probes.backends.batch_positions import Pick, picker, replaced
from strata.probes.backends.contract import Activations, OneRun, Site, SiteEdit
from strata.probes.backends.foreign_failures import failures_named
from strata.probes.backends.second_module_tree import second_tree
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.errors import StrataError
from strata.probes.prompts.batching import Batch

Hook = Callable[[Tensor, Any], Tensor | None]


class TransformerLensBackend(OneRun):
    """Raises StrataError when TransformerLens has no adapter for the architecture."""

    name = "transformer_lens"

    def __init__(self, checkpoint: Checkpoint) -> None:
        super().__init__(checkpoint)
        self.bridge = _bridge(checkpoint)
        self._casts = _casts(self.bridge, checkpoint.dtype)

    def _run(
        self,
        batch: Batch,
        edits: Sequence[SiteEdit],
        where: Int[Tensor, "item position"] | None,
        sites: Sequence[Site],
        logits: bool,
    ) -> Activations:
        model = self.checkpoint
        batch, pick = batch.to(model.device), picker(where)
        by_site: dict[Site, Tensor] = {}
        hooks = [*self._casts, *self._edits(edits), *self._reads(sites, by_site, pick)]
        with torch.no_grad(), failures_named(self.name, model):
            output = self.bridge.run_with_hooks(
                batch.ids,
                fwd_hooks=hooks,
                attention_mask=batch.mask,
                position_ids=batch.position_ids,
                use_cache=False,
                # Without a question about logits the head sees one column only.
                **({} if logits else {"logits_to_keep": 1}),
            )
            self._derive(sites, by_site)
            values = {site: by_site[site].to(model.device) for site in sites}
            return Activations(values, pick(output) if logits else None)

    def _edits(self, edits: Sequence[SiteEdit]) -> list[tuple[str, Hook]]:
        by_site: dict[Site, list[SiteEdit]] = defaultdict(list)
        # What enters a block is edited first, so that `block_out` adds to what the block really receives.
        for edit in sorted(edits, key=lambda edit: edit.site.name != "resid_pre"):
            by_site[edit.site].append(edit)
        hooks: list[tuple[str, Hook]] = []
        for site, group in by_site.items():
            if site.name == "block_out":
                hooks += _replace_contribution(site.layer, group)
                continue

            def change(h: Tensor, hook: Any, group: list[SiteEdit] = group) -> Tensor:
                return replaced(h, group)

            hooks.append((_hook_name(site), change))
        return hooks

    def _reads(self, sites: Sequence[Site], by_site: dict[Site, Tensor], pick: Pick) -> list[tuple[str, Hook]]:
        hooks: list[tuple[str, Hook]] = []
        for part in dict.fromkeys(part for site in sites for part in _parts(site)):

            def keep(h: Tensor, hook: Any, part: Site = part) -> None:
                # Where a block rescales contributions (Granite), the bridge's hooks already give them rescaled.
                by_site[part] = pick(h)

            hooks.append((_hook_name(part), keep))
        return hooks

    def _derive(self, sites: Sequence[Site], by_site: dict[Site, Tensor]) -> None:
        for site in sites:
            if site.name == "block_out":
                attention, mlp = _parts(site)
                by_site[site] = by_site[attention] + by_site[mlp]


def _bridge(checkpoint: Checkpoint) -> Any:
    from transformer_lens.model_bridge.sources import build_bridge_from_module

    architecture = type(checkpoint.model).__name__
    model = second_tree(checkpoint.model)
    # Models built from a configuration or read from GGUF don't say what they are, and the bridge asks for it.
    model.config.architectures = [architecture]
    try:
        # No tokenizer: with one it would add or strip a BOS of its own, and might ask the hub for another.
        return build_bridge_from_module(model, architecture, hf_config=model.config, device=checkpoint.device)
    except (ValueError, KeyError, AttributeError, NotImplementedError, RuntimeError) as error:
        raise StrataError(
            f"TransformerLens can't wrap {architecture} ({str(error).strip().splitlines()[0][:160]})",
            "Use the default backend, torch",
        ) from error


def _casts(bridge: Any, dtype: torch.dtype) -> list[tuple[str, Hook]]:
    """OLMo rotates in float32 and casts back; the bridge forgets the cast, and half precision then crashes."""
    if dtype == torch.float32:
        return []

    def cast(h: Tensor, hook: Any) -> Tensor:
        return h.to(dtype)

    return [(name, cast) for name in bridge.hook_dict if name.endswith((".hook_rot_q", ".hook_rot_k"))]


def _parts(site: Site) -> tuple[Site, ...]:
    if site.name == "block_out":
        return Site("attn_out", site.layer), Site("mlp_out", site.layer)
    return (site,)


def _hook_name(site: Site) -> str:
    return f"blocks.{site.layer}.hook_{site.name}"


def _replace_contribution(layer: int, edits: list[SiteEdit]) -> list[tuple[str, Hook]]:
    """`block_out` := values, that is `resid_post` := `resid_pre` + values."""
    entering: list[Tensor] = []

    def remember(h: Tensor, hook: Any) -> None:
        entering[:] = [h]

    def change(h: Tensor, hook: Any) -> Tensor:
        return replaced(h, edits, beside=-entering[0])

    return [
        (_hook_name(Site("resid_pre", layer)), remember),
        (_hook_name(Site("resid_post", layer)), change),
    ]
