"""Many windows of blocks edited at one column an item, with everything that their runs have in common computed once.

A run joins the sweep at its first edited block, from the recorded stream. Windows of one donor that begin at the same
block are one run until the shortest of them ends: there a copy leaves it unedited, and the rest goes on. So all prefixes
of a model cost one run and a branch each, and nothing before the edited column is ever computed again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Literal

import torch
from einops import rearrange
from jaxtyping import Float, Int
from torch import Tensor

from strata.probes.backends.packed_linear import packed_linears
from strata.probes.backends.recording import Recording
from strata.probes.backends.rerun_block import rerun_block
from strata.probes.backends.restart import rows_of_like_reach
from strata.probes.backends.torch_hooks import hook_output
from strata.probes.errors import StrataError

Window = tuple[int, int]
"""First and last of consecutive blocks, both inclusive."""

_CHUNK_TOKENS = {"cpu": 1024, "cuda": 65_536}
_HELD_TOKENS = {"cpu": 65_536, "cuda": 1_048_576}
"""Of all runs of one sweep: as many streams lie in memory."""


@dataclass(frozen=True)
class WindowEdits:
    """Runs in which one donor's contributions stand at the edited column, one run a window."""

    component: Literal["attn_out", "mlp_out"]
    windows: Sequence[Window]
    """First and last block, both inclusive."""
    values: Float[Tensor, "item layer d_model"]


@dataclass(frozen=True)
class _Run:
    edits: int
    """Which of the sweep's edits it belongs to."""
    first: int
    last: int
    """Blocks edited in this run; those of a branch were edited in the run that it leaves."""
    joins: int
    behind: bool
    """Joins behind the block, whose MLP needn't be computed to be replaced."""
    leaves: int | None = None
    """The run whose stream it takes over."""


def sweep_windows(
    recording: Recording, edits: Sequence[WindowEdits], where: Int[Tensor, " item"]
) -> list[Float[Tensor, "window item d_model"]]:
    """The last stream at the last column of every run, one tensor for each of `edits`, windows in the order given.

    `where`: the edited column of each item in the recording's padded rows.
    Raises StrataError, before any model time is spent, for blocks or columns that don't exist.
    """
    _check(recording, edits, where)
    ends: list[Tensor] = []
    with torch.no_grad():
        for own in edits:
            ends.append(recording.streams[-1].new_empty(len(own.windows), len(where), recording.streams[-1].shape[-1]))
        for rows in rows_of_like_reach(where, recording.n_columns):
            everyone = len(rows) == len(where)
            part = recording if everyone else recording.select(rows)
            for slices in _slices(edits, len(rows) * (recording.n_columns - int(where[rows].min())), recording):
                chosen = [
                    WindowEdits(edits[i].component, [edits[i].windows[w] for w in of], edits[i].values[rows])
                    for i, of in slices
                ]
                for (index, of), end in zip(slices, _Sweep(part, chosen, where[rows]).run(), strict=True):
                    ends[index][torch.tensor(of)[:, None], rows] = end.to(ends[index].device)
    return ends


