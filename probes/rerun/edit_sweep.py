"""Edited runs that start at the edited block, from the recorded stream, and recompute only what can have changed.

An edit at block l leaves everything before block l as it was, and every position before the first edited one. So a
sweep over blocks walks the model once: at block l the runs edited there join those edited before, and all of them go
through the block together. One full forward pass per edit would cost L/2 blocks × all tokens × the number of edits
more, and the head over the sequence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Literal, get_args

import torch
from einops import rearrange
from jaxtyping import Float, Int
from torch import Tensor

from strata.probes.backends.torch_hooks import hook_output
from strata.probes.errors import StrataError
from strata.probes.rerun.packed_linear import packed_linears
from strata.probes.rerun.recording import Recording
from strata.probes.rerun.rerun_block import rerun_block

Component = Literal["block_out", "attn_out", "mlp_out", "resid_pre"]
COMPONENTS: tuple[Component, ...] = get_args(Component)
Values = Callable[[int], Float[Tensor, "item position d_model"]]

_CHUNK_TOKENS = {"cpu": 1024, "cuda": 65_536}
_HELD_TOKENS = {"cpu": 65_536, "cuda": 1_048_576}
"""Of all runs of one sweep: as many streams lie in memory. 8.6 GB in an 8B model in half precision."""


@dataclass(frozen=True)
class Variant:
    """One edited run: a component replaced at the sweep's positions, in every block of `blocks`."""

    component: Component
    blocks: range
    """Consecutive blocks."""
    values: Values
    """What stands there, by block (`resid_pre`: only asked for at the first)."""


@dataclass(frozen=True)
class Knockout:
    """One edited run in which `target` may not look at `sources`, in every block of `blocks` (2304.14767)."""

    blocks: range
    sources: Int[Tensor, "item source"]
    """Columns that are hidden."""


