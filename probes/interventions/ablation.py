"""What is lost when a block, its attention or its MLP is ablated, from the first token that tells a pair apart on?

Skip sets the contribution to nothing, mean ablation to the mean over other prompts of the task at the same named
position, resample ablation to what another prompt of the task has there, averaged over draws. The three push a model off
its distribution in different ways, so a finding needs all of them to agree (2404.15255 on what an ablation can't show).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import get_args

import torch
from einops import rearrange
from jaxtyping import Float, Int
from torch import Tensor

from strata.probes.interventions.activation_patching import BATCH_TOKENS, starts_of
from strata.probes.interventions.intervention import Ablation, AblationMethod
from strata.probes.interventions.matching_positions import (
    REST,
    Summed,
    add_row,
    matching_columns,
    means_of,
    parts_of,
    sums_by_part,
)
from strata.probes.interventions.minimal_pairs import ALL, Target, batches_of, reach_columns
from strata.probes.interventions.noise import generator_for
from strata.probes.interventions.scores import logit_difference
from strata.probes.lens.logit import read_lens
from strata.probes.progress import Progress, silent
from strata.probes.prompts.batching import tokens_a_batch
from strata.probes.rerun.edit_sweep import sweep
from strata.probes.rerun.recording import Recording
from strata.probes.rerun.run_edits import Component, Replacement, Values
from strata.probes.rerun.shared_recordings import Runs

METHODS: tuple[AblationMethod, ...] = get_args(AblationMethod)
DRAWS = 5
"""Donors a resample ablation is averaged over: by chance, the same for a pair whatever else is in its batch."""


@dataclass(frozen=True)
class AblatedBatch:
    rows: tuple[int, ...]
    """Indices into the pairs given."""
    intact: Float[Tensor, " item"]
    """Logit difference answer − foil of the clean prompt as it is; NaN without a foil."""
    drop: Mapping[Ablation, Float[Tensor, "item layer"]]
    """Fall of the logit difference, in logits, by the window's first block; NaN where there is nothing to put in place."""
    wrong: Mapping[Ablation, Float[Tensor, "item layer"]]
    """Share of draws in which the foil is then likelier than the answer."""
    log_prob: Float[Tensor, " item"] | None = None
    """Log-probability of the answer after the prompt as it is, in nats, if asked for."""
    log_prob_drop: Mapping[Ablation, Float[Tensor, "item layer"]] = field(default_factory=dict)
    """Its fall, in nats."""


def ablate_pairs(  # ten parameters: items, donors and edits, how many draws, and what every batched measure takes
    runs: Runs,
    pairs: Sequence[Target],
    donors: Sequence[Target],
    ablations: Sequence[Ablation],
    *,
    layers: Sequence[int] | None = None,
    draws: int = DRAWS,
    log_probs: bool = False,
    batch_tokens: int | None = None,
    progress: Progress = silent,
    stage: str = "ablation",
) -> Iterator[AblatedBatch]:
    """Yields the drops batch by batch. `donors`: pairs of the same groups, whose clean prompts give the replacement.

    A prompt is no donor of itself, whatever it is called: donors have other token ids. A group without donors has no
    mean and no resample ablation. `layers`: first blocks of the windows, ascending; None: all of them.
    """
    tokens = tokens_a_batch(batch_tokens, runs.checkpoint.device, BATCH_TOKENS)
    done = 0
    known: dict[str, _Donors | None] = {}
    progress(stage, 0, len(pairs), "pairs")
    for rows in batches_of(pairs, tokens):
        members = [pairs[row] for row in rows]
        group = members[0].group
        if group not in known:
            # One group at a time: batches come group by group.
            known = {group: _Donors.of(runs, [donor for donor in donors if donor.group == group], tokens)}
        yield _Batch(runs, members, known[group], draws, layers).run(tuple(rows), ablations, log_probs)
        done += len(rows)
        progress(stage, done, len(pairs), "pairs")


