"""Every edit of a batch of minimal pairs that tells where the answer is made: what cells, heads and edges carry.

All edits are made at one column a pair: the last token of the replaced span, or the last position. Shifts are in logits;
over the difference of the two intact runs they are the normalised effects of 2309.16042.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

from strata.probes.backends.recording import Recording
from strata.probes.backends.runs import Runs
from strata.probes.backends.window_sweep import Window, WindowEdits, sweep_windows
from strata.probes.causal.cells import Cell, at_span, component_of
from strata.probes.causal.pairs import Pair
from strata.probes.causal.scores import token_logits
from strata.probes.errors import StrataError

Side = Literal["clean", "foil"]


class CellBatch:
    """The two intact runs of a batch of pairs, and what any edit of one of them does.

    `span`: named position that is replaced between the two prompts of every pair; None: only the last position is edited.
    Memory grows with the batch, not with the number of edits. Raises StrataError for a pair without the span,
    NoRestartError where the architecture can't be run from the middle.
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
        keep = max(*back, *(pair.reach for pair in pairs))
        self._runs: dict[Side, Recording] = {
            "clean": runs.of([pair.clean for pair in pairs], keep),
            "foil": runs.of([pair.foil for pair in pairs], keep),
        }
        total = self._runs["clean"].n_columns
        self._span = total - torch.tensor(back)
        self._last = torch.full((len(pairs),), total - 1)
        self._scored = torch.tensor([[pair.answer_id, pair.foil_id] for pair in pairs])
        self._pieces: dict[tuple[Cell, Side], Tensor] = {}
        self.clean: Float[Tensor, " pair"] = self._intact("clean", self._scored)
        """Logit difference answer − foil of the clean prompts."""
        self.foil: Float[Tensor, " pair"] = self._intact("foil", self._scored)
        """The same of the corrupted prompts, whose own answer is the foil."""

    def pieces(self, cell: Cell, side: Side) -> Float[Tensor, "pair layer d_model"]:
        """What each block adds to the stream at the cell's position, in float32 on the CPU."""
        if (cell, side) not in self._pieces:
            run, where = self._runs[side], self._where(cell)[:, None]
            parts = [run.at(component_of(cell), layer, where)[:, 0].float().cpu() for layer in range(self.n_layers)]
            self._pieces[cell, side] = torch.stack(parts, 1)
        return self._pieces[cell, side]

    def denoise(self, cell: Cell, windows: Sequence[Window]) -> Float[Tensor, "pair window"]:
        """Rise of the logit difference when the corrupted run takes the clean run's pieces in the blocks of a window."""
        return self.donated(cell, windows, self.pieces(cell, "clean"))

    def noise(self, cell: Cell, windows: Sequence[Window]) -> Float[Tensor, "pair window"]:
        """Fall of the logit difference when the clean run takes the corrupted run's pieces in the blocks of a window."""
        ends = self._ends("clean", cell, windows, self.pieces(cell, "foil"))
        return self.clean[:, None] - _difference(self._logits(ends, self._scored))

    def donated(
        self, cell: Cell, windows: Sequence[Window], donors: Float[Tensor, "pair layer d_model"]
    ) -> Float[Tensor, "pair window"]:
        """Rise of the logit difference when the corrupted run takes the pieces of `donors` in the blocks of a window."""
        ends = self._ends("foil", cell, windows, donors)
        return _difference(self._logits(ends, self._scored)) - self.foil[:, None]

    def resampled(
        self,
        cell: Cell,
        windows: Sequence[Window],
        donors: Float[Tensor, "pair layer d_model"],
        unrelated: Int[Tensor, "pair k"],
    ) -> Float[Tensor, "pair window"]:
        """Fall of the margin over `unrelated` when the clean run takes the pieces of `donors` in the blocks of a window."""
        ends = self._ends("clean", cell, windows, donors)
        return self.margin(unrelated)[:, None] - _margin(self._logits(ends, self._with_answer(unrelated)))

    def margin(self, unrelated: Int[Tensor, "pair k"]) -> Float[Tensor, " pair"]:
        """Logit of the answer minus the mean logit of the tokens `unrelated`, in the intact clean run."""
        return _margin(self._intact_logits("clean", self._with_answer(unrelated)))

    def _where(self, cell: Cell) -> Int[Tensor, " pair"]:
        if at_span(cell) and self.span is None:
            raise StrataError(f"Cell {cell} lies at a replaced span, and these pairs name none", "Use move or work_out")
        return self._span if at_span(cell) else self._last

    def _ends(
        self, into: Side, cell: Cell, windows: Sequence[Window], values: Float[Tensor, "pair layer d_model"]
    ) -> Float[Tensor, "window pair d_model"]:
        edits = WindowEdits(component_of(cell), windows, values)
        return sweep_windows(self._runs[into], [edits], self._where(cell))[0]

    def _with_answer(self, unrelated: Int[Tensor, "pair k"]) -> Int[Tensor, "pair token"]:
        return torch.cat([self._scored[:, :1], unrelated], 1)

    def _intact(self, side: Side, tokens: Int[Tensor, "pair token"]) -> Float[Tensor, " pair"]:
        return _difference(self._intact_logits(side, tokens))

    def _intact_logits(self, side: Side, tokens: Int[Tensor, "pair token"]) -> Float[Tensor, "pair token"]:
        return self._logits(self._runs[side].streams[-1][None, :, -1], tokens)[:, 0]

    def _logits(
        self, ends: Float[Tensor, "window pair d_model"], tokens: Int[Tensor, "pair token"]
    ) -> Float[Tensor, "pair window token"]:
        with torch.no_grad():
            return token_logits(self.checkpoint.readout, ends, tokens).transpose(0, 1).cpu()


def _difference(logits: Float[Tensor, "*row two"]) -> Float[Tensor, "*row"]:
    return logits[..., 0] - logits[..., 1]


def _margin(logits: Float[Tensor, "*row token"]) -> Float[Tensor, "*row"]:
    return logits[..., 0] - logits[..., 1:].mean(-1)
