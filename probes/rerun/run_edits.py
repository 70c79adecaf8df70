"""The edits that a run can be started anew with: what is replaced, or hidden, in which blocks."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from jaxtyping import Float, Int
from torch import Tensor

from strata.probes.backends.contract import Site, SiteEdit
from strata.probes.errors import StrataError
from strata.probes.rerun.recording import Recording

Component = Literal["block_out", "attn_out", "mlp_out", "resid_pre"]
COMPONENTS: tuple[Component, ...] = get_args(Component)
Values = Callable[[int], Float[Tensor, "item position d_model"]]
"""What stands at the edited positions, by block."""
Window = tuple[int, int]
"""First and last of consecutive blocks, both inclusive."""
HeadSet = Mapping[int, Sequence[int]]
"""Query heads by block."""


@dataclass(frozen=True)
class Replacement:
    """One run in which a component is replaced at the edited positions, in every block of `blocks`."""

    component: Component
    blocks: range
    """Consecutive blocks; one for `resid_pre`."""
    values: Values
    """Runs with the very same `values` that begin at one block are computed together as far as they go."""

    @property
    def donor(self) -> Hashable:
        """The same for edits that do the same in a block that both of them edit."""
        return self.component, id(self.values)

    def site_edits(self, where: Int[Tensor, "item position"]) -> list[SiteEdit]:
        """The same in one whole pass of a backend, with the values at `where`."""
        return [SiteEdit(Site(self.component, block), where, self.values(block)) for block in self.blocks]

    def at(self, rows: Int[Tensor, " row"]) -> Replacement:
        return Replacement(self.component, self.blocks, _AtRows(self.values, rows))


@dataclass(frozen=True)
class HeadReplacement:
    """One run in which the outputs of query heads, before the output projection, are a donor's at the one edited position."""

    heads: HeadSet
    values: Float[Tensor, "item layer head d_head"]

    @property
    def blocks(self) -> range:
        """From the first block with a replaced head to the last."""
        return range(min(self.heads), max(self.heads) + 1)

    @property
    def donor(self) -> Hashable:
        return id(self)

    def at(self, rows: Int[Tensor, " row"]) -> HeadReplacement:
        return HeadReplacement(self.heads, self.values[rows])


@dataclass(frozen=True)
class Knockout:
    """One run in which the edited positions may not look at `sources`, in every block of `blocks` (2304.14767)."""

    blocks: range
    sources: Int[Tensor, "item source"]
    """Columns that are hidden."""

    @property
    def donor(self) -> Hashable:
        return id(self.sources)

    def at(self, rows: Int[Tensor, " row"]) -> Knockout:
        return Knockout(self.blocks, self.sources[rows])


RunEdit = Replacement | HeadReplacement | Knockout
"""What makes one run of a sweep another than the recorded one. Of a whole pass of a backend, see `SiteEdit`."""


@dataclass(frozen=True)
class _AtRows:
    """The values of some of the items."""

    values: Values
    rows: Int[Tensor, " row"]

    def __call__(self, layer: int) -> Float[Tensor, "row position d_model"]:
        given = self.values(layer)
        return given[self.rows.to(given.device)]


def of_rows(edits: Sequence[RunEdit], rows: Int[Tensor, " row"]) -> list[RunEdit]:
    """The same edits in some of the items; those that had their donor in common have it in common again."""
    first: dict[Hashable, RunEdit] = {}
    chosen: list[RunEdit] = []
    for edit in edits:
        own = edit.at(rows)
        shared = first.setdefault(edit.donor, own)
        if isinstance(own, Replacement) and isinstance(shared, Replacement):
            own = Replacement(own.component, own.blocks, shared.values)
        elif isinstance(own, Knockout) and isinstance(shared, Knockout):
            own = Knockout(own.blocks, shared.sources)
        chosen.append(own)
    return chosen


def check_edits(
    recording: Recording, edits: Sequence[RunEdit], where: Int[Tensor, "item position"], keep: int = 1
) -> None:
    """Raises StrataError for blocks, heads, columns or values that don't exist or don't fit; asks for no values."""
    for edit in edits:
        if isinstance(edit, HeadReplacement):
            _check_heads(recording, edit, where)
        blocks = edit.blocks
        if not blocks or blocks.step != 1 or blocks.start < 0 or blocks.stop > recording.n_layers:
            raise StrataError(
                f"Blocks {blocks.start} to {blocks.stop - 1} do not exist",
                f"This model has blocks 0 to {recording.n_layers - 1}",
            )
        if isinstance(edit, Knockout):
            _check_columns(recording, edit.sources)
        if isinstance(edit, Replacement) and edit.component not in COMPONENTS:
            raise StrataError(f"{edit.component} can't be edited", f"Edit one of: {', '.join(COMPONENTS)}")
        if isinstance(edit, Replacement) and edit.component == "resid_pre" and len(blocks) > 1:
            raise StrataError("A stream is replaced at one block, not in a window", "Give one block")
    _check_columns(recording, where)
    if min(int(where.min()), recording.n_columns - keep) < recording.first:
        raise StrataError(
            f"An edit at column {int(where.min())} lies before column {recording.first}, where the recording begins",
            "Record with a larger `keep`",
        )


def _check_heads(recording: Recording, edit: HeadReplacement, where: Int[Tensor, "item position"]) -> None:
    if where.shape[1] != 1:
        raise StrataError("Heads are replaced at one position", "Give one column for each prompt")
    if edit.values.shape[:2] != (len(recording.batch.ids), recording.n_layers):
        raise values_do_not_fit(edit.values, recording)
    n_heads = edit.values.shape[2]
    if not edit.heads or not all(edit.heads.values()):
        raise StrataError("A set of heads is empty", "Name at least one head in each of its blocks")
    if not all(0 <= head < n_heads for members in edit.heads.values() for head in members):
        raise StrataError("A head does not exist", f"This model has heads 0 to {n_heads - 1} in a block")


def values_do_not_fit(values: Tensor, recording: Recording) -> StrataError:
    """Of values by item and block."""
    return StrataError(
        f"Values of shape {tuple(values.shape)} don't fit {len(recording.batch.ids)} prompts and {recording.n_layers} blocks",
        "Give values for each prompt and block",
    )


def _check_columns(recording: Recording, columns: Int[Tensor, "item position"]) -> None:
    rows, total = recording.batch.ids.shape
    starts = recording.batch.start[:, None]
    if len(columns) != rows or not bool(((columns >= starts) & (columns < total)).all()):
        raise StrataError("An edit lies outside the prompts it is made in", "Check the positions")
