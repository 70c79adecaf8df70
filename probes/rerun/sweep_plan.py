"""Which runs have to be computed for the edits of a sweep, when does each join, and which go through blocks together?"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

import torch
from jaxtyping import Int
from torch import Tensor

from strata.probes.rerun.run_edits import Replacement, RunEdit


@dataclass(frozen=True)
class Run:
    edit: int
    """Which of the edits of the sweep it is the run of."""
    blocks: range
    """Blocks that are edited in it; those of a branch have been edited in the run that it leaves."""
    joins: int
    """Block before which it joins the sweep."""
    behind: bool
    """Joins behind that block instead: an MLP or a whole block needn't be computed to be replaced."""
    leaves: int | None = None
    """Place of the run whose stream it takes over; None: it starts from the recorded stream, or from a held one."""
    resumes: bool = False
    """Whether it starts from the stream that an earlier sweep held behind the block before."""


def plan_of(edits: Sequence[RunEdit], reached: Mapping[int, int] = MappingProxyType({})) -> tuple[list[Run], list[int]]:
    """Runs in the order in which they join, and for each of `edits` the place of its run in that order.

    Edits of one donor that begin at one block are one run until the shortest of them ends: there a copy leaves it
    unedited, and the rest goes on. So all prefixes of a model cost one run and a branch each. `reached`: by index of an edit, the last
    of its blocks behind which an earlier sweep held the stream; it resumes there.
    """
    by_donor: dict[Hashable, list[int]] = {}
    for index, edit in enumerate(edits):
        by_donor.setdefault(edit.donor, []).append(index)
    whole: list[Run] = []
    branches: list[tuple[Run, int]] = []
    same: dict[int, int] = {}
    for members in by_donor.values():
        stems: dict[int, int] = {}
        for index in sorted(members, key=lambda index: (-edits[index].blocks.stop, index)):
            stems.setdefault(edits[index].blocks.start, index)
        whole += [_whole(index, edits[index], reached.get(index)) for index in stems.values()]
        computed = {edits[index].blocks: index for index in stems.values()}
        for index in members:
            blocks = edits[index].blocks
            if blocks not in computed:
                computed[blocks] = index
                if reached.get(index) == blocks.stop - 1:
                    whole.append(_whole(index, edits[index], reached[index]))
                else:
                    branches.append((Run(index, range(0), blocks.stop, False), stems[blocks.start]))
            same[index] = computed[blocks]
    everything: list[tuple[Run, int | None]] = [*((run, None) for run in whole), *branches]
    everything.sort(key=lambda entry: (entry[0].joins, entry[0].behind))
    places = {run.edit: place for place, (run, _) in enumerate(everything)}
    runs = [run if stem is None else replace(run, leaves=places[stem]) for run, stem in everything]
    return runs, [places[same[index]] for index in range(len(edits))]


def _whole(index: int, edit: RunEdit, reached: int | None) -> Run:
    """A run that leaves no other one."""
    if reached is None:
        return Run(index, edit.blocks, edit.blocks.start, _needs_no_run(edit))
    return Run(index, range(reached + 1, edit.blocks.stop), reached + 1, False, resumes=True)


def _needs_no_run(edit: RunEdit) -> bool:
    return isinstance(edit, Replacement) and edit.component in ("mlp_out", "block_out")


def shares_of(edits: Sequence[RunEdit], size: int) -> list[list[int]]:
    """Places of the edits that go through one sweep, `size` of them at most, those of one donor and beginning side by side."""
    donors: dict[Hashable, int] = {}
    for edit in edits:
        donors.setdefault(edit.donor, len(donors))
    queue = sorted(
        range(len(edits)),
        key=lambda index: (donors[edits[index].donor], edits[index].blocks.start, edits[index].blocks.stop),
    )
    return [queue[start : start + size] for start in range(0, len(queue), size)]


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
