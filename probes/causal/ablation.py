"""What is lost when a block, its attention or its MLP is taken out, from the first token that tells a pair apart on?

Skip sets the contribution to nothing, mean ablation to the mean over other prompts of the task at the same named
position, resample ablation to what another prompt of the task has there, averaged over draws. The three push a model off
its distribution in different ways, so a finding needs all of them to agree (2404.15255 on what an ablation can't show).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor

from strata.probes.backends.recording import Recording, record
from strata.probes.backends.restart import Component, Values, Variant, batches_of_variants, sweep
from strata.probes.backends.runs import Runs
from strata.probes.causal.activation_patching import BATCH_TOKENS
from strata.probes.causal.noise import generator_for
from strata.probes.causal.pairs import Pair, batches_of, reach_columns
from strata.probes.causal.positions import REST, matching_columns, mean_by_part, parts_of
from strata.probes.causal.scores import logit_difference
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.progress import Progress, silent

Method = Literal["skip", "mean", "resample"]
METHODS: tuple[Method, ...] = ("skip", "mean", "resample")
DRAWS = 5
"""Donors a resample ablation is averaged over: by chance, the same for a pair whatever else is in its batch."""


class Ablation(NamedTuple):
    """One line of an ablation map."""

    method: Method
    component: Component
    """`block_out`, `attn_out` or `mlp_out`."""
    window: int = 1
    """Number of consecutive blocks removed together."""


@dataclass(frozen=True)
class AblatedBatch:
    rows: tuple[int, ...]
    """Indices into the pairs given."""
    intact: Float[Tensor, " item"]
    """Logit difference answer − foil of the clean prompt as it is."""
    drop: Mapping[Ablation, Float[Tensor, "item layer"]]
    """Fall of the logit difference, in logits, by the window's first block; NaN where there is nothing to put in place."""
    wrong: Mapping[Ablation, Float[Tensor, "item layer"]]
    """Share of draws in which the foil is then likelier than the answer."""


def ablate_pairs(
    checkpoint: Checkpoint,
    pairs: Sequence[Pair],
    reference: Sequence[Pair],
    ablations: Sequence[Ablation],
    *,
    draws: int = DRAWS,
    batch_tokens: int | None = None,
    runs: Runs | None = None,
    progress: Progress = silent,
    stage: str = "ablation",
) -> Iterator[AblatedBatch]:
    """Yields the drops batch by batch. `reference`: other pairs of the same groups, whose clean prompts stand in.

    A group without a reference has no mean and no resample ablation.
    """
    runs = runs or Runs(checkpoint)
    tokens = batch_tokens or BATCH_TOKENS.get(checkpoint.device.type, BATCH_TOKENS["cuda"])
    done = 0
    known: dict[str, _Reference | None] = {}
    progress(stage, 0, len(pairs), "pairs")
    for rows in batches_of(pairs, tokens):
        members = [pairs[row] for row in rows]
        group = members[0].group
        if group not in known:
            # One group at a time: batches come group by group.
            known = {group: _Reference.of(checkpoint, [pair for pair in reference if pair.group == group], tokens)}
        yield _Batch(runs, members, known[group], draws).run(tuple(rows), ablations)
        done += len(rows)
        progress(stage, done, len(pairs), "pairs")


class _Reference:
    """The runs that stand in for what is removed."""

    def __init__(self, runs: Sequence[Recording], pairs: Sequence[Sequence[Pair]]) -> None:
        self.runs, self.pairs = runs, pairs
        self.places = [(run, row) for run, members in enumerate(pairs) for row in range(len(members))]
        self._means: dict[tuple[str, int], dict[str, Tensor]] = {}

    @classmethod
    def of(cls, checkpoint: Checkpoint, pairs: Sequence[Pair], tokens: int) -> _Reference | None:
        if not pairs:
            return None
        batches = [[pairs[row] for row in rows] for rows in batches_of(pairs, tokens)]
        runs = [
            record(checkpoint, [pair.clean for pair in members], keep=max(pair.reach for pair in members))
            for members in batches
        ]
        return cls(runs, batches)

    def means(self, component: Component, layer: int) -> dict[str, Float[Tensor, " d_model"]]:
        if (component, layer) not in self._means:
            self._means[component, layer] = mean_by_part(self.runs, self.pairs, component, layer)
        return self._means[component, layer]


