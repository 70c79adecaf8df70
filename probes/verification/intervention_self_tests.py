"""Identities that hold for every intervention on every model; an experiment that fails one must not go on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor

from strata.probes.backends.body_inputs import body_inputs
from strata.probes.backends.contract import Backend, Site
from strata.probes.backends.torch_hooks import TorchHooks
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.interventions.activation_patching import patch_pairs
from strata.probes.interventions.cell_effects import CellBatch
from strata.probes.interventions.intervention import Patching
from strata.probes.interventions.minimal_pairs import ALL, Pair
from strata.probes.interventions.scores import logit_difference
from strata.probes.numerics.double_precision import exact
from strata.probes.numerics.tolerance import Tolerance, tolerance_of
from strata.probes.prompts.batching import pad
from strata.probes.prompts.prompt import Prompt
from strata.probes.rerun.edit_sweep import sweep
from strata.probes.rerun.recording import Recording, record_each
from strata.probes.rerun.run_edits import COMPONENTS, Replacement
from strata.probes.rerun.shared_recordings import Runs
from strata.probes.verification.model_self_tests import SelfTest

_MOST_PAIRS = 4


def run_causal_self_tests(
    checkpoint: Checkpoint, pairs: Sequence[Pair], backend: Backend | None = None
) -> tuple[SelfTest, ...]:
    """Five identities on a few of the shorter half of `pairs`, of the most different reaches. Costs a dozen small forward passes.

    What they are about does not depend on how much text stands before the first difference; what they cost does.
    `backend`: what runs the model; None: torch's hooks, which those of another library are held against.
    """
    if not pairs:
        raise ValueError("self-tests need at least one pair")
    by_length = sorted(pairs, key=lambda pair: (len(pair.clean.ids), pair.key))
    by_reach = sorted(by_length[: max(_MOST_PAIRS, len(pairs) // 2)], key=lambda pair: (pair.reach, pair.key))
    step = max(1, (len(by_reach) - 1) // (_MOST_PAIRS - 1))
    chosen = by_reach[::step][:_MOST_PAIRS]
    tolerance = tolerance_of(checkpoint.dtype)
    # As they are measured: what the two prompts of a pair share is run once.
    lists = [[pair.foil for pair in chosen], [pair.clean for pair in chosen]]
    foil, clean = record_each(checkpoint, lists, backend=backend)
    runs = Runs(checkpoint, backend)
    return (
        *(() if checkpoint.is_elsewhere else _restart_is_the_full_forward(checkpoint, foil, clean, tolerance)),
        _own_into_own(checkpoint, foil, tolerance),
        *_every_position_restores(runs, chosen, tolerance),
        *_attention_at_the_end_restores(runs, chosen, tolerance),
        _sign(runs, foil, chosen, tolerance),
    )


def _restart_is_the_full_forward(
    checkpoint: Checkpoint, foil: Recording, clean: Recording, tolerance: Tolerance
) -> Iterator[SelfTest]:
    """Each component in the first, the middle and the last block, against the same edit in a whole forward pass."""
    last = foil.n_columns - 1
    where = torch.tensor([[last - 1, last]]).expand(len(foil.prompts), 2)
    backend = TorchHooks(checkpoint)
    stream = Site("resid_post", checkpoint.n_layers - 1)
    layers = sorted({0, checkpoint.n_layers // 2, checkpoint.n_layers - 1})
    worst = 0.0
    for component in COMPONENTS:
        replacements = [
            Replacement(component, range(layer, layer + 1), partial(clean.at, component, where=where))
            for layer in layers
        ]
        restarted = exact(checkpoint.readout.logits(sweep(foil, replacements, where)[:, :, 0]))
        for replacement, logits in zip(replacements, restarted, strict=True):
            whole = backend.edit(
                foil.batch, replacement.site_edits(where), where[:, -1:], sites=[stream], logits=True
            ).logits
            assert whole is not None
            expected = exact(whole[:, 0]).to(logits.device)
            gap = torch.linalg.vector_norm(logits - expected, dim=-1) / torch.linalg.vector_norm(expected, dim=-1)
            worst = max(worst, float(gap.max()) if bool(torch.isfinite(gap).all()) else float("inf"))
    yield SelfTest(
        "a restarted run gives the logits of the whole forward pass"
        if foil.other is None
        else f"an edited run of {foil.other.name} gives the logits of torch's hooks",
        worst <= tolerance.logits,
        worst,
        tolerance.logits,
        f"Euclidean distance over the norm of the logits; every component of blocks {', '.join(map(str, layers))}",
    )


def _own_into_own(checkpoint: Checkpoint, foil: Recording, tolerance: Tolerance) -> SelfTest:
    where = torch.tensor([[foil.n_columns - 1]]).expand(len(foil.prompts), 1)
    layers = range(checkpoint.n_layers)
    replacements = [
        Replacement("resid_pre", range(layer, layer + 1), lambda at: foil.at("resid_pre", at, where))
        for layer in layers
    ]
    ends = exact(checkpoint.readout.logits(sweep(foil, replacements, where)[:, :, 0]))
    before = exact(checkpoint.readout.logits(foil.streams[-1][:, -1]))
    gap = torch.linalg.vector_norm(ends - before, dim=-1) / torch.linalg.vector_norm(before, dim=-1)
    value = float(gap.max()) if bool(torch.isfinite(gap).all()) else float("inf")
    return SelfTest(
        "a restarted run given its own stream changes nothing",
        value <= tolerance.logits,
        value,
        tolerance.logits,
        "Euclidean distance over the norm of the logits; every block, last position",
    )


def _every_position_restores(runs: Runs, pairs: Sequence[Pair], tolerance: Tolerance) -> Iterator[SelfTest]:
    """Not asked of blocks that read more than the stream, such as the token's id."""
    checkpoint = runs.checkpoint
    if checkpoint.anatomy.beside_stream is not None:
        return
    line = Patching("denoise", "resid_pre", ALL)
    worst = 0.0
    for batch in patch_pairs(runs, pairs, [line]):
        clean, foil = exact(batch.clean), exact(batch.foil)
        scale = clean.abs().maximum(foil.abs()).clamp(min=1.0)[:, None]
        gap = ((exact(batch.shift[line]) - (clean - foil)[:, None]) / scale).abs()
        worst = max(worst, float(gap.max()) if bool(torch.isfinite(gap).all()) else float("inf"))
    allowed = 10 * tolerance.logits
    yield SelfTest(
        "denoising every position of one stream restores the clean run",
        worst <= allowed,
        worst,
        allowed,
        "distance to the clean run's logit difference over the larger of the two runs' differences; every block",
    )


