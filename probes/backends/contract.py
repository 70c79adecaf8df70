"""The two verbs every backend has: run and read, run and edit. Everything above is written once against them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol, get_args

import torch
from jaxtyping import Float, Int
from torch import Tensor

from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.errors import StrataError
from strata.probes.prompts.batching import Batch

SiteName = Literal["resid_pre", "resid_mid", "resid_post", "attn_out", "mlp_out", "block_out"]
SITE_NAMES: tuple[SiteName, ...] = get_args(SiteName)
EDITABLE: tuple[SiteName, ...] = ("resid_pre", "resid_post", "attn_out", "mlp_out", "block_out")


_PASS_TOKENS = {"cpu": 1024, "cuda": 65_536}


class Site(NamedTuple):
    """A place on the residual stream of one block."""

    name: SiteName
    """`resid_pre` enters the block, `resid_mid` lies between its two steps, `resid_post` leaves it; `attn_out` is what its mixer
    adds (attention, or what a block has instead: `checkpoints.block_steps`) and `mlp_out` what its channel part adds (MLP or
    experts), after any post-norm, and nothing where a block has no such step; `block_out` is their sum."""
    layer: int
    """Block index, 0-based."""


@dataclass(frozen=True)
class SiteEdit:
    """Replaces the value of one site, at places of its own, in a whole pass; those of one call act in the same run.

    A `RunEdit` of `probes.rerun` says another thing: each is a run by itself, over consecutive blocks at the one set of positions
    that its sweep shares, its values are asked for when the block is reached, and it may replace heads or hide columns, which
    none of the libraries behind a backend is asked for. `Replacement.site_edits` says one of them in these terms.
    """

    site: Site
    where: Int[Tensor, "item position"]
    """Columns in the padded rows."""
    values: Float[Tensor, "item position d_model"]
    """What stands there afterwards; zeros remove a contribution. `block_out` := v means `resid_post` := `resid_pre` + v,
    and a later reading of `block_out` still gives what the two steps wrote."""
    rows: Int[Tensor, " item"] | None = None
    """Rows of the batch that it is made in; None: all of them, in their order."""

    @property
    def items(self) -> Int[Tensor, " item"]:
        """Rows of the batch that it is made in."""
        return torch.arange(len(self.where)) if self.rows is None else self.rows


@dataclass(frozen=True)
class Activations:
    values: Mapping[Site, Float[Tensor, "item position d_model"]]
    """Every site asked for, in the model's dtype, on the batch's device."""
    logits: Float[Tensor, "item position vocab"] | None
    """At the same positions, after the output transform, if asked for."""

    def stack(self, sites: Sequence[Site]) -> Float[Tensor, "item site position d_model"]:
        """The sites side by side, in the order given."""
        return torch.stack([self.values[site] for site in sites], dim=1)


class Backend(Protocol):
    """The only objects that touch a model's insides.

    `where` are columns in the padded rows; None means every column. Neither verb changes the model or tracks
    gradients, and what they return is an ordinary tensor that may enter a later training loop. Raises StrataError for a site the architecture doesn't have.
    """

    name: str

    @property
    def n_layers(self) -> int: ...

    @property
    def tokens_a_pass(self) -> int:
        """That one forward pass is for, padding included, where many runs of the same prompts are to be made."""
        ...

    @property
    def shares_beginnings(self) -> bool:
        """Whether tokens that rows of a batch share from their beginning on are run once: such rows belong into one batch."""
        ...

    def read(
        self,
        batch: Batch,
        sites: Sequence[Site],
        where: Int[Tensor, "item position"] | None = None,
        *,
        logits: bool = False,
    ) -> Activations:
        """One forward pass; the values of `sites` at `where`."""
        ...

    def edit(
        self,
        batch: Batch,
        edits: Sequence[SiteEdit],
        where: Int[Tensor, "item position"] | None = None,
        *,
        sites: Sequence[Site] = (),
        logits: bool = True,
    ) -> Activations:
        """One forward pass with `edits` in force; the logits (and `sites`) at `where`."""
        ...


class OneRun(ABC):
    """A `Backend` on a checkpoint: both verbs are one forward pass, checked before it starts."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        self.checkpoint = checkpoint

    @property
    def n_layers(self) -> int:
        return self.checkpoint.n_layers

    @property
    def tokens_a_pass(self) -> int:
        return _PASS_TOKENS.get(self.checkpoint.device.type, _PASS_TOKENS["cuda"])

    @property
    def shares_beginnings(self) -> bool:
        return False

    def read(
        self,
        batch: Batch,
        sites: Sequence[Site],
        where: Int[Tensor, "item position"] | None = None,
        *,
        logits: bool = False,
    ) -> Activations:
        check_request(self.checkpoint, batch, (), where, sites)
        return self._run(batch, (), where, sites, logits)

    def edit(
        self,
        batch: Batch,
        edits: Sequence[SiteEdit],
        where: Int[Tensor, "item position"] | None = None,
        *,
        sites: Sequence[Site] = (),
        logits: bool = True,
    ) -> Activations:
        check_request(self.checkpoint, batch, edits, where, sites)
        return self._run(batch, edits, where, sites, logits)

    @abstractmethod
    def _run(
        self,
        batch: Batch,
        edits: Sequence[SiteEdit],
        where: Int[Tensor, "item position"] | None,
        sites: Sequence[Site],
        logits: bool,
    ) -> Activations:
        """One forward pass with `edits` in force; the values of `sites`, and the logits if asked for, at `where`."""