class _Donors:
    """The donors' runs."""

    def __init__(self, runs: Sequence[Recording], pairs: Sequence[Sequence[Target]]) -> None:
        self.runs, self.pairs = runs, pairs
        self.places = [(run, row) for run, members in enumerate(pairs) for row in range(len(members))]
        self._sums: dict[tuple[str, int], dict[str, Summed]] = {}

    @classmethod
    def of(cls, runs: Runs, pairs: Sequence[Target], tokens: int) -> _Donors | None:
        if not pairs:
            return None
        batches = [[pairs[row] for row in rows] for rows in batches_of(pairs, tokens)]
        recorded = [
            runs.unheld([pair.clean for pair in members], max(pair.reach for pair in members)) for members in batches
        ]
        return cls(recorded, batches)

    def is_donor_of(self, pair: Target) -> list[tuple[int, int]]:
        """Where the prompts lie that replace a pair's: all but its own, which may be given more than once."""
        return [(run, row) for run, row in self.places if self.pairs[run][row].clean.ids != pair.clean.ids]

    def means(self, pair: Target, component: Component, layer: int) -> dict[str, Tensor]:
        """The means by part over a pair's donors."""
        own: dict[str, Summed] = {}
        for run, row in self.places:
            if self.pairs[run][row].clean.ids == pair.clean.ids:
                add_row(own, self.runs[run], self.runs[run].contribution(component, layer), row, self.pairs[run][row])
        return means_of(self.sums(component, layer), own)

    def sums(self, component: Component, layer: int) -> dict[str, Summed]:
        if (component, layer) not in self._sums:
            self._sums[component, layer] = sums_by_part(self.runs, self.pairs, component, layer)
        return self._sums[component, layer]


