"""Many windows of blocks edited at one column an item, with everything that their runs have in common computed once.

A run joins the sweep at its first edited block, from the recorded stream. Windows of one donor that begin at the same
block are one run until the shortest of them ends: there a copy leaves it unedited, and the rest goes on. So all prefixes
of a model cost one run and a branch each, and nothing before the edited column is ever computed again.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack

import torch
from jaxtyping import Float, Int
from torch import Tensor

from strata.probes.backends.torch_hooks import Change, hook_input, hook_output
from strata.probes.rerun.edit_sweep import rows_of_like_reach
from strata.probes.rerun.head_outputs import output_projection_of
from strata.probes.rerun.packed_linear import packed_linears
from strata.probes.rerun.recording import Recording
from strata.probes.rerun.rerun_block import rerun_block, rerun_last_column
from strata.probes.rerun.window_edits import (
    ColumnEdits,
    HeadEdits,
    HiddenEdge,
    Run,
    WindowEdits,
    check_edits,
    plan_of,
)

_CHUNK_TOKENS = {"cpu": 1024, "cuda": 65_536}
_HELD_TOKENS = {"cpu": 65_536, "cuda": 1_048_576}
"""Of all runs of one sweep: as many streams lie in memory."""


def sweep_windows(
    recording: Recording, edits: Sequence[ColumnEdits], where: Int[Tensor, " item"]
) -> list[Float[Tensor, "window item d_model"]]:
    """The last stream at the last column of every run, one tensor for each of `edits`, runs in the order given.

    `where`: the edited column of each item in the recording's padded rows.
    Raises StrataError, before any model time is spent, for blocks, heads or columns that don't exist.
    """
    check_edits(recording, edits, where)
    last = recording.streams[-1]
    ends = [last.new_empty(len(own), len(where), last.shape[-1]) for own in edits]
    device = recording.checkpoint.device.type
    held = _HELD_TOKENS.get(device, _HELD_TOKENS["cuda"])
    with torch.no_grad():
        for rows in rows_of_like_reach(where, recording.n_columns):
            part = recording if len(rows) == len(where) else recording.select(rows)
            tokens = len(rows) * (recording.n_columns - int(where[rows].min()))
            for sweep in _shares(edits, max(1, held // tokens)):
                chosen = [edits[index].chosen(of, rows) for index, of in sweep.items()]
                for (index, of), end in zip(sweep.items(), _Sweep(part, chosen, where[rows]).run(), strict=True):
                    at = torch.tensor(of, device=last.device)[:, None], rows.to(last.device)
                    ends[index][at] = end.to(last.device)
    return ends


def _shares(edits: Sequence[ColumnEdits], size: int) -> list[dict[int, list[int]]]:
    """{edits: its runs} that go through one sweep: as many as memory is for, those that begin together side by side."""
    queue = [(index, run) for index, own in enumerate(edits) for run in own.by_beginning()]
    shares: list[dict[int, list[int]]] = []
    for start in range(0, len(queue), size):
        share: dict[int, list[int]] = {}
        for index, run in queue[start : start + size]:
            share.setdefault(index, []).append(run)
        shares.append(share)
    return shares


class _Sweep:
    def __init__(self, recording: Recording, edits: Sequence[ColumnEdits], where: Int[Tensor, " item"]) -> None:
        self.recording, self.checkpoint = recording, recording.checkpoint
        self.edits = [own.on(recording.streams[0].device) for own in edits]
        self.start = int(where.min())
        self.n_items, self.n_queries = len(where), recording.n_columns - self.start
        self.columns, self.items = where - self.start, torch.arange(len(where))
        self.kept = slice(self.start - recording.first, None)
        self.runs, self.results = plan_of(edits)
        kind = self.checkpoint.device.type
        tokens = _CHUNK_TOKENS.get(kind, _CHUNK_TOKENS["cuda"])
        self.chunk = max(1, tokens // (self.n_items * self.n_queries))

    def run(self) -> list[Float[Tensor, "window item d_model"]]:
        stream = self.recording.streams[0]
        shape = (len(self.runs), self.n_items, self.n_queries, stream.shape[-1])
        active = torch.empty(shape, dtype=stream.dtype, device=stream.device)
        # What is written before the last column in the last block reaches nothing.
        last_only = bool((self.columns < self.n_queries - 1).all())
        joined = 0
        for layer in range(min((run.joins for run in self.runs), default=0), self.recording.n_layers):
            until = joined
            while until < len(self.runs) and self.runs[until].joins == layer and not self.runs[until].behind:
                leaves = self.runs[until].leaves
                active[until] = self.recording.streams[layer][:, self.kept] if leaves is None else active[leaves]
                until += 1
            block = self.checkpoint.anatomy.blocks[layer].block
            with packed_linears(block, until * self.n_items * self.n_queries):
                for low in range(0, until, self.chunk):
                    high = min(low + self.chunk, until)
                    if last_only and layer == self.recording.n_layers - 1:
                        active[low:high, :, -1:] = rerun_last_column(
                            self.recording, layer, active[low:high], self.start
                        )
                    else:
                        active[low:high] = self._through(layer, active[low:high], self.runs[low:high])
            while until < len(self.runs) and self.runs[until].joins == layer:
                active[until] = self._leaving(layer, self.runs[until])
                until += 1
            joined = until
        ends = active[:, :, -1]
        return [ends[torch.tensor(rows, dtype=torch.long, device=ends.device)] for rows in self.results]

    def _leaving(self, layer: int, run: Run) -> Float[Tensor, "item token d_model"]:
        """The recorded run with another MLP output at the edited column."""
        own = self.edits[run.edits]
        assert isinstance(own, WindowEdits)
        stream = self.recording.streams[layer + 1][:, self.kept].clone()
        at = self.items.to(stream.device), self.columns.to(stream.device)
        before, attention = (
            part[layer][:, self.kept][at] for part in (self.recording.streams, self.recording.attn_out)
        )
        stream[at] = before.to(stream) + attention.to(stream) + own.values[:, layer].to(stream)
        return stream

    def _through(
        self, layer: int, h: Float[Tensor, "run item token d_model"], runs: Sequence[Run]
    ) -> Float[Tensor, "run item token d_model"]:
        """One block over some of the runs, with their edits of this block in force."""
        parts = self.checkpoint.anatomy.blocks[layer]
        here = [(row, run, self.edits[run.edits]) for row, run in enumerate(runs) if run.first <= layer <= run.last]
        pieces = [(row, run, own) for row, run, own in here if isinstance(own, WindowEdits)]
        heads = [
            (row, head, own)
            for row, run, own in here
            if isinstance(own, HeadEdits)
            for head in own.sets[run.number].get(layer, ())
        ]
        with ExitStack() as hooks:
            for component, module in (("attn_out", parts.attention), ("mlp_out", parts.mlp)):
                at = [(row, own) for row, _, own in pieces if own.component == component]
                if at:
                    hooks.enter_context(hook_output(module, self._put(layer, len(h), at), changes=True))
            if heads:
                projection = output_projection_of(self.checkpoint, layer)
                hooks.enter_context(hook_input(projection, self._put_heads(layer, len(h), heads), changes=True))
            blocked = self._blocked(layer, len(h), [(row, own) for row, _, own in here if isinstance(own, HiddenEdge)])
            return rerun_block(self.recording, layer, h, self.start, blocked)

    def _at(self, rows: Sequence[int], device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
        return torch.tensor(rows, device=device)[:, None], self.items.to(device), self.columns.to(device)

    # Outputs are edited in place: the module has just computed them for nobody else.
    def _put(self, layer: int, n_runs: int, at: Sequence[tuple[int, WindowEdits]]) -> Change:
        scale = self.checkpoint.anatomy.contribution_scale
        values = torch.stack([own.values[:, layer] / scale for _, own in at])

        def change(output: Tensor) -> Tensor:
            output = output.contiguous()
            by_run = output.view(n_runs, self.n_items, self.n_queries, -1)
            by_run[self._at([row for row, _ in at], output.device)] = values.to(output)
            return output

        return change

    def _put_heads(self, layer: int, n_runs: int, at: Sequence[tuple[int, int, HeadEdits]]) -> Change:
        values = torch.stack([own.values[:, layer, head] for _, head, own in at])
        n_heads = at[0][2].values.shape[2]

        def change(given: Tensor) -> Tensor:
            given = given.contiguous()
            by_run = given.view(n_runs, self.n_items, self.n_queries, n_heads, -1)
            heads = torch.tensor([head for _, head, _ in at], device=given.device)[:, None]
            by_run[(*self._at([row for row, _, _ in at], given.device), heads)] = values.to(given)
            return given

        return change

    def _blocked(self, layer: int, n_runs: int, at: Sequence[tuple[int, HiddenEdge]]) -> Tensor | None:
        if not at:
            return None
        device = self.recording.attention[layer].mask.device
        shape = (n_runs, self.n_items, self.n_queries, self.recording.n_columns)
        blocked = torch.zeros(shape, dtype=torch.float32, device=device)
        sources = torch.stack([own.sources for _, own in at]).to(device)
        blocked[(*self._at([row for row, _ in at], device), sources)] = torch.finfo(torch.float32).min / 2
        return blocked
