"""One unedited run, written down so that edited ones can start from its middle."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from strata.probes.backends.contract import Backend, Site, streams_of
from strata.probes.backends.packed_linear import packed_linears
from strata.probes.backends.step_hooks import given_beside, hook_output, read_step, stream_given
from strata.probes.backends.torch_hooks import TorchHooks
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.foreign_types import ForeignKwargs
from strata.probes.prompts.batching import Batch, pad
from strata.probes.prompts.prompt import Prompt
from strata.probes.rerun.no_restart import NoRestartError, WhyWhole
from strata.probes.rerun.recorded_tree import NoTreeError, RowsOfTree, TreeRecorder, rows_of_tree
from strata.probes.rerun.shared_prefix import RecordedAttention, Recorder, attention_by
from strata.probes.rerun.why_whole import is_other, remember_whole, why_whole


@dataclass(frozen=True)
class BlockCall:
    """What a body hands to one block beside the stream."""

    args: tuple[Any, ...]
    kwargs: ForeignKwargs


@dataclass(frozen=True)
class Recording:
    """Streams and contributions from column `first` on, keys and values everywhere, of one left-padded batch.

    Every tensor lies where its block computed it, in the model's dtype.
    """

    checkpoint: Checkpoint
    prompts: tuple[Prompt, ...]
    batch: Batch
    first: int
    """Column of the padded rows at which the kept streams begin."""
    streams: tuple[Float[Tensor, "item token d_model"], ...]
    """Stream 0 to stream L."""
    attn_out: tuple[Float[Tensor, "item token d_model"], ...]
    """What the mixer adds, by block."""
    mlp_out: tuple[Float[Tensor, "item token d_model"], ...]
    attention: tuple[RecordedAttention, ...]
    """Of every block; empty where runs can't be restarted from the middle."""
    calls: tuple[BlockCall, ...]
    """Of every block; empty likewise."""
    other: Backend | None = None
    """The library that ran it, and runs edits of it, where that isn't torch's hooks."""

    @property
    def n_layers(self) -> int:
        return self.checkpoint.n_layers

    @property
    def restarts(self) -> bool:
        """Whether it holds what edited runs need to start from its middle."""
        return bool(self.attention)

    @property
    def n_columns(self) -> int:
        return int(self.batch.ids.shape[1])

    @property
    def n_bytes(self) -> int:
        """Of streams, contributions, keys and values."""
        kept = [*self.streams, *self.attn_out, *self.mlp_out]
        kept += [part for attention in self.attention for part in (attention.keys, attention.values)]
        return sum(tensor.nbytes for tensor in kept)

    def columns(self, names: Sequence[str]) -> Int[Tensor, "item position"]:
        """Columns of the named positions in the padded rows. Raises KeyError for a name a prompt lacks."""
        places = [[prompt.positions[name] for name in names] for prompt in self.prompts]
        return torch.tensor(places, dtype=torch.long).reshape(len(places), len(names)) + self.batch.start[:, None]

    def contribution(self, component: str, layer: int) -> Float[Tensor, "item token d_model"]:
        """`attn_out`, `mlp_out`, `block_out` (their sum) or `resid_pre` of a block, from column `first` on."""
        match component:
            case "attn_out":
                return self.attn_out[layer]
            case "mlp_out":
                return self.mlp_out[layer]
            case "block_out":
                return self.attn_out[layer] + self.mlp_out[layer]
            case "resid_pre":
                return self.streams[layer]
        raise ValueError(f"no component {component!r}")

    def at(
        self, component: str, layer: int, where: Int[Tensor, "item position"]
    ) -> Float[Tensor, "item position d_model"]:
        """A copy of a component at columns `where` (none may lie before `first`)."""
        values = self.contribution(component, layer)
        columns = (where - self.first).to(values.device)
        return values[torch.arange(len(columns), device=values.device)[:, None], columns]

    def select(self, rows: Int[Tensor, " row"]) -> Recording:
        """The same run of some of its prompts, in the same columns."""
        masks: dict[int, Tensor] = {}

        def chosen(tensor: Tensor) -> Tensor:
            return tensor[rows.to(tensor.device)]

        def masked(mask: Tensor) -> Tensor:
            # The blocks share one mask or two: a copy a mask, not a copy a block.
            if id(mask) not in masks:
                masks[id(mask)] = mask if len(mask) == 1 else chosen(mask)
            return masks[id(mask)]

        def argument(value: Any) -> Any:
            if isinstance(value, tuple):
                return tuple(argument(part) for part in value)
            by_row = isinstance(value, Tensor) and value.ndim > 1 and len(value) == len(self.prompts)
            return chosen(value) if by_row else value

        batch = Batch(
            *(chosen(part) for part in (self.batch.ids, self.batch.mask, self.batch.position_ids, self.batch.start))
        )
        return replace(
            self,
            prompts=tuple(self.prompts[row] for row in rows.tolist()),
            batch=batch,
            streams=tuple(chosen(stream) for stream in self.streams),
            attn_out=tuple(chosen(part) for part in self.attn_out),
            mlp_out=tuple(chosen(part) for part in self.mlp_out),
            attention=tuple(
                RecordedAttention(chosen(attention.keys), chosen(attention.values), masked(attention.mask))
                for attention in self.attention
            ),
            calls=tuple(
                BlockCall(argument(call.args), {name: argument(value) for name, value in call.kwargs.items()})
                for call in self.calls
            ),
        )


