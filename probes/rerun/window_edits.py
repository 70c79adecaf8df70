"""What can be edited at one column of a recorded run, and which runs have to be computed for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

from strata.probes.errors import StrataError
from strata.probes.rerun.recording import Recording

Window = tuple[int, int]
"""First and last of consecutive blocks, both inclusive."""
HeadSet = Mapping[int, Sequence[int]]
"""Query heads by block."""


@dataclass(frozen=True)
class WindowEdits:
    """One run a window, in which a donor's contributions stand at the edited column in all blocks of the window."""

    component: Literal["attn_out", "mlp_out"]
    windows: Sequence[Window]
    values: Float[Tensor, "item layer d_model"]

    def __len__(self) -> int:
        return len(self.windows)

    def by_beginning(self) -> list[int]:
        return _sorted(self.windows)

    def chosen(self, runs: Sequence[int], rows: Int[Tensor, " row"]) -> WindowEdits:
        return WindowEdits(self.component, [self.windows[run] for run in runs], self.values[rows])

    def on(self, device: torch.device) -> WindowEdits:
        return WindowEdits(self.component, self.windows, self.values.to(device))


@dataclass(frozen=True)
class HeadEdits:
    """One run a set of heads, whose outputs before the output projection are a donor's at the edited column."""

    sets: Sequence[HeadSet]
    values: Float[Tensor, "item layer head d_head"]

    def __len__(self) -> int:
        return len(self.sets)

    @property
    def windows(self) -> list[Window]:
        """The first and the last block of each set."""
        return [(min(heads), max(heads)) for heads in self.sets]

    def by_beginning(self) -> list[int]:
        return _sorted(self.windows)

    def chosen(self, runs: Sequence[int], rows: Int[Tensor, " row"]) -> HeadEdits:
        return HeadEdits([self.sets[run] for run in runs], self.values[rows])

    def on(self, device: torch.device) -> HeadEdits:
        return HeadEdits(self.sets, self.values.to(device))


@dataclass(frozen=True)
class HiddenEdge:
    """One run a window, in which the edited column may not look at column `sources` in the blocks of the window (2304.14767)."""

    windows: Sequence[Window]
    sources: Int[Tensor, " item"]

    def __len__(self) -> int:
        return len(self.windows)

    def by_beginning(self) -> list[int]:
        return _sorted(self.windows)

    def chosen(self, runs: Sequence[int], rows: Int[Tensor, " row"]) -> HiddenEdge:
        return HiddenEdge([self.windows[run] for run in runs], self.sources[rows])

    def on(self, device: torch.device) -> HiddenEdge:
        return HiddenEdge(self.windows, self.sources.to(device))


ColumnEdits = WindowEdits | HeadEdits | HiddenEdge


@dataclass(frozen=True)
class Run:
    edits: int
    """Which of the edits of a sweep it belongs to."""
    number: int
    """Which of the runs of these edits it is."""
    first: int
    last: int
    """Blocks that are edited in it; those of a branch have been edited in the run that it leaves."""
    joins: int
    """Block before which it joins the sweep."""
    behind: bool
    """Joins behind that block instead: an MLP needn't be computed to be replaced."""
    leaves: int | None = None
    """Place of the run whose stream it takes over; None: it starts from the recorded stream."""


def plan_of(edits: Sequence[ColumnEdits]) -> tuple[list[Run], list[list[int]]]:
    """Runs in the order in which they join, and for each of `edits` the place of each of its runs in that order."""
    whole: list[Run] = []
    branches: list[tuple[Run, tuple[int, int]]] = []
    same: dict[tuple[int, int], tuple[int, int]] = {}
    for index, own in enumerate(edits):
        if isinstance(own, HeadEdits):
            whole += [Run(index, n, first, last, first, False) for n, (first, last) in enumerate(own.windows)]
            continue
        behind = isinstance(own, WindowEdits) and own.component == "mlp_out"
        stems: dict[int, int] = {}
        for number in sorted(range(len(own)), key=lambda n: (-own.windows[n][1], n)):
            stems.setdefault(own.windows[number][0], number)
        computed: dict[Window, int] = {own.windows[number]: number for number in stems.values()}
        whole += [Run(index, n, *own.windows[n], own.windows[n][0], behind) for n in stems.values()]
        for number, (first, last) in enumerate(own.windows):
            if (first, last) not in computed:
                computed[first, last] = number
                branches.append((Run(index, number, 0, -1, last + 1, False), (index, stems[first])))
            same[index, number] = index, computed[first, last]
    everything = sorted(
        [*((run, None) for run in whole), *branches], key=lambda entry: (entry[0].joins, entry[0].behind)
    )
    places = {(run.edits, run.number): place for place, (run, _) in enumerate(everything)}
    runs = [
        run if stem is None else Run(run.edits, run.number, run.first, run.last, run.joins, False, places[stem])
        for run, stem in everything
    ]
    results = [[places[same.get((i, n), (i, n))] for n in range(len(own))] for i, own in enumerate(edits)]
    return runs, results


def check_edits(recording: Recording, edits: Sequence[ColumnEdits], where: Int[Tensor, " item"]) -> None:
    """Raises StrataError for blocks, heads, values or columns that don't exist or don't fit."""
    rows = len(recording.batch.ids)
    for own in edits:
        if isinstance(own, HeadEdits):
            _check_heads(own)
        for first, last in own.windows:
            if not 0 <= first <= last < recording.n_layers:
                raise StrataError(
                    f"Blocks {first} to {last} do not exist", f"This model has blocks 0 to {recording.n_layers - 1}"
                )
        if isinstance(own, HiddenEdge):
            _check_columns(recording, own.sources)
        elif own.values.shape[:2] != (rows, recording.n_layers):
            raise StrataError(
                f"Values of shape {tuple(own.values.shape)} don't fit {rows} prompts and {recording.n_layers} blocks",
                "Give values for each prompt and block",
            )
    _check_columns(recording, where)
    if int(where.min()) < recording.first:
        raise StrataError(
            f"An edit at column {int(where.min())} lies before column {recording.first}, where the recording begins",
            "Record with a larger `keep`",
        )


def _check_heads(edits: HeadEdits) -> None:
    n_heads = edits.values.shape[2]
    for heads in edits.sets:
        if not heads or not all(heads.values()):
            raise StrataError("A set of heads is empty", "Name at least one head in each of its blocks")
        if not all(0 <= head < n_heads for members in heads.values() for head in members):
            raise StrataError("A head does not exist", f"This model has heads 0 to {n_heads - 1} in a block")


def _check_columns(recording: Recording, columns: Int[Tensor, " item"]) -> None:
    rows, total = recording.batch.ids.shape
    if columns.shape != (rows,) or not bool(((columns >= recording.batch.start) & (columns < total)).all()):
        raise StrataError("An edit lies outside the prompts it is made in", "Check the positions")


def _sorted(windows: Sequence[Window]) -> list[int]:
    return sorted(range(len(windows)), key=lambda number: windows[number])