class _Batch:
    def __init__(self, runs: Runs, pairs: Sequence[Pair], reference: _Reference | None, draws: int) -> None:
        self.checkpoint, self.pairs, self.reference, self.draws = runs.checkpoint, pairs, reference, draws
        self.run_intact = runs.of([pair.clean for pair in pairs], max(pair.reach for pair in pairs))
        self.where = reach_columns(pairs, self.run_intact.n_columns)
        self.tokens = torch.tensor([[pair.answer_id, pair.foil_id] for pair in pairs])

    def run(self, rows: tuple[int, ...], ablations: Sequence[Ablation]) -> AblatedBatch:
        intact = self._difference(self.run_intact.streams[-1][None, :, -1])[0]
        made: list[tuple[Ablation, int, int]] = []
        variants: list[Variant] = []
        for ablation in ablations:
            given = self._given(ablation)
            starts = range(self.checkpoint.n_layers - ablation.window + 1)
            if not given or not starts:
                continue
            made.append((ablation, len(given), len(starts)))
            for values in given:
                variants += [Variant(ablation.component, range(at, at + ablation.window), values) for at in starts]
        # All ways of removing share a sweep: few runs at a time leave a processor idle.
        parts = batches_of_variants(variants, self.where, self.run_intact)
        differences = [self._difference(sweep(self.run_intact, part, self.where)[:, :, 0]) for part in parts]
        ends = torch.cat(differences) if differences else intact[:0, None]
        drop: dict[Ablation, Tensor] = {}
        wrong: dict[Ablation, Tensor] = {}
        done = 0
        for ablation, draws, starts_of_cut in made:
            left = rearrange(ends[done : done + draws * starts_of_cut], "(draw at) item -> draw at item", draw=draws)
            done += draws * starts_of_cut
            drop[ablation] = (intact - left.mean(0)).T.cpu()
            wrong[ablation] = (left <= 0).float().mean(0).T.cpu()
        return AblatedBatch(rows, intact.cpu(), drop, wrong)

    def _given(self, ablation: Ablation) -> list[Values]:
        """What is put in place of the contribution, once for each draw."""
        shape = (*self.where.shape, self.checkpoint.d_model)
        if ablation.method == "skip":
            return [lambda layer: torch.zeros(shape)]
        if self.reference is None:
            return []
        if ablation.method == "mean":
            return [self._mean(ablation.component)]
        return [self._resampled(ablation.component, draw) for draw in range(self.draws)]

    def _mean(self, component: Component) -> Values:
        assert self.reference is not None
        reference = self.reference
        longest = self.where.shape[1]
        parts = [parts_of(pair) for pair in self.pairs]
        parts = [[own[0]] * (longest - len(own)) + own for own in parts]

        def values(layer: int) -> Tensor:
            means = reference.means(component, layer)
            return torch.stack([torch.stack([means.get(part, means[REST]) for part in own]) for own in parts])

        return values

    def _resampled(self, component: Component, draw: int) -> Values:
        assert self.reference is not None
        reference, longest = self.reference, self.where.shape[1]
        chosen: list[tuple[int, int, Tensor]] = []
        for pair in self.pairs:
            order = torch.randperm(len(reference.places), generator=generator_for("resample", pair.key))
            run, donor_row = reference.places[int(order[draw % len(order)])]
            donor = reference.pairs[run][donor_row]
            start = int(reference.runs[run].batch.start[donor_row])
            columns = matching_columns(pair, donor, start, longest) - reference.runs[run].first
            chosen.append((run, donor_row, columns))

        def values(layer: int) -> Tensor:
            contributions: dict[int, Tensor] = {}
            rows = []
            for run, donor_row, columns in chosen:
                if run not in contributions:
                    contributions[run] = reference.runs[run].contribution(component, layer)
                rows.append(contributions[run][donor_row, columns.to(contributions[run].device)])
            return torch.stack(rows)

        return values

    def _difference(self, h: Float[Tensor, "variant item d_model"]) -> Float[Tensor, "variant item"]:
        return logit_difference(self.checkpoint.readout, h, self.tokens)
