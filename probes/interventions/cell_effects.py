"""Every edit of a batch of minimal pairs that tells where the answer is made: what cells, heads and edges carry.

All edits are made at one column a pair: the last token of the replaced span, or the last position. Shifts are in logits;
over the difference of the two intact runs they are the normalised effects of 2309.16042.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import torch
from einops import einsum
from jaxtyping import Float, Int
from torch import Tensor

from strata.probes.errors import StrataError
from strata.probes.interventions.activation_patching import BATCH_TOKENS
from strata.probes.interventions.cells import Cell, at_span, component_of
from strata.probes.interventions.head_contributions import head_pieces
from strata.probes.interventions.minimal_pairs import Pair, batches_of
from strata.probes.interventions.scores import token_logits
from strata.probes.lens.frozen_norm import frozen_norm
from strata.probes.prompts.batching import tokens_a_batch
from strata.probes.rerun.edit_sweep import sweep
from strata.probes.rerun.head_outputs import attention_paid, head_outputs
from strata.probes.rerun.held_streams import HeldStems
from strata.probes.rerun.recording import Recording
from strata.probes.rerun.run_edits import (
    HeadReplacement,
    HeadSet,
    Knockout,
    Replacement,
    RunEdit,
    Window,
    values_do_not_fit,
)
from strata.probes.rerun.shared_recordings import Runs
from strata.probes.rerun.why_whole import why_whole

Side = Literal["clean", "foil"]
Where = Literal["span", "last"]
_STEM_BYTES = {"cpu": 64_000_000, "cuda": 1_000_000_000}
"""Of the edited runs of one side of a batch that a search goes on from."""


def cell_batches(
    runs: Runs, pairs: Sequence[Pair], span: str | None, *, batch_tokens: int | None = None
) -> Iterator[tuple[tuple[int, ...], CellBatch]]:
    """(indices into `pairs`, their batch): one family after the other, each in as few batches as memory is for."""
    tokens = tokens_a_batch(batch_tokens, runs.checkpoint.device, BATCH_TOKENS)
    for rows in batches_of(pairs, tokens):
        yield tuple(rows), CellBatch(runs, [pairs[row] for row in rows], span)


class CellBatch:
    """The two intact runs of a batch of pairs, and what any edit of one of them does.

    `span`: named position that is replaced between the two prompts of every pair; None: only the last position is edited.
    Memory grows with the batch, not with the number of edits. Nothing runs before it is asked for. Raises StrataError for a
    pair without the span, and what is asked of heads raises NoRestartError where the architecture can't be run from the middle.
    """

    def __init__(self, runs: Runs, pairs: Sequence[Pair], span: str | None) -> None:
        if not pairs:
            raise ValueError("a batch needs at least one pair")
        self.checkpoint, self.pairs, self.span = runs.checkpoint, tuple(pairs), span
        self.n_layers = runs.checkpoint.n_layers
        lacking = next((pair for pair in pairs if span is not None and span not in pair.clean.positions), None)
        if lacking is not None:
            raise StrataError(f"Pair {lacking.key!r} has no position {span!r}", "Leave it out of this batch")
        back = [
            len(pair.clean.ids) - (pair.clean.positions[span] if span else len(pair.clean.ids) - 1) for pair in pairs
        ]
        self._back = torch.tensor(back)
        self._given, self._keep = runs, max(*back, *(pair.reach for pair in pairs))
        self._recorded: dict[Side, Recording] = {}
        self._scored = torch.tensor([[pair.answer_id, pair.foil_id] for pair in pairs])
        self._pieces: dict[tuple[Cell, Side], Tensor] = {}
        self._own: dict[tuple[Cell, Side], _Pieces] = {}
        self._stems: dict[Side, HeldStems] = {}
        self._heads: dict[tuple[Where, Side], Tensor] = {}

    @cached_property
    def clean(self) -> Float[Tensor, " pair"]:
        """Logit difference answer − foil of the clean prompts."""
        return self._intact("clean", self._scored)

    @cached_property
    def foil(self) -> Float[Tensor, " pair"]:
        """The same of the corrupted prompts, whose own answer is the foil."""
        return self._intact("foil", self._scored)

    @property
    def recorded_bytes(self) -> int:
        """Of what the intact runs keep, as far as they were run, and of what was held of edited ones."""
        recorded = sum(run.n_bytes for run in self._recorded.values())
        return recorded + sum(stems.n_bytes for stems in self._stems.values())

    def pieces(self, cell: Cell, side: Side) -> Float[Tensor, "pair layer d_model"]:
        """What each block adds to the stream at the cell's position, in float32 on the CPU."""
        if (cell, side) not in self._pieces:
            run, where = self._run(side), self._where(cell)[:, None]
            parts = [run.at(component_of(cell), layer, where)[:, 0].float().cpu() for layer in range(self.n_layers)]
            self._pieces[cell, side] = torch.stack(parts, 1)
        return self._pieces[cell, side]

    def denoise(self, cell: Cell, windows: Sequence[Window]) -> Float[Tensor, "pair window"]:
        """Rise of the logit difference when the corrupted run takes the clean run's pieces in the blocks of a window."""
        return self._rise(self._exchanged(cell, windows, "clean"), self._where(cell), self._held("foil"))

    def noise(self, cell: Cell, windows: Sequence[Window]) -> Float[Tensor, "pair window"]:
        """Fall of the logit difference when the clean run takes the corrupted run's pieces in the blocks of a window."""
        edits = self._exchanged(cell, windows, "foil")
        return self._fall(edits, self._where(cell), stems=self._held("clean"))

    def donated(
        self, cell: Cell, windows: Sequence[Window], donors: Float[Tensor, "pair layer d_model"]
    ) -> Float[Tensor, "pair window"]:
        """Rise of the logit difference when the corrupted run takes the pieces of `donors` in the blocks of a window."""
        return self._rise(self._replaced(cell, windows, donors), self._where(cell))

    def resampled(
        self,
        cell: Cell,
        windows: Sequence[Window],
        donors: Float[Tensor, "pair layer d_model"],
        unrelated: Int[Tensor, "pair k"],
    ) -> Float[Tensor, "pair window"]:
        """Fall of the margin over `unrelated` when the clean run takes the pieces of `donors` in the blocks of a window."""
        return self._fall(self._replaced(cell, windows, donors), self._where(cell), unrelated)

    def margin(self, unrelated: Int[Tensor, "pair k"]) -> Float[Tensor, " pair"]:
        """Logit of the answer minus the mean logit of the tokens `unrelated`, in the intact clean run."""
        return _margin(self._intact_logits("clean", self._against(unrelated)))

    def knockout(
        self, windows: Sequence[Window], unrelated: Int[Tensor, "pair k"] | None = None
    ) -> Float[Tensor, "pair window"]:
        """Fall of the logit difference when `last` may not look at the span's last token in the blocks of a window.

        In the clean run (2304.14767). With `unrelated`: fall of the margin over those tokens.
        """
        sources = self._where("enrich")[:, None]
        return self._fall([Knockout(_blocks(window), sources) for window in windows], self._where("move"), unrelated)

    @property
    def has_heads(self) -> bool:
        """Whether single heads, and what they read, can be told apart: only in models that can be restarted from the middle."""
        return self._run("clean").restarts and why_whole(self.checkpoint) is None

    def head_outputs(self, where: Where, side: Side) -> Float[Tensor, "pair layer head d_head"]:
        """What each query head hands to the output projection, in float32 on the CPU."""
        if (where, side) not in self._heads:
            self._heads[where, side] = head_outputs(self._run(side), self._column(where)).float()
        return self._heads[where, side]

    def head_denoise(self, where: Where, sets: Sequence[HeadSet]) -> Float[Tensor, "pair set"]:
        """`denoise` for the outputs of sets of query heads, in any blocks at once."""
        return self.head_donated(where, sets, self.head_outputs(where, "clean"))

    def head_noise(self, where: Where, sets: Sequence[HeadSet]) -> Float[Tensor, "pair set"]:
        return self._fall(self._replaced_heads(sets, self.head_outputs(where, "foil")), self._column(where))

    def head_donated(
        self, where: Where, sets: Sequence[HeadSet], donors: Float[Tensor, "pair layer head d_head"]
    ) -> Float[Tensor, "pair set"]:
        return self._rise(self._replaced_heads(sets, donors), self._column(where))

    def head_pieces(self, where: Where, side: Side, layer: int) -> Float[Tensor, "pair head d_model"]:
        """What each query head of a block adds to the stream, the scale of a norm behind it held fixed; without biases."""
        return head_pieces(self.checkpoint, layer, self.head_outputs(where, side)[:, layer])

    def attention_to_span(self, side: Side = "clean") -> Float[Tensor, "pair layer head"]:
        """Attention weight that `last` pays to the span's last token."""
        return attention_paid(self._run(side), self._where("enrich"))

    def logit_attribution(self, cell: Cell, side: Side = "clean") -> Float[Tensor, "pair layer"]:
        """Share of the logit difference, in logits before a soft cap, that a piece writes directly into the last stream.

        The final norm keeps the scale that the whole stream at the cell's position gives it. At `last` the pieces of both cells
        and stream 0 add up to the logit difference, the biases of norm and unembedding aside.
        """
        return self._attributed(self.pieces(cell, side), self._where(cell), side)

    def _attributed(
        self, parts: Float[Tensor, "pair part d_model"], where: Int[Tensor, " pair"], side: Side
    ) -> Float[Tensor, "pair part"]:
        run, readout = self._run(side), self.checkpoint.readout
        stream = run.streams[-1]
        at = torch.arange(len(self.pairs), device=stream.device), (where - run.first).to(stream.device)
        normed = frozen_norm(readout.norm, stream[at]).of_parts(parts)
        rows = readout.weight[self._scored.to(readout.weight.device)].float().cpu()
        towards = (rows[:, 0] - rows[:, 1]) * readout.scale
        return einsum(normed, towards, "pair part d_model, pair d_model -> pair part")

    def _where(self, cell: Cell) -> Int[Tensor, " pair"]:
        if at_span(cell) and self.span is None:
            raise StrataError(
                "An edit at the replaced span needs pairs that name one", "Use move or work_out, or name the span"
            )
        return self._run("clean").n_columns - (self._back if at_span(cell) else torch.ones_like(self._back))

    def _run(self, side: Side) -> Recording:
        # Recorded when it is first asked for: by then whoever goes through batches has let go of the one before.
        if not self._recorded:
            clean, foil = [pair.clean for pair in self.pairs], [pair.foil for pair in self.pairs]
            self._recorded["clean"], self._recorded["foil"] = self._given.of_both(clean, foil, self._keep)
        return self._recorded[side]

    def _column(self, where: Where) -> Int[Tensor, " pair"]:
        return self._where("enrich" if where == "span" else "move")

    def _replaced(
        self, cell: Cell, windows: Sequence[Window], donors: Float[Tensor, "pair layer d_model"]
    ) -> list[RunEdit]:
        run = self._run("clean")
        if donors.shape[:2] != (len(self.pairs), self.n_layers):
            raise values_do_not_fit(donors, run)
        values = _Pieces(donors.to(self.checkpoint.device))
        return [Replacement(component_of(cell), _blocks(window), values) for window in windows]

    def _exchanged(self, cell: Cell, windows: Sequence[Window], side: Side) -> list[RunEdit]:
        """Windows of one cell take the pieces of the pair's other run: always the same values, so that stems can be held."""
        if (cell, side) not in self._own:
            self._own[cell, side] = _Pieces(self.pieces(cell, side).to(self.checkpoint.device))
        values = self._own[cell, side]
        return [Replacement(component_of(cell), _blocks(window), values) for window in windows]

    def _held(self, side: Side) -> HeldStems:
        if side not in self._stems:
            self._stems[side] = HeldStems(_STEM_BYTES.get(self.checkpoint.device.type, _STEM_BYTES["cuda"]))
        return self._stems[side]

    def _replaced_heads(
        self, sets: Sequence[HeadSet], donors: Float[Tensor, "pair layer head d_head"]
    ) -> list[RunEdit]:
        values = donors.to(self.checkpoint.device)
        return [HeadReplacement(heads, values) for heads in sets]

    def _rise(
        self, edits: Sequence[RunEdit], where: Int[Tensor, " pair"], stems: HeldStems | None = None
    ) -> Float[Tensor, "pair run"]:
        ends = sweep(self._run("foil"), edits, where[:, None], stems=stems)[:, :, 0]
        return _difference(self._logits(ends, self._scored)) - self.foil[:, None]

    def _fall(
        self,
        edits: Sequence[RunEdit],
        where: Int[Tensor, " pair"],
        unrelated: Int[Tensor, "pair k"] | None = None,
        stems: HeldStems | None = None,
    ) -> Float[Tensor, "pair run"]:
        ends = sweep(self._run("clean"), edits, where[:, None], stems=stems)[:, :, 0]
        if unrelated is None:
            return self.clean[:, None] - _difference(self._logits(ends, self._scored))
        return self.margin(unrelated)[:, None] - _margin(self._logits(ends, self._against(unrelated)))

    def _against(self, unrelated: Int[Tensor, "pair k"]) -> Int[Tensor, "pair token"]:
        return torch.cat([self._scored[:, :1], unrelated], 1)

    def _intact(self, side: Side, tokens: Int[Tensor, "pair token"]) -> Float[Tensor, " pair"]:
        return _difference(self._intact_logits(side, tokens))

    def _intact_logits(self, side: Side, tokens: Int[Tensor, "pair token"]) -> Float[Tensor, "pair token"]:
        return self._logits(self._run(side).streams[-1][None, :, -1], tokens)[:, 0]

    def _logits(
        self, ends: Float[Tensor, "window pair d_model"], tokens: Int[Tensor, "pair token"]
    ) -> Float[Tensor, "pair window token"]:
        with torch.no_grad():
            return token_logits(self.checkpoint.readout, ends, tokens).transpose(0, 1).cpu()


@dataclass(frozen=True)
class _Pieces:
    """Values of an edit at one column a pair."""

    donors: Float[Tensor, "pair layer d_model"]

    def __call__(self, layer: int) -> Float[Tensor, "pair one d_model"]:
        return self.donors[:, layer, None]


def _blocks(window: Window) -> range:
    first, last = window
    return range(first, last + 1)


def _difference(logits: Float[Tensor, "*row two"]) -> Float[Tensor, "*row"]:
    return logits[..., 0] - logits[..., 1]


def _margin(logits: Float[Tensor, "*row token"]) -> Float[Tensor, "*row"]:
    return logits[..., 0] - logits[..., 1:].mean(-1)