def _slices(edits: Sequence[WindowEdits], tokens: int, recording: Recording) -> Iterator[list[tuple[int, list[int]]]]:
    """[(edits, windows of them)] that go through one sweep: as many as memory is for, those of one first block together."""
    held = _HELD_TOKENS.get(recording.checkpoint.device.type, _HELD_TOKENS["cuda"])
    size = max(1, held // tokens)
    queue = [
        (i, w) for i, own in enumerate(edits) for w in sorted(range(len(own.windows)), key=own.windows.__getitem__)
    ]
    for start in range(0, len(queue), size):
        taken: dict[int, list[int]] = {}
        for index, window in queue[start : start + size]:
            taken.setdefault(index, []).append(window)
        yield list(taken.items())


class _Sweep:
    def __init__(self, recording: Recording, edits: Sequence[WindowEdits], where: Int[Tensor, " item"]) -> None:
        self.recording, self.checkpoint, self.edits = recording, recording.checkpoint, edits
        self.start = int(where.min())
        self.n_items, self.n_queries = len(where), recording.n_columns - self.start
        self.columns, self.items = where - self.start, torch.arange(len(where))
        self.kept = slice(self.start - recording.first, None)
        self.runs, self.results = _plan(edits)
        kind = self.checkpoint.device.type
        tokens = _CHUNK_TOKENS.get(kind, _CHUNK_TOKENS["cuda"])
        self.chunk = max(1, tokens // (self.n_items * self.n_queries))

    def run(self) -> list[Float[Tensor, "window item d_model"]]:
        stream = self.recording.streams[0]
        shape = (len(self.runs), self.n_items, self.n_queries, stream.shape[-1])
        active = torch.empty(shape, dtype=stream.dtype, device=stream.device)
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
                    active[low:high] = self._through(layer, active[low:high], low)
            while until < len(self.runs) and self.runs[until].joins == layer:
                active[until] = self._leaving(layer, self.runs[until])
                until += 1
            joined = until
        ends = active[:, :, -1]
        return [ends[torch.tensor(rows, device=ends.device)] for rows in self.results]

    def _leaving(self, layer: int, run: _Run) -> Float[Tensor, "item token d_model"]:
        """The recorded run with another MLP output at the edited column."""
        stream = self.recording.streams[layer + 1][:, self.kept].clone()
        where = self.items.to(stream.device), self.columns.to(stream.device)
        before = (
            self.recording.streams[layer][:, self.kept][where] + self.recording.attn_out[layer][:, self.kept][where]
        )
        stream[where] = before.to(stream) + self.edits[run.edits].values[:, layer].to(stream)
        return stream

    def _through(
        self, layer: int, h: Float[Tensor, "run item token d_model"], low: int
    ) -> Float[Tensor, "run item token d_model"]:
        """One block over some of the runs, the first of them number `low`, with their edits of this block in force."""
        parts = self.checkpoint.anatomy.blocks[layer]
        with ExitStack() as hooks:
            for component, module in (("attn_out", parts.attention), ("mlp_out", parts.mlp)):
                here = [
                    (row, run.edits)
                    for row, run in enumerate(self.runs[low : low + len(h)])
                    if run.first <= layer <= run.last and self.edits[run.edits].component == component
                ]
                if here:
                    hooks.enter_context(hook_output(module, self._put(layer, len(h), here), changes=True))
            return rerun_block(self.recording, layer, h, self.start)

    def _put(self, layer: int, n_runs: int, here: Sequence[tuple[int, int]]):  # type: ignore[no-untyped-def]
        scale = self.checkpoint.anatomy.contribution_scale
        by_edits = {index: self.edits[index].values[:, layer] / scale for index in {index for _, index in here}}

        def change(output: Tensor) -> Tensor:
            runs = rearrange(output, "(e b) q d -> e b q d", e=n_runs)
            rows = torch.tensor([row for row, _ in here], device=runs.device)[:, None]
            values = torch.stack([by_edits[index].to(runs) for _, index in here])
            # Edited in place: the module has just computed it for nobody else.
            runs[rows, self.items.to(runs.device), self.columns.to(runs.device)] = values
            return rearrange(runs, "e b q d -> (e b) q d")

        return change


def _plan(edits: Sequence[WindowEdits]) -> tuple[list[_Run], list[list[int]]]:
    """Runs in the order in which they join, and for each of `edits` the run of each window."""
    runs: dict[tuple[int, int, int], _Run] = {}
    for index, own in enumerate(edits):
        longest: dict[int, int] = {}
        for first, last in own.windows:
            longest[first] = max(longest.get(first, last), last)
        for first, last in own.windows:
            whole = last == longest[first]
            behind = whole and own.component == "mlp_out"
            runs[index, first, last] = _Run(index, first, last, first if whole else last + 1, behind)
    order = sorted(runs, key=lambda key: (runs[key].joins, runs[key].behind))
    number = {key: row for row, key in enumerate(order)}
    placed = []
    for key in order:
        run = runs[key]
        if run.joins == run.last + 1:
            whole = max(last for index, first, last in runs if (index, first) == (run.edits, run.first))
            run = _Run(run.edits, 0, -1, run.joins, False, number[run.edits, run.first, whole])
        placed.append(run)
    return placed, [[number[index, first, last] for first, last in own.windows] for index, own in enumerate(edits)]


def _check(recording: Recording, edits: Sequence[WindowEdits], where: Int[Tensor, " item"]) -> None:
    for own in edits:
        for first, last in own.windows:
            if not 0 <= first <= last < recording.n_layers:
                raise StrataError(
                    f"Blocks {first} to {last} do not exist", f"This model has blocks 0 to {recording.n_layers - 1}"
                )
        if own.values.shape[:2] != (len(where), recording.n_layers):
            raise StrataError(
                f"Contributions of shape {tuple(own.values.shape)} don't fit {len(where)} prompts and "
                f"{recording.n_layers} blocks",
                "Give a contribution for each prompt and block",
            )
    rows, total = recording.batch.ids.shape
    if where.shape != (rows,) or not bool(((where >= recording.batch.start) & (where < total)).all()):
        raise StrataError("An edit lies outside the prompts it is made in", "Check the positions")
    if int(where.min()) < recording.first:
        raise StrataError(
            f"An edit at column {int(where.min())} lies before column {recording.first}, where the recording begins",
            "Record with a larger `keep`",
        )
