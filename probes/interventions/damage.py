"""How much does an ablation hurt the model on text that has nothing to do with the items? The covariate of every drop."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from strata.probes.interventions.activation_patching import BATCH_TOKENS
from strata.probes.interventions.intervention import Ablation
from strata.probes.interventions.scores import divergence_per_token
from strata.probes.progress import Progress, silent
from strata.probes.prompts.batching import tokens_a_batch
from strata.probes.prompts.prompt import Prompt
from strata.probes.rerun.edit_sweep import sweep
from strata.probes.rerun.recording import Recording
from strata.probes.rerun.run_edits import Replacement, Values
from strata.probes.rerun.shared_recordings import Runs

LAST_TOKENS = 12
"""An ablation in an item begins where its pair differs, some tokens before its end: so here."""


def damage(
    runs: Runs,
    texts: Sequence[tuple[int, ...]],
    ablations: Sequence[Ablation],
    *,
    last_tokens: int = LAST_TOKENS,
    batch_tokens: int | None = None,
    progress: Progress = silent,
) -> dict[Ablation, Float[Tensor, "text layer"]]:
    """KL(p_intact ‖ p_ablated) in nats a token, over the last `last_tokens` tokens of each text, where the ablation acts.

    `texts`: token ids, each longer than `last_tokens`. The mean an ablation puts in place is that of all texts but the
    text itself; a resampled contribution is the next text's at the same distance from the end.
    """
    checkpoint = runs.checkpoint
    tokens = tokens_a_batch(batch_tokens, checkpoint.device, BATCH_TOKENS)
    n_layers, size = checkpoint.n_layers, max(2, tokens // last_tokens)
    divergences: dict[Ablation, list[Tensor]] = {ablation: [] for ablation in ablations}
    progress("damage", 0, len(texts), "texts")
    # A text left over alone would have no other to borrow from, so the last batch takes it in.
    starts = [start for start in range(0, len(texts), size) if len(texts) - start > 1]
    for start, end in zip(starts, [*starts[1:], len(texts)], strict=True):
        prompts = [Prompt(str(index), tuple(texts[index])) for index in range(start, end)]
        run = runs.unheld(prompts, last_tokens)
        where = torch.arange(run.n_columns - last_tokens, run.n_columns).expand(len(prompts), last_tokens)
        intact = run.streams[-1]
        for ablation in ablations:
            given = _instead(run, where, ablation)
            blocks = range(n_layers - ablation.window + 1)
            edits = [Replacement(ablation.component, range(at, at + ablation.window), given) for at in blocks]
            ends = sweep(run, edits, where, keep=last_tokens)
            divergences[ablation].append(divergence_per_token(checkpoint.readout, intact, ends).T.cpu())
        progress("damage", end, len(texts), "texts")
    return {ablation: torch.cat(parts) for ablation, parts in divergences.items()}


def _instead(run: Recording, where: Int[Tensor, "item position"], ablation: Ablation) -> Values:
    def values(layer: int) -> Tensor:
        own = run.at(ablation.component, layer, where)
        if ablation.measure == "zero":
            return torch.zeros_like(own)
        if ablation.measure == "resample":
            return own.roll(1, dims=0)
        others = (own.sum(0, keepdim=True) - own) / max(1, len(own) - 1)
        return others.mean(1, keepdim=True).expand_as(own)

    return values
