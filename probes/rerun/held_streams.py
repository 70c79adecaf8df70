"""Streams behind the edited blocks of earlier sweeps, held so that a longer or shorter window leaves from there.

A search asks for windows that begin at one block again and again. Each is a stem, edited block by block, and from the window's end
on a branch of its own; the stem is the same for all of them.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field

from jaxtyping import Float
from torch import Tensor

from strata.probes.rerun.run_edits import RunEdit

Stream = Float[Tensor, "item token d_model"]


@dataclass
class _Stem:
    edit: RunEdit
    """Keeps the values in being: a donor is told by where they lie."""
    streams: list[Stream] = field(default_factory=list)
    """Behind its first block, behind the second, and so on."""

    @property
    def n_bytes(self) -> int:
        return sum(stream.nbytes for stream in self.streams)


class HeldStems:
    """Stems of the edits of one recording at the same columns of each donor; the oldest go when there are more than `most_bytes`."""

    def __init__(self, most_bytes: int) -> None:
        self._most = most_bytes
        self._stems: dict[Hashable, _Stem] = {}
        self.n_bytes = 0

    def reached(self, edit: RunEdit, rows: Hashable) -> tuple[int, Stream] | None:
        """The last block of the edit behind which a stream is held, and that stream."""
        stem = self._stems.get(_key(edit, rows))
        if stem is None:
            return None
        n_blocks = min(len(stem.streams), len(edit.blocks))
        return edit.blocks[n_blocks - 1], stem.streams[n_blocks - 1]

    def keep(self, edit: RunEdit, rows: Hashable, block: int, stream: Stream) -> None:
        """Copies the stream behind a block of an edit; one that doesn't follow those that are held is excluded."""
        key = _key(edit, rows)
        stem = self._stems.get(key)
        if block != edit.blocks.start + (0 if stem is None else len(stem.streams)) or stream.nbytes > self._most:
            return
        while self._stems and self.n_bytes + stream.nbytes > self._most:
            oldest = next(iter(self._stems))
            self.n_bytes -= self._stems.pop(oldest).n_bytes
            if oldest == key:
                return
        self._stems.setdefault(key, _Stem(edit)).streams.append(stream.clone())
        self.n_bytes += stream.nbytes


def _key(edit: RunEdit, rows: Hashable) -> Hashable:
    return edit.donor, edit.blocks.start, rows


@dataclass(frozen=True)
class StemsOfSweep:
    """The stems of some edits as one sweep over some rows needs them; by place of the edit."""

    held: HeldStems
    edits: Sequence[RunEdit]
    """As they were asked for, of all rows."""
    rows: tuple[int, ...]

    def reached(self) -> dict[int, tuple[int, Stream]]:
        """For edits whose beginning is held: the last block of it, and the stream behind."""
        found = {index: self.held.reached(edit, self.rows) for index, edit in enumerate(self.edits)}
        return {index: held for index, held in found.items() if held is not None}

    def keep(self, index: int, block: int, stream: Stream) -> None:
        self.held.keep(self.edits[index], self.rows, block, stream)