def _attention_at_the_end_restores(runs: Runs, pairs: Sequence[Pair], tolerance: Tolerance) -> Iterator[SelfTest]:
    """Whatever comes before `last` reaches it through attention alone: with that of the clean run it is the clean run.

    True of random models too, so of the whole cell it says nothing about the model. Not asked of pairs that differ at `last`.
    """
    same_end = [pair for pair in pairs if pair.clean.ids[-1] == pair.foil.ids[-1]]
    if not same_end:
        return
    batch = CellBatch(runs, same_end, None)
    clean, foil = exact(batch.clean), exact(batch.foil)
    moved = exact(batch.denoise("move", [(0, runs.checkpoint.n_layers - 1)])[:, 0])
    gap = ((moved - (clean - foil)) / clean.abs().maximum(foil.abs()).clamp(min=1.0)).abs()
    worst = float(gap.max()) if bool(torch.isfinite(gap).all()) else float("inf")
    allowed = 10 * tolerance.logits
    yield SelfTest(
        "the clean run's attention at the last position, in all blocks, restores the clean run",
        worst <= allowed,
        worst,
        allowed,
        "distance to the clean run's logit difference over the larger of the two runs' differences",
    )


def _sign(runs: Runs, foil: Recording, pairs: Sequence[Pair], tolerance: Tolerance) -> SelfTest:
    """The metric has to rise with the answer's logit: it is that logit of the model's own minus the foil's."""
    checkpoint, readout = runs.checkpoint, runs.checkpoint.readout
    tokens = torch.tensor([[pair.answer_id, pair.foil_id] for pair in pairs])
    stream = foil.streams[-1][:, -1]
    difference = exact(logit_difference(readout, stream[None], tokens)[0])
    logits = exact(_last_logits(runs, foil.prompts)).to(difference.device)
    at = tokens.to(difference.device)
    expected = (logits.gather(1, at[:, :1]) - logits.gather(1, at[:, 1:]))[:, 0]
    gap = (difference - expected).abs() / torch.linalg.vector_norm(logits, dim=-1)
    value = float(gap.max()) if bool(torch.isfinite(gap).all()) else float("inf")
    return SelfTest(
        "the logit difference is the model's logit of the answer minus that of the foil",
        value <= tolerance.logits,
        value,
        tolerance.logits,
        "distance over the norm of the logits; "
        + ("the logits that the server gives" if checkpoint.is_elsewhere else "the model called without hooks"),
    )


def _last_logits(runs: Runs, prompts: Sequence[Prompt]) -> Float[Tensor, "prompt vocab"]:
    """The model's own, where it is here."""
    checkpoint = runs.checkpoint
    batch = pad(prompts, checkpoint.pad_id)
    lasts = batch.mask.sum(1, keepdim=True) - 1
    if checkpoint.is_elsewhere and runs.backend is not None:
        read = runs.backend.read(batch, (), lasts, logits=True).logits
        assert read is not None
        return read[:, 0]
    with torch.no_grad():
        output = checkpoint.model(**body_inputs(checkpoint, batch.to(checkpoint.device)), use_cache=False)
    rows = torch.arange(len(lasts), device=output.logits.device)
    logits: Tensor = output.logits[rows, lasts[:, 0].to(rows.device)]
    return logits
