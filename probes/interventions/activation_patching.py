"""Activation patching over minimal pairs: which block's contribution, at which position, carries the answer?

Denoising runs the counterfactual prompt with one clean activation (is it sufficient?), noising the clean prompt with one
corrupted activation (is it necessary?). The activation is what a block, its attention or its MLP adds, or the stream that enters it. A
stream shows where information is, a contribution where it is written. Definitions: 2309.16042, 2404.15255.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from strata.probes.interventions.intervention import Patching, PatchingMeasure
from strata.probes.interventions.minimal_pairs import ALL, Pair, batches_of, reach_columns
from strata.probes.interventions.noise import unit_vectors
from strata.probes.interventions.scores import logit_difference
from strata.probes.progress import Progress, silent
from strata.probes.prompts.batching import tokens_a_batch
from strata.probes.rerun.edit_sweep import sweep
from strata.probes.rerun.recording import Recording
from strata.probes.rerun.run_edits import Component, Replacement
from strata.probes.rerun.shared_recordings import Runs

CONTROLS: tuple[PatchingMeasure, ...] = ("random_donor", "norm_matched_noise", "wrong_position")
"""Denoising with something that must not restore the answer: the clean activation of another pair of the group with another
answer; the recipient's own activation moved by as much in a random direction; the same donor's activation of another position."""

BATCH_TOKENS = {"cpu": 512, "cuda": 8192}
_FAR = 3


@dataclass(frozen=True)
class PatchedBatch:
    rows: tuple[int, ...]
    """Indices into the pairs given."""
    clean: Float[Tensor, " item"]
    """Logit difference answer − foil of the clean prompt."""
    foil: Float[Tensor, " item"]
    """The same of the counterfactual prompt, whose own answer is the foil."""
    shift: Mapping[Patching, Float[Tensor, "item layer"]]
    """How far the edit moved the logit difference towards the donor's run, in logits, by the window's first block: over
    `clean − foil` it is the normalised effect, 0 for the unedited run and 1 for the donor's. NaN: not applicable."""


def patch_pairs(
    runs: Runs,
    pairs: Sequence[Pair],
    lines: Sequence[Patching],
    *,
    layers: Sequence[int] | None = None,
    seed: int = 0,
    batch_tokens: int | None = None,
    progress: Progress = silent,
) -> Iterator[PatchedBatch]:
    """Yields the effects of `lines` batch by batch; memory does not depend on the number of pairs.

    A pair without a line's position, or whose two prompts are still the same there, has no value on that line. Controls
    exist for contributions at named positions only. `layers`: first blocks of the windows, ascending; None: all of them.
    `runs`: the model, where other measurements of the same pairs find their recordings too.
    Raises StrataError for edits that don't fit.
    """
    tokens = tokens_a_batch(batch_tokens, runs.checkpoint.device, BATCH_TOKENS)
    done = 0
    progress("patching", 0, len(pairs), "pairs")
    for rows in batches_of(pairs, tokens):
        yield _Batch(runs, [pairs[row] for row in rows], lines, seed, layers).run(tuple(rows))
        done += len(rows)
        progress("patching", done, len(pairs), "pairs")