def batches_of_variants(
    variants: Sequence[Variant], where: Int[Tensor, "item position"], recording: Recording
) -> Iterator[Sequence[Variant]]:
    """Variants that go through one sweep together: as many as memory is for, since many at a time are faster."""
    columns = recording.n_columns - int(where.min())
    held = _HELD_TOKENS.get(recording.checkpoint.device.type, _HELD_TOKENS["cuda"])
    size = max(1, held // (len(where) * columns))
    for start in range(0, len(variants), size):
        yield variants[start : start + size]


def sweep(
    recording: Recording,
    variants: Sequence[Variant | Knockout],
    where: Int[Tensor, "item position"],
    *,
    keep: int = 1,
    chunk_tokens: int | None = None,
) -> Float[Tensor, "variant item token d_model"]:
    """The last stream of every edited run at the last `keep` columns.

    `where`: columns in the recording's padded rows that are edited (of a Knockout: the positions that may not look),
    in the order of the variants' values. Nothing is recomputed before the first of them.
    Raises StrataError, before any model time is spent, for blocks, columns or values that don't exist or don't fit.
    """
    _check(recording, variants, where, keep)
    groups = rows_of_like_reach(where.amin(1), recording.n_columns)
    with torch.no_grad():
        if len(groups) == 1:
            return _Sweep(recording, variants, where, keep, chunk_tokens).run()
        all_ends: Tensor | None = None
        for rows in groups:
            selected = [_of_rows(variant, rows) for variant in variants]
            ends = _Sweep(recording.select(rows), selected, where[rows], keep, chunk_tokens).run()
            if all_ends is None:
                all_ends = ends.new_empty((len(variants), len(where), *ends.shape[2:]))
            all_ends[:, rows.to(all_ends.device)] = ends
        assert all_ends is not None
        return all_ends


def rows_of_like_reach(starts: Int[Tensor, " item"], n_columns: int) -> list[Int[Tensor, " row"]]:
    """Rows that are recomputed together: everybody's columns are recomputed from the first edited one of their group on.

    A group spans a quarter of its columns, plus one: below that a sweep of its own costs more than the idle columns.
    """
    groups: list[list[int]] = []
    least = 0
    for row in sorted(range(len(starts)), key=lambda row: (-int(starts[row]), row)):
        columns = n_columns - int(starts[row])
        if not groups or columns > least * 1.25 + 1:
            groups.append([])
            least = columns
        groups[-1].append(row)
    return [torch.tensor(sorted(rows)) for rows in groups]


def _of_rows(variant: Variant | Knockout, rows: Int[Tensor, " row"]) -> Variant | Knockout:
    if isinstance(variant, Knockout):
        return Knockout(variant.blocks, variant.sources[rows])

    def values(layer: int) -> Float[Tensor, "row position d_model"]:
        given = variant.values(layer)
        return given[rows.to(given.device)]

    return Variant(variant.component, variant.blocks, values)


class _Sweep:
    def __init__(
        self,
        recording: Recording,
        variants: Sequence[Variant | Knockout],
        where: Int[Tensor, "item position"],
        keep: int,
        chunk_tokens: int | None,
    ) -> None:
        self.recording, self.checkpoint = recording, recording.checkpoint
        self.order = sorted(range(len(variants)), key=lambda index: variants[index].blocks.start)
        self.variants = [variants[index] for index in self.order]
        self.start = min(int(where.min()), recording.n_columns - keep)
        self.n_items, self.n_queries = len(where), recording.n_columns - self.start
        self.columns = where - self.start
        self.rows = torch.arange(self.n_items)[:, None]
        self.keep = keep
        self.kept = slice(self.start - recording.first, None)
        kind = self.checkpoint.device.type
        tokens = chunk_tokens or _CHUNK_TOKENS.get(kind, _CHUNK_TOKENS["cuda"])
        self.chunk = max(1, tokens // (self.n_items * self.n_queries))

    def run(self) -> Float[Tensor, "variant item token d_model"]:
        stream = self.recording.streams[0]
        shape = (len(self.variants), self.n_items, self.n_queries, stream.shape[-1])
        active = torch.empty(shape, dtype=stream.dtype, device=stream.device)
        joined = 0
        for layer in range(self.variants[0].blocks.start, self.recording.n_layers):
            entering = [variant for variant in self.variants[joined:] if variant.blocks.start == layer]
            # A replaced MLP or block output needs no computation of its own: its run joins behind the block.
            before = [variant for variant in entering if _runs_its_block(variant)]
            behind = [variant for variant in entering if not _runs_its_block(variant)]
            size = joined + len(entering)
            self.variants[joined:size] = [*before, *behind]
            self._reorder(joined, entering, before, behind)
            for index, variant in enumerate(before, start=joined):
                active[index] = self._entering(variant, layer)
            until = joined + len(before)
            block = self.checkpoint.anatomy.blocks[layer].block
            with packed_linears(block, until * self.n_items * self.n_queries):
                for low in range(0, until, self.chunk):
                    high = min(low + self.chunk, until)
                    active[low:high] = self._through(layer, active[low:high], self.variants[low:high]).to(active.device)
            for index, variant in enumerate(behind, start=until):
                active[index] = self._leaving(variant, layer)
            joined = size
        inverse = torch.empty(len(self.order), dtype=torch.long)
        inverse[torch.tensor(self.order)] = torch.arange(len(self.order))
        return active[inverse.to(active.device), :, -self.keep :]

    def _reorder(self, joined: int, entering: list[Any], before: list[Any], behind: list[Any]) -> None:
        """Keeps `order` (which result belongs to whom) in step with the runs that joined together."""
        places = {id(variant): index for variant, index in zip(entering, self.order[joined:], strict=False)}
        self.order[joined : joined + len(entering)] = [places[id(variant)] for variant in (*before, *behind)]

    def _entering(self, variant: Variant | Knockout, layer: int) -> Float[Tensor, "item token d_model"]:
        stream = self.recording.streams[layer][:, self.kept]
        if isinstance(variant, Variant) and variant.component == "resid_pre":
            stream = stream.clone()
            self._put(stream, variant.values(layer))
        return stream

    def _leaving(self, variant: Variant | Knockout, layer: int) -> Float[Tensor, "item token d_model"]:
        assert isinstance(variant, Variant)
        stream = self.recording.streams[layer + 1][:, self.kept].clone()
        base = self.recording.streams[layer][:, self.kept]
        if variant.component == "mlp_out":
            base = base + self.recording.attn_out[layer][:, self.kept]
        self._put(stream, variant.values(layer), added_to=base)
        return stream

    def _put(self, stream: Tensor, values: Tensor, added_to: Tensor | None = None, scale: float = 1.0) -> None:
        rows, columns = self.rows.to(stream.device), self.columns.to(stream.device)
        values = values.to(stream) / scale if scale != 1 else values.to(stream)
        stream[rows, columns] = values if added_to is None else added_to.to(stream)[rows, columns] + values

    def _through(
        self, layer: int, h: Float[Tensor, "variant item token d_model"], variants: Sequence[Variant | Knockout]
    ) -> Float[Tensor, "variant item token d_model"]:
        """One block over some of the runs, with their edits of this block in force."""
        parts, scale = self.checkpoint.anatomy.blocks[layer], self.checkpoint.anatomy.contribution_scale
        n = len(variants)
        here = [
            (row, variant)
            for row, variant in enumerate(variants)
            if isinstance(variant, Variant) and layer in variant.blocks
        ]

        def put_all(component: Component) -> Callable[[Tensor], Tensor]:
            def change(output: Tensor) -> Tensor:
                output = rearrange(output, "(e b) q d -> e b q d", e=n).clone()
                for row, variant in here:
                    if isinstance(variant, Variant) and variant.component == component:
                        self._put(output[row], variant.values(layer), scale=scale)
                return rearrange(output, "e b q d -> (e b) q d")

            return change

        with ExitStack() as hooks:
            components = {variant.component for _, variant in here}
            if "attn_out" in components:
                hooks.enter_context(hook_output(parts.attention, put_all("attn_out"), changes=True))
            if "mlp_out" in components:
                hooks.enter_context(hook_output(parts.mlp, put_all("mlp_out"), changes=True))
            blocked = self._blocked(layer, variants, self.recording.attention[layer].mask)
            output = rerun_block(self.recording, layer, h, self.start, blocked)
        for row, variant in here:
            if variant.component == "block_out":
                self._put(output[row], variant.values(layer), added_to=h[row])
        return output

    def _blocked(self, layer: int, variants: Sequence[Variant | Knockout], mask: Tensor) -> Tensor | None:
        hidden = [
            (row, variant)
            for row, variant in enumerate(variants)
            if isinstance(variant, Knockout) and layer in variant.blocks
        ]
        if not hidden:
            return None
        shape = (len(variants), self.n_items, self.n_queries, self.recording.n_columns)
        blocked = torch.zeros(shape, dtype=torch.float32, device=mask.device)
        lowest = torch.finfo(torch.float32).min / 2
        for row, variant in hidden:
            for source in variant.sources.unbind(1):
                blocked[
                    row, self.rows.to(mask.device), self.columns.to(mask.device), source[:, None].to(mask.device)
                ] = lowest
        return blocked


def _runs_its_block(variant: Variant | Knockout) -> bool:
    return isinstance(variant, Knockout) or variant.component in ("attn_out", "resid_pre")


def _check(
    recording: Recording, variants: Sequence[Variant | Knockout], where: Int[Tensor, "item position"], keep: int
) -> None:
    if not variants:
        raise ValueError("a sweep needs at least one variant")
    for variant in variants:
        blocks = variant.blocks
        if not blocks or blocks.step != 1 or blocks.start < 0 or blocks.stop > recording.n_layers:
            raise StrataError(
                f"Blocks {blocks.start} to {blocks.stop - 1} do not exist",
                f"This model has blocks 0 to {recording.n_layers - 1}",
            )
        if isinstance(variant, Variant) and variant.component not in COMPONENTS:
            raise StrataError(f"{variant.component} can't be edited", f"Edit one of: {', '.join(COMPONENTS)}")
        if isinstance(variant, Variant) and variant.component == "resid_pre" and len(blocks) > 1:
            raise StrataError("A stream is replaced at one block, not in a window", "Give one block")
    rows, total = recording.batch.ids.shape
    starts = recording.batch.start[:, None]
    inside = where.numel() and bool((where >= starts).all()) and int(where.max()) < total
    if where.shape[0] != rows or not inside:
        raise StrataError("An edit lies outside the prompts it is made in", "Check the positions")
    if min(int(where.min()), total - keep) < recording.first:
        raise StrataError(
            f"An edit at column {int(where.min())} lies before column {recording.first}, where the recording begins",
            "Record with a larger `keep`",
        )
