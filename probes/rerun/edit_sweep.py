"""Edited runs that start at the edited block, from the recorded stream, and recompute only what can have changed.

An edit at block l leaves everything before block l as it was, and every position before the first edited one. So a
sweep over blocks walks the model once: at block l the runs edited there join those edited before, and all of them go
through the block together. One full forward pass per edit would cost L/2 blocks × all tokens × the number of edits
more, and the head over the sequence.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial

import torch
from jaxtyping import Float, Int
from torch import Tensor

from strata.probes.backends.packed_linear import packed_linears
from strata.probes.backends.step_hooks import Change, edit_step, hook_input
from strata.probes.errors import StrataError
from strata.probes.rerun.head_outputs import output_projection_of
from strata.probes.rerun.held_streams import HeldStems, StemsOfSweep
from strata.probes.rerun.no_restart import NoRestartError
from strata.probes.rerun.recording import Recording
from strata.probes.rerun.rerun_block import rerun_block, rerun_last_column
from strata.probes.rerun.run_edits import (
    Component,
    HeadReplacement,
    Knockout,
    Replacement,
    RunEdit,
    Values,
    check_edits,
    of_rows,
)
from strata.probes.rerun.sweep_plan import Run, plan_of, rows_of_like_reach, shares_of
from strata.probes.rerun.whole_runs import sweep_whole
from strata.probes.rerun.why_whole import remember_whole, why_whole

_CHUNK_TOKENS = {"cpu": 1024, "cuda": 65_536}
_HELD_TOKENS = {"cpu": 65_536, "cuda": 1_048_576}
"""Of all runs of one sweep: as many streams lie in memory. 8.6 GB in an 8B model in half precision."""


def sweep(
    recording: Recording,
    edits: Sequence[RunEdit],
    where: Int[Tensor, "item position"],
    *,
    keep: int = 1,
    stems: HeldStems | None = None,
) -> Float[Tensor, "edit item token d_model"]:
    """The last stream of every edited run at the last `keep` columns, in the order of `edits`.

    `where`: columns in the recording's padded rows that are edited (of a Knockout: the positions that may not look),
    in the order of the edits' values. Nothing is recomputed before the first of them. Memory: as many runs at a time as
    it is for, since many at a time are faster. `stems`: what earlier sweeps of this recording left off at, of donors that are always
    edited at the same columns; this one goes on from there, and adds its own.
    Raises StrataError, before any model time is spent, for blocks, heads or columns that don't exist or don't fit; NoRestartError for
    heads and Knockouts where runs can't be restarted from the middle, which makes every other edit a whole forward pass.
    """
    check_edits(recording, edits, where, keep)
    checkpoint = recording.checkpoint
    if recording.restarts and why_whole(checkpoint) is None:
        try:
            return _sweep_restarted(recording, edits, where, keep, stems)
        except NoRestartError as error:
            remember_whole(checkpoint, error)
    return sweep_whole(recording, edits, where, keep)


def _sweep_restarted(
    recording: Recording,
    edits: Sequence[RunEdit],
    where: Int[Tensor, "item position"],
    keep: int,
    stems: HeldStems | None,
) -> Float[Tensor, "edit item token d_model"]:
    last = recording.streams[-1]
    ends = last.new_empty(len(edits), len(where), keep, last.shape[-1])
    held = _HELD_TOKENS.get(recording.checkpoint.device.type, _HELD_TOKENS["cuda"])
    with torch.no_grad():
        for rows in rows_of_like_reach(where.amin(1), recording.n_columns):
            alone = len(rows) == len(where)
            part, chosen = (recording, edits) if alone else (recording.select(rows), of_rows(edits, rows))
            tokens = len(rows) * (recording.n_columns - min(int(where[rows].min()), recording.n_columns - keep))
            for share in shares_of(chosen, max(1, held // tokens)):
                at = torch.tensor(share, device=last.device)[:, None], rows.to(last.device)
                asked = [edits[index] for index in share]
                known = None if stems is None else StemsOfSweep(stems, asked, tuple(rows.tolist()))
                own = _Sweep(part, [chosen[index] for index in share], where[rows], keep, known)
                ends[at] = own.run().to(last.device)
    return ends


class _Sweep:
    def __init__(
        self,
        recording: Recording,
        edits: Sequence[RunEdit],
        where: Int[Tensor, "item position"],
        keep: int,
        stems: StemsOfSweep | None,
    ) -> None:
        self.recording, self.checkpoint, self.edits, self.keep = recording, recording.checkpoint, edits, keep
        self.stems = stems
        # Taken now: what this sweep holds may push older ones out.
        self.reached = {} if stems is None else stems.reached()
        self.start = min(int(where.min()), recording.n_columns - keep)
        self.n_items, self.n_queries = len(where), recording.n_columns - self.start
        self.columns, self.items = where - self.start, torch.arange(len(where))[:, None]
        self.at: dict[torch.device, tuple[Tensor, Tensor]] = {}
        self.kept = slice(self.start - recording.first, None)
        self.runs, self.places = plan_of(edits, {index: block for index, (block, _) in self.reached.items()})
        # What is written before the last column in the last block reaches nothing.
        self.last_only = keep == 1 and bool((self.columns < self.n_queries - 1).all())
        kind = self.checkpoint.device.type
        self.chunk = max(1, _CHUNK_TOKENS.get(kind, _CHUNK_TOKENS["cuda"]) // (self.n_items * self.n_queries))

    def run(self) -> Float[Tensor, "edit item token d_model"]:
        stream = self.recording.streams[0]
        shape = (len(self.runs), self.n_items, self.n_queries, stream.shape[-1])
        active = torch.empty(shape, dtype=stream.dtype, device=stream.device)
        joined = 0
        for layer in range(self.runs[0].joins, self.recording.n_layers):
            until = joined
            while until < len(self.runs) and self.runs[until].joins == layer and not self.runs[until].behind:
                self._enter(layer, active, until)
                until += 1
            self._through(layer, active[:until])
            while until < len(self.runs) and self.runs[until].joins == layer:
                active[until] = self._leaving(layer, self.edits[self.runs[until].edit])
                until += 1
            self._hold(layer, active[:until])
            joined = until
        return active[:, :, -self.keep :][torch.tensor(self.places, device=active.device)]

    def _enter(self, layer: int, active: Float[Tensor, "run item token d_model"], place: int) -> None:
        run = self.runs[place]
        if run.leaves is not None:
            active[place] = active[run.leaves]
            return
        if run.resumes:
            active[place] = self.reached[run.edit][1]
            return
        active[place] = self.recording.streams[layer][:, self.kept]
        edit = self.edits[run.edit]
        if isinstance(edit, Replacement) and edit.component == "resid_pre":
            active[place][self._at(active.device)] = edit.values(layer).to(active)

    def _hold(self, layer: int, active: Float[Tensor, "run item token d_model"]) -> None:
        """Streams behind a block that is edited in them. Behind the last one nothing goes on."""
        if self.stems is not None and layer < self.recording.n_layers - 1:
            for stream, run in zip(active, self.runs, strict=False):
                if layer in run.blocks:
                    self.stems.keep(run.edit, layer, stream)

    def _leaving(self, layer: int, edit: RunEdit) -> Float[Tensor, "item token d_model"]:
        """The recorded run with another output of the MLP, or of the block, at the edited columns."""
        assert isinstance(edit, Replacement)
        stream = self.recording.streams[layer + 1][:, self.kept].clone()
        base = self._edited_columns(self.recording.streams[layer]).to(stream)
        if edit.component == "mlp_out":
            base = base + self._edited_columns(self.recording.attn_out[layer]).to(stream)
        stream[self._at(stream.device)] = base + edit.values(layer).to(stream)
        return stream

    def _edited_columns(self, recorded: Float[Tensor, "item column d_model"]) -> Float[Tensor, "item position d_model"]:
        """Blocks of one model may lie on several devices."""
        return recorded[:, self.kept][self._at(recorded.device)]

    def _through(self, layer: int, active: Float[Tensor, "run item token d_model"]) -> None:
        """Takes the runs that have joined through a block, in place and as many at a time as memory is for."""
        block = self.checkpoint.anatomy.blocks[layer].block
        with packed_linears(block, len(active) * self.n_items * self.n_queries):
            for low in range(0, len(active), self.chunk):
                part = active[low : low + self.chunk]
                if self.last_only and layer == self.recording.n_layers - 1:
                    part[:, :, -1:] = rerun_last_column(self.recording, layer, part, self.start)
                else:
                    part[:] = self._rerun(layer, part, self.runs[low : low + len(part)])

    def _rerun(
        self, layer: int, h: Float[Tensor, "run item token d_model"], runs: Sequence[Run]
    ) -> Float[Tensor, "run item token d_model"]:
        """One block over some of the runs, with their edits of this block in force."""
        parts = self.checkpoint.anatomy.blocks[layer]
        here = [(row, self.edits[run.edit]) for row, run in enumerate(runs) if layer in run.blocks]
        with ExitStack() as hooks:
            for component, step in (("attn_out", parts.mixer), ("mlp_out", parts.channel)):
                groups = _by_values(here, component)
                if groups and step is None:
                    _require_nothing(layer, component, [values for _, values in groups])
                elif groups and step is not None:
                    edit_step(step, partial(self._put, layer, len(h), groups), hooks)
            heads = [
                (row, head, edit)
                for row, edit in here
                if isinstance(edit, HeadReplacement)
                for head in edit.heads.get(layer, ())
            ]
            if heads:
                projection = output_projection_of(self.checkpoint, layer)
                hooks.enter_context(hook_input(projection, self._put_heads(layer, len(h), heads), changes=True))
            hidden = [(row, edit) for row, edit in here if isinstance(edit, Knockout)]
            output = rerun_block(self.recording, layer, h, self.start, self._blocked(layer, len(h), hidden))
        for rows, values in _by_values(here, "block_out"):
            at = self._at(output.device, rows)
            output[at] = h.to(output)[at] + values(layer).to(output)
        return output

    def _at(self, device: torch.device, rows: Sequence[int] | None = None) -> tuple[Tensor, ...]:
        """Where the edited columns lie in the streams of the items, or in those of some runs."""
        if device not in self.at:
            self.at[device] = self.items.to(device), self.columns.to(device)
        at = self.at[device]
        return at if rows is None else (torch.tensor(rows, device=device)[:, None, None], *at)

    # Outputs are edited in place: the module has just computed them for nobody else.
    def _put(  # nine parameters: three of an `Overwrite`
        self,
        layer: int,
        n_runs: int,
        groups: Sequence[tuple[list[int], Values]],
        output: Tensor,
        *,
        beside: Tensor | None = None,
        scale: float = 1.0,
        nothing: bool = False,
    ) -> Tensor:
        output = output.contiguous()
        by_run = output.view(n_runs, self.n_items, self.n_queries, -1)
        for rows, values in groups:
            at, new = self._at(output.device, rows), values(layer)
            if beside is not None:
                new = new.to(beside) - beside.view_as(by_run)[at]
            by_run[at] = 0.0 if nothing else (new / scale).to(output)
        return output

    def _put_heads(self, layer: int, n_runs: int, at: Sequence[tuple[int, int, HeadReplacement]]) -> Change:
        values = torch.stack([edit.values[:, layer, head, None] for _, head, edit in at])
        n_heads = at[0][2].values.shape[2]

        def change(given: Tensor) -> Tensor:
            given = given.contiguous()
            by_run = given.view(n_runs, self.n_items, self.n_queries, n_heads, -1)
            heads = torch.tensor([head for _, head, _ in at], device=given.device)[:, None, None]
            by_run[(*self._at(given.device, [row for row, _, _ in at]), heads)] = values.to(given)
            return given

        return change

    def _blocked(self, layer: int, n_runs: int, at: Sequence[tuple[int, Knockout]]) -> Tensor | None:
        if not at:
            return None
        device = self.recording.attention[layer].mask.device
        shape = (n_runs, self.n_items, self.n_queries, self.recording.n_columns)
        blocked = torch.zeros(shape, dtype=torch.float32, device=device)
        for row, edit in at:
            columns = (part[..., None] for part in self._at(device))
            blocked[row][(*columns, edit.sources[:, None].to(device))] = torch.finfo(torch.float32).min / 2
        return blocked


def _by_values(here: Sequence[tuple[int, RunEdit]], component: Component | str) -> list[tuple[list[int], Values]]:
    """Rows of a chunk that take the same values, which are then asked for once."""
    groups: dict[int, tuple[list[int], Values]] = {}
    for row, edit in here:
        if isinstance(edit, Replacement) and edit.component == component:
            groups.setdefault(id(edit.values), ([], edit.values))[0].append(row)
    return list(groups.values())


def _require_nothing(layer: int, component: str, values: Sequence[Values]) -> None:
    """Raises StrataError where something is to stand in the place of a step that the block hasn't got."""
    if any(bool(of_edit(layer).any()) for of_edit in values):
        what = "mixer" if component == "attn_out" else "channel part"
        raise StrataError(f"Block {layer} has no {what} to replace", "Edit block_out or a stream")
