"""Through which blocks does `last` read a span? Attention knockout of that edge in windows of blocks (2304.14767)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from strata.probes.backends.restart import Knockout, sweep
from strata.probes.backends.runs import Runs
from strata.probes.batching import tokens_a_batch
from strata.probes.causal.activation_patching import BATCH_TOKENS
from strata.probes.causal.pairs import Pair, batches_of
from strata.probes.causal.scores import logit_difference
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.progress import Progress, silent


@dataclass(frozen=True)
class KnockedOut:
    rows: tuple[int, ...]
    """Indices into the pairs given."""
    intact: Float[Tensor, " item"]
    """Logit difference answer − foil of the clean prompt as it is."""
    drop: Mapping[str, Float[Tensor, "item layer"]]
    """By span: fall of the logit difference, in logits, by the window's first block; NaN for pairs without the span."""


def knockout(
    checkpoint: Checkpoint,
    pairs: Sequence[Pair],
    spans: Sequence[str],
    *,
    window: int,
    batch_tokens: int | None = None,
    runs: Runs | None = None,
    progress: Progress = silent,
    stage: str = "knockout",
) -> Iterator[KnockedOut]:
    """Hides each span's last token from the last position in `window` blocks in a row; only that position is recomputed."""
    runs = runs or Runs(checkpoint)
    tokens = tokens_a_batch(batch_tokens, checkpoint.device, BATCH_TOKENS)
    starts = range(checkpoint.n_layers - min(window, checkpoint.n_layers) + 1)
    done = 0
    progress(stage, 0, len(pairs), "pairs")
    for rows in batches_of(pairs, tokens):
        members = [pairs[row] for row in rows]
        run = runs.of([pair.clean for pair in members], 1)
        scored = torch.tensor([[pair.answer_id, pair.foil_id] for pair in members])
        last = run.columns(["last"])
        intact = logit_difference(checkpoint.readout, run.streams[-1][None, :, -1], scored)[0]
        drop: dict[str, Tensor] = {}
        for span in spans:
            there = torch.tensor([span in pair.clean.positions and span != "last" for pair in members])
            if not bool(there.any()):
                continue
            # A pair without the span hides nothing it could miss: its first pad.
            places = [pair.clean.positions[span] if has else -1 for pair, has in zip(members, there, strict=True)]
            sources = torch.where(there, torch.tensor(places) + run.batch.start, 0)[:, None]
            variants = [Knockout(range(start, start + min(window, checkpoint.n_layers)), sources) for start in starts]
            ends = sweep(run, variants, last)[:, :, 0]
            moved = (intact - logit_difference(checkpoint.readout, ends, scored)).T.cpu()
            moved[~there] = torch.nan
            drop[span] = moved
        yield KnockedOut(tuple(rows), intact.cpu(), drop)
        done += len(rows)
        progress(stage, done, len(pairs), "pairs")