def record(
    checkpoint: Checkpoint, prompts: Sequence[Prompt], *, keep: int | None = None, backend: Backend | None = None
) -> Recording:
    """Runs `prompts` once. `keep`: how many columns, counted from the end, streams and contributions are kept for; `backend`: what runs them,
    None: torch's hooks.

    Tokens that prompts share from their beginning on are computed once, and pads not at all, where a body allows it. A model that
    can't be restarted from the middle, or that another library runs, is recorded without what restarts need.
    """
    batch = _left_padded(prompts, checkpoint.pad_id)
    first = 0 if keep is None else max(0, batch.ids.shape[1] - keep)
    if why_whole(checkpoint, backend) is None:
        tree = rows_of_tree(checkpoint, batch)
        try:
            if tree is not None:
                with suppress(NoTreeError):
                    return _recorded(checkpoint, prompts, batch, first, tree)
            return _recorded(checkpoint, prompts, batch, first, None)
        except NoRestartError as error:
            remember_whole(checkpoint, error)
    return _recorded_whole(checkpoint, prompts, batch, first, backend if is_other(backend) else None)


def record_each(
    checkpoint: Checkpoint,
    lists: Sequence[Sequence[Prompt]],
    *,
    keep: int | None = None,
    backend: Backend | None = None,
) -> list[Recording]:
    """A recording of each list, run together where they share tokens: the prompts of a pair are the same up to the one that differs."""
    together = [prompt for prompts in lists for prompt in prompts]
    batch = _left_padded(together, checkpoint.pad_id)
    first = 0 if keep is None else max(0, batch.ids.shape[1] - keep)
    tree = rows_of_tree(checkpoint, batch) if why_whole(checkpoint, backend) is None else None
    if tree is not None:
        with suppress(NoTreeError, NoRestartError):
            whole = _recorded(checkpoint, together, batch, first, tree)
            rows = torch.split(torch.arange(len(together)), [len(prompts) for prompts in lists])
            return [whole.select(of_list) for of_list in rows]
    return [record(checkpoint, prompts, keep=keep, backend=backend) for prompts in lists]