class _Batch:
    def __init__(
        self,
        runs: Runs,
        pairs: Sequence[Target],
        donors: _Donors | None,
        draws: int,
        layers: Sequence[int] | None,
    ) -> None:
        self.checkpoint, self.pairs, self.donors, self.draws = runs.checkpoint, pairs, donors, draws
        self.layers = range(self.checkpoint.n_layers) if layers is None else layers
        self.run_intact = runs.of([pair.clean for pair in pairs], max(pair.reach for pair in pairs))
        self.where = reach_columns(pairs, self.run_intact.n_columns)
        foils = [pair.answer_id if pair.foil_id is None else pair.foil_id for pair in pairs]
        self.tokens = torch.tensor([[pair.answer_id, foil] for pair, foil in zip(pairs, foils, strict=True)])
        self.foiled = torch.tensor([pair.foil_id is not None for pair in pairs])

    def run(self, rows: tuple[int, ...], ablations: Sequence[Ablation], log_probs: bool) -> AblatedBatch:
        end = self.run_intact.streams[-1][None, :, -1]
        intact = self._difference(end)[0]
        log_prob = self._log_prob(end)[0] if log_probs else None
        drop: dict[Ablation, Tensor] = {}
        wrong: dict[Ablation, Tensor] = {}
        log_prob_drop: dict[Ablation, Tensor] = {}
        for position in dict.fromkeys(ablation.position for ablation in ablations):
            places = self._places(position)
            if places is None:
                continue
            index, present = places
            for ablation, left, left_log_prob in self._swept(
                [ablation for ablation in ablations if ablation.position == position], index, log_probs
            ):
                drop[ablation] = (intact - left.mean(0)).T.cpu()
                wrong[ablation] = (left <= 0).float().mean(0).T.cpu()
                if log_prob is not None and left_log_prob is not None:
                    log_prob_drop[ablation] = (log_prob - left_log_prob.mean(0)).T
                for table in (drop, wrong, log_prob_drop):
                    if ablation in table:
                        table[ablation][~present] = torch.nan
        return AblatedBatch(rows, intact.cpu(), drop, wrong, log_prob, log_prob_drop)

    def _swept(
        self, ablations: Sequence[Ablation], index: Int[Tensor, "item position"], log_probs: bool
    ) -> Iterator[tuple[Ablation, Float[Tensor, "draw at item"], Float[Tensor, "draw at item"] | None]]:
        """What is left of the logit difference, and of the log-probability, after every ablation that can be made."""
        made: list[tuple[Ablation, int, int]] = []
        edits: list[Replacement] = []
        for ablation in ablations:
            given = self._given(ablation)
            starts = starts_of(ablation.window, self.layers, self.checkpoint.n_layers)
            if not given or not starts:
                continue
            made.append((ablation, len(given), len(starts)))
            for values in given:
                picked = _picked(values, index)
                edits += [Replacement(ablation.component, range(at, at + ablation.window), picked) for at in starts]
        if not edits:
            return
        where = self.where.gather(1, index)
        # All ways of ablating share a sweep: few runs at a time leave a processor idle.
        ends = sweep(self.run_intact, edits, where)[:, :, 0]
        left, left_log_prob = self._difference(ends), self._log_prob(ends) if log_probs else None
        done = 0
        for ablation, draws, n_starts in made:
            own = slice(done, done + draws * n_starts)
            done = own.stop
            yield (
                ablation,
                _by_draw(left[own], draws),
                None if left_log_prob is None else _by_draw(left_log_prob[own], draws),
            )

    def _places(self, position: str) -> tuple[Int[Tensor, "item position"], Tensor] | None:
        """Which of the reached tokens a position group is, and which prompts have it there."""
        longest = self.where.shape[1]
        if position == ALL:
            return torch.arange(longest).expand(len(self.pairs), longest), torch.ones(len(self.pairs), dtype=torch.bool)
        index, present = [], []
        for pair in self.pairs:
            place = pair.clean.positions.get(position, -1)
            present.append(place >= pair.first_difference)
            index.append(longest - (len(pair.clean.ids) - place) if present[-1] else longest - 1)
        return (torch.tensor(index)[:, None], torch.tensor(present)) if any(present) else None

    def _given(self, ablation: Ablation) -> list[Values]:
        """What is put in place of the contribution at every reached token, once for each draw."""
        shape = (*self.where.shape, self.checkpoint.d_model)
        if ablation.measure == "zero":
            return [lambda layer: torch.zeros(shape)]
        if self.donors is None or not all(self.donors.is_donor_of(pair) for pair in self.pairs):
            return []
        if ablation.measure == "mean":
            return [self._mean(ablation.component)]
        return [self._resampled(ablation.component, draw) for draw in range(self.draws)]

    def _mean(self, component: Component) -> Values:
        assert self.donors is not None
        donors = self.donors
        longest = self.where.shape[1]
        parts = [parts_of(pair) for pair in self.pairs]
        parts = [[own[0]] * (longest - len(own)) + own for own in parts]

        def values(layer: int) -> Tensor:
            rows = []
            for pair, own in zip(self.pairs, parts, strict=True):
                means = donors.means(pair, component, layer)
                rows.append(torch.stack([means.get(part, means[REST]) for part in own]))
            return torch.stack(rows)

        return values

    def _resampled(self, component: Component, draw: int) -> Values:
        assert self.donors is not None
        donors, longest = self.donors, self.where.shape[1]
        chosen: list[tuple[int, int, Tensor]] = []
        for pair in self.pairs:
            places = donors.is_donor_of(pair)
            order = torch.randperm(len(places), generator=generator_for("resample", pair.key))
            run, donor_row = places[int(order[draw % len(order)])]
            donor = donors.pairs[run][donor_row]
            start = int(donors.runs[run].batch.start[donor_row])
            columns = matching_columns(pair, donor, start, longest) - donors.runs[run].first
            chosen.append((run, donor_row, columns))

        def values(layer: int) -> Tensor:
            contributions: dict[int, Tensor] = {}
            rows = []
            for run, donor_row, columns in chosen:
                if run not in contributions:
                    contributions[run] = donors.runs[run].contribution(component, layer)
                rows.append(contributions[run][donor_row, columns.to(contributions[run].device)])
            return torch.stack(rows)

        return values

    def _log_prob(self, h: Float[Tensor, "edit item d_model"]) -> Float[Tensor, "edit item"]:
        streams = rearrange(h, "edit item d -> item edit 1 d")
        reading = read_lens(self.checkpoint.readout, streams, {"answer": self.tokens[:, 0]}, ranked=(), top_k=1)
        return rearrange(reading.log_prob("answer"), "item edit 1 -> edit item")

    def _difference(self, h: Float[Tensor, "edit item d_model"]) -> Float[Tensor, "edit item"]:
        difference = logit_difference(self.checkpoint.readout, h, self.tokens)
        return difference.masked_fill(~self.foiled.to(difference.device), torch.nan)


def _by_draw(scores: Float[Tensor, "edit item"], draws: int) -> Float[Tensor, "draw at item"]:
    return rearrange(scores, "(draw at) item -> draw at item", draw=draws)


def _picked(values: Values, index: Int[Tensor, "item position"]) -> Values:
    """The same contributions at some of the reached tokens."""
    rows = torch.arange(len(index))[:, None]

    def at_index(layer: int) -> Tensor:
        given = values(layer)
        return given[rows.to(given.device), index.to(given.device)]

    return at_index