class _Batch:
    def __init__(
        self, runs: Runs, pairs: Sequence[Pair], lines: Sequence[Patching], seed: int, layers: Sequence[int] | None
    ) -> None:
        self.layers = range(runs.checkpoint.n_layers) if layers is None else layers
        self.checkpoint, self.pairs, self.lines, self.seed = runs.checkpoint, pairs, lines, seed
        keep = max(pair.reach for pair in pairs)
        self.clean, self.foil = runs.of_both([pair.clean for pair in pairs], [pair.foil for pair in pairs], keep)
        self.tokens = torch.tensor([[pair.answer_id, pair.foil_id] for pair in pairs])

    def run(self, rows: tuple[int, ...]) -> PatchedBatch:
        clean, foil = (self._difference(run.streams[-1][None, :, -1])[0] for run in (self.clean, self.foil))
        shift: dict[Patching, Tensor] = {}
        for position in dict.fromkeys(line.position for line in self.lines):
            places = self._places(position)
            if places is not None:
                for line, values in self._at(position, *places, clean, foil):
                    shift[line] = values
        return PatchedBatch(rows, clean.cpu(), foil.cpu(), shift)

    def _at(
        self, position: str, where: Tensor, present: Tensor, clean: Tensor, foil: Tensor
    ) -> Iterator[tuple[Patching, Float[Tensor, "item layer"]]]:
        """All lines into the same run share a sweep: few runs at a time leave a processor idle."""
        here = [line for line in self.lines if line.position == position]
        for into, base, sign in ((self.foil, foil, -1.0), (self.clean, clean, 1.0)):
            counts: list[tuple[Patching, int, Tensor]] = []
            edits: list[Replacement] = []
            for measure in dict.fromkeys(
                line.measure for line in here if (line.measure == "noise") == (into is self.clean)
            ):
                values, applies = self._donated(measure, position, where, present)
                if values is None or not bool((present & applies).any()):
                    continue
                lines, edited = self._edits([line for line in here if line.measure == measure], values)
                counts += [(line, count, present & applies) for line, count in lines]
                edits += edited
            if not edits:
                continue
            ends = sweep(into, edits, where)[:, :, 0]
            moved = (sign * (base - self._difference(ends))).cpu()
            start = 0
            for line, count, there in counts:
                effects = moved[start : start + count].T
                effects[~there] = torch.nan
                yield line, effects
                start += count

    def _edits(
        self, lines: Sequence[Patching], values: Callable[[Component, int], Tensor]
    ) -> tuple[list[tuple[Patching, int]], list[Replacement]]:
        counts: list[tuple[Patching, int]] = []
        edits: list[Replacement] = []
        for line in lines:
            streams = line.component == "resid_pre"
            starts = starts_of(line.window, self.layers, self.checkpoint.n_layers)
            if (streams and (line.measure in CONTROLS or line.window > 1)) or not starts:
                continue

            def given(layer: int, component: Component = line.component) -> Tensor:
                return values(component, layer)

            counts.append((line, len(starts)))
            edits += [Replacement(line.component, range(start, start + line.window), given) for start in starts]
        return counts, edits

    def _donated(
        self, measure: PatchingMeasure, position: str, where: Tensor, present: Tensor
    ) -> tuple[Callable[[Component, int], Tensor] | None, Tensor]:
        """What an edit of this measure puts at `where`, and the rows it can be made in."""
        everyone = torch.ones(len(self.pairs), dtype=torch.bool)
        if measure == "denoise":
            return _remembered(lambda component, layer: self.clean.at(component, layer, where)), everyone
        if measure == "noise":
            return _remembered(lambda component, layer: self.foil.at(component, layer, where)), everyone
        if position == ALL:
            return None, everyone
        if measure == "random_donor":
            donors, applies = _other_answers(self.pairs, present)
            return (
                _remembered(lambda component, layer: _rows(self.clean, component, layer, where[donors], donors)),
                applies,
            )
        if measure == "norm_matched_noise":
            directions = self._directions(where.shape[1])

            def moved_at_random(component: Component, layer: int) -> Tensor:
                own, other = (run.at(component, layer, where) for run in (self.foil, self.clean))
                size = torch.linalg.vector_norm((other - own).float(), dim=-1, keepdim=True)
                return own + (size * directions[:, layer].to(own.device)).to(own.dtype)

            return _remembered(moved_at_random), everyone
        elsewhere, applies = self._another_position(position)
        return _remembered(lambda component, layer: self.clean.at(component, layer, elsewhere)), applies

    def _directions(self, n_positions: int) -> Float[Tensor, "item layer position d_model"]:
        """Unit vectors that depend on the pair and the seed, and on nothing else in the batch."""
        shape = (self.checkpoint.n_layers, n_positions, self.checkpoint.d_model)
        return torch.stack([unit_vectors(shape, self.seed, pair.key) for pair in self.pairs])

    def _another_position(self, position: str) -> tuple[Int[Tensor, "item position"], Tensor]:
        """Columns of the next named position of each pair that lies within its reach."""
        columns, applies = [], []
        for pair, start in zip(self.pairs, self.clean.batch.start.tolist(), strict=True):
            places = sorted(
                {place for place in pair.clean.positions.values() if place >= pair.first_difference}
                - {pair.clean.positions.get(position, -1)}
            )
            applies.append(bool(places))
            columns.append((places[0] if places else len(pair.clean.ids) - 1) + start)
        return torch.tensor(columns)[:, None], torch.tensor(applies)

    def _places(self, position: str) -> tuple[Int[Tensor, "item position"], Tensor] | None:
        """Columns of a position group, and which pairs have it where an edit can matter."""
        if position == ALL:
            return reach_columns(self.pairs, self.clean.n_columns), torch.ones(len(self.pairs), dtype=torch.bool)
        columns, present = [], []
        for pair, start in zip(self.pairs, self.clean.batch.start.tolist(), strict=True):
            place = pair.clean.positions.get(position)
            there = place is not None and place >= pair.first_difference
            present.append(there)
            columns.append((place if there and place is not None else len(pair.clean.ids) - 1) + start)
        return (torch.tensor(columns)[:, None], torch.tensor(present)) if any(present) else None

    def _difference(self, h: Float[Tensor, "edit item d_model"]) -> Float[Tensor, "edit item"]:
        return logit_difference(self.checkpoint.readout, h, self.tokens)


def starts_of(window: int, layers: Sequence[int], n_layers: int) -> list[int]:
    """The first blocks of the windows that an edit is made in: those of `layers` from which a whole window fits."""
    return [layer for layer in layers if layer + window <= n_layers]


def _remembered(values: Callable[[Component, int], Tensor]) -> Callable[[Component, int], Tensor]:
    """The same contribution is asked for by every window that holds its block: the last few are kept."""
    known: dict[tuple[Component, int], Tensor] = {}

    def get(component: Component, layer: int) -> Tensor:
        key = (component, layer)
        if key not in known:
            for old in [other for other in known if other[1] < layer - _FAR]:
                del known[old]
            known[key] = values(component, layer)
        return known[key]

    return get


def _rows(
    run: Recording, component: Component, layer: int, where: Int[Tensor, "item position"], rows: Int[Tensor, " item"]
) -> Float[Tensor, "item position d_model"]:
    values = run.contribution(component, layer)
    return values[rows.to(values.device)[:, None], (where - run.first).to(values.device)]


def _other_answers(pairs: Sequence[Pair], present: Tensor) -> tuple[Int[Tensor, " item"], Tensor]:
    """For each pair the next one of the batch with the position whose answer is neither its own nor its foil, if any."""
    donors, applies = [], []
    for row, pair in enumerate(pairs):
        others = [(row + step) % len(pairs) for step in range(1, len(pairs))]
        own = {pair.answer_id, pair.foil_id}
        others_left = (other for other in others if bool(present[other]) and pairs[other].answer_id not in own)
        donor = next(others_left, None)
        donors.append(row if donor is None else donor)
        applies.append(donor is not None)
    return torch.tensor(donors), torch.tensor(applies)