def streams_of(n_layers: int) -> tuple[Site, ...]:
    """Streams 0..L as sites: the input of every block, and the output of the last one before the final norm."""
    return (*(Site("resid_pre", layer) for layer in range(n_layers)), Site("resid_post", n_layers - 1))


def check_request(
    checkpoint: Checkpoint,
    batch: Batch,
    edits: Sequence[SiteEdit],
    where: Int[Tensor, "item position"] | None,
    sites: Sequence[Site],
) -> None:
    """Raises StrataError for sites, edits or places the model can't have, before any model time is spent."""
    n_layers, d_model = checkpoint.n_layers, checkpoint.d_model
    rows, columns = batch.ids.shape
    for site in (*sites, *(edit.site for edit in edits)):
        if site.name not in SITE_NAMES:
            raise StrataError(f"There is no site {site.name!r}", f"Choose among: {', '.join(SITE_NAMES)}")
        if not 0 <= site.layer < n_layers:
            raise StrataError(f"Block {site.layer} does not exist", f"This model has blocks 0 to {n_layers - 1}")
        if site.name == "resid_mid" and checkpoint.anatomy.parallel:
            raise StrataError(
                "This architecture runs its two steps side by side, so it has no resid_mid",
                "Ask for resid_pre or block_out",
            )
    for edit in edits:
        if edit.site.name not in EDITABLE:
            raise StrataError(f"{edit.site.name} can't be edited", f"Edit one of: {', '.join(EDITABLE)}")
        n_edited = rows if edit.rows is None else len(edit.rows)
        if edit.where.shape[0] != n_edited or edit.values.shape != (*edit.where.shape, d_model):
            raise StrataError(
                f"An edit of shape {tuple(edit.values.shape)} at {tuple(edit.where.shape)} places does not fit {n_edited} rows",
                f"Give one value of width {d_model} for each place",
            )
        if _adds_to_nothing(checkpoint, edit):
            what = "mixer" if edit.site.name == "attn_out" else "channel part"
            raise StrataError(f"Block {edit.site.layer} has no {what} to replace", "Edit resid_post or block_out")
        if not _inside(edit.where, columns) or not _inside(edit.items, rows):
            raise StrataError(
                f"An edit lies outside the {columns} columns and {rows} rows of the batch", "Check the positions"
            )
    if where is not None and (where.shape[0] != rows or not _inside(where, columns)):
        raise StrataError(
            f"Places of shape {tuple(where.shape)} lie outside the batch of {rows} rows and {columns} columns",
            "Give one row of columns for every prompt",
        )


def _adds_to_nothing(checkpoint: Checkpoint, edit: SiteEdit) -> bool:
    """Whether something is to stand where a block has no step. Nothing stands there anyway."""
    lacks = (
        edit.site.name in ("attn_out", "mlp_out")
        and checkpoint.anatomy.blocks[edit.site.layer].step(edit.site.name) is None
    )
    return lacks and bool(edit.values.any())


def _inside(where: Int[Tensor, "*place"], n: int) -> bool:
    return not where.numel() or 0 <= int(where.min()) <= int(where.max()) < n