def _recorded_whole(
    checkpoint: Checkpoint, prompts: Sequence[Prompt], batch: Batch, first: int, other: Backend | None
) -> Recording:
    streams = streams_of(checkpoint.n_layers)
    attn_out, mlp_out = (
        [Site(name, layer) for layer in range(checkpoint.n_layers)] for name in ("attn_out", "mlp_out")
    )  # fmt: skip
    where = torch.arange(first, batch.ids.shape[1]).expand(len(prompts), -1)
    values = (other or TorchHooks(checkpoint)).read(batch, [*streams, *attn_out, *mlp_out], where).values
    kept, mixed, channelled = (tuple(values[site] for site in sites) for sites in (streams, attn_out, mlp_out))
    return Recording(checkpoint, tuple(prompts), batch, first, kept, mixed, channelled, (), (), other)


def _recorded(
    checkpoint: Checkpoint, prompts: Sequence[Prompt], batch: Batch, first: int, tree: RowsOfTree | None
) -> Recording:
    streams: list[Tensor] = []
    parts: dict[str, dict[int, Tensor]] = {"attn_out": {}, "mlp_out": {}}
    calls: list[BlockCall] = []
    recorder = Recorder() if tree is None else TreeRecorder(tree)

    def kept(h: Tensor) -> Tensor:
        return h[:, first:].clone() if tree is None else tree.tree.laid_out(h[0], first)

    def enter(block: nn.Module, args: tuple[Any, ...], kwargs: ForeignKwargs) -> None:
        if tree is not None and not streams:
            tree.entered(block, args, kwargs)
        streams.append(kept(stream_given(block, args, kwargs)))
        beside, named = given_beside(block, args, kwargs)
        calls.append(
            BlockCall(beside, named) if tree is None else BlockCall(tree.arguments(beside), tree.named_arguments(named))
        )

    def keep_last(h: Tensor) -> Tensor:
        streams.append(kept(h))
        return h

    with ExitStack() as hooks, torch.no_grad():
        for layer, block in enumerate(checkpoint.anatomy.blocks):
            hooks.callback(block.block.register_forward_pre_hook(enter, with_kwargs=True).remove)
            for name, of_blocks in parts.items():
                step = block.step(name)
                if step is not None:
                    read_step(step, kept, partial(of_blocks.__setitem__, layer), hooks)
        hooks.enter_context(hook_output(checkpoint.blocks[-1], keep_last, changes=False))
        hooks.enter_context(attention_by(recorder, checkpoint.attention))
        given = batch if tree is None else tree.tree
        hooks.enter_context(packed_linears(checkpoint.body, None))
        ids, mask, position_ids = (part.to(checkpoint.device) for part in (given.ids, given.mask, given.position_ids))
        checkpoint.body(input_ids=ids, attention_mask=mask, position_ids=position_ids, use_cache=False)
    n_layers = checkpoint.n_layers
    if len(recorder.blocks) != n_layers or len(calls) != n_layers:
        raise NoRestartError(WhyWhole("few-recorded", blocks=len(recorder.blocks), of=n_layers))
    for of_blocks in parts.values():  # what a block hasn't got adds nothing
        of_blocks |= {layer: torch.zeros_like(streams[layer]) for layer in range(n_layers) if layer not in of_blocks}
    attn_out, mlp_out = (tuple(of_blocks[layer] for layer in range(n_layers)) for of_blocks in parts.values())
    return Recording(
        checkpoint, tuple(prompts), batch, first, tuple(streams), attn_out, mlp_out,
        attention=tuple(recorder.blocks), calls=tuple(calls),
    )  # fmt: skip


def _left_padded(prompts: Sequence[Prompt], pad_id: int) -> Batch:
    """Left padding puts every `last` into one column; at least one pad makes the body spell its masks out."""
    batch = pad(prompts, pad_id, "left")
    if batch.padded:
        return batch
    column = torch.ones((len(prompts), 1), dtype=torch.long)
    return Batch(
        torch.cat([column * pad_id, batch.ids], 1),
        torch.cat([column * 0, batch.mask], 1),
        torch.cat([column * 0, batch.position_ids], 1),
        batch.start + 1,
    )
