"""Identities that hold for every intervention on every model; an experiment that fails one must not go on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch

from probes.backends.contract import Edit, Site
from probes.backends.recording import Recording, record
from probes.backends.restart import COMPONENTS, Variant, sweep
from probes.backends.self_tests import SelfTest
from probes.backends.tolerance import Tolerance, tolerance_of
from probes.backends.torch_hooks import TorchHooks
from probes.causal.interchange import Line, interchange
from probes.causal.pairs import ALL, Pair
from probes.causal.scores import logit_difference
from probes.checkpoints.checkpoint import Checkpoint

_MOST_PAIRS = 4


def run_causal_self_tests(checkpoint: Checkpoint, pairs: Sequence[Pair]) -> tuple[SelfTest, ...]:
    """Four identities on a few of `pairs`, of the most different reaches. Costs a dozen small forward passes."""
    if not pairs:
        raise ValueError("self-tests need at least one pair")
    by_reach = sorted(pairs, key=lambda pair: (pair.reach, pair.key))
    step = max(1, (len(by_reach) - 1) // (_MOST_PAIRS - 1))
    chosen = by_reach[::step][:_MOST_PAIRS]
    tolerance = tolerance_of(checkpoint.dtype)
    foil = record(checkpoint, [pair.foil for pair in chosen])
    clean = record(checkpoint, [pair.clean for pair in chosen])
    return (
        *_restart_is_the_full_forward(checkpoint, foil, clean, tolerance),
        _own_into_own(checkpoint, foil, tolerance),
        _every_position_restores(checkpoint, chosen, tolerance),
        _sign(checkpoint, foil, chosen),
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
        variants = [
            Variant(component, range(layer, layer + 1), lambda at, name=component: clean.at(name, at, where))  # type: ignore[misc]
            for layer in layers
        ]
        restarted = checkpoint.readout.logits(sweep(foil, variants, where)[:, :, 0]).double()
        for variant, found in zip(variants, restarted, strict=True):
            layer = variant.blocks.start
            edit = Edit(Site(component, layer), where, variant.values(layer))
            whole = backend.edit(foil.batch, [edit], where[:, -1:], sites=[stream], logits=True).logits
            assert whole is not None
            expected = whole[:, 0].double().to(found.device)
            gap = torch.linalg.vector_norm(found - expected, dim=-1) / torch.linalg.vector_norm(expected, dim=-1)
            worst = max(worst, float(gap.max()) if bool(torch.isfinite(gap).all()) else float("inf"))
    yield SelfTest(
        "a restarted run gives the logits of the whole forward pass",
        worst <= tolerance.logits,
        worst,
        tolerance.logits,
        f"Euclidean distance over the norm of the logits; every component of blocks {', '.join(map(str, layers))}",
    )


def _own_into_own(checkpoint: Checkpoint, foil: Recording, tolerance: Tolerance) -> SelfTest:
    where = torch.tensor([[foil.n_columns - 1]]).expand(len(foil.prompts), 1)
    layers = range(checkpoint.n_layers)
    variants = [Variant("resid_pre", range(one, one + 1), lambda at: foil.at("resid_pre", at, where)) for one in layers]
    ends = checkpoint.readout.logits(sweep(foil, variants, where)[:, :, 0]).double()
    before = checkpoint.readout.logits(foil.streams[-1][:, -1]).double()
    gap = torch.linalg.vector_norm(ends - before, dim=-1) / torch.linalg.vector_norm(before, dim=-1)
    value = float(gap.max()) if bool(torch.isfinite(gap).all()) else float("inf")
    return SelfTest(
        "a restarted run given its own stream changes nothing",
        value <= tolerance.logits,
        value,
        tolerance.logits,
        "Euclidean distance over the norm of the logits; every block, last position",
    )


def _every_position_restores(checkpoint: Checkpoint, pairs: Sequence[Pair], tolerance: Tolerance) -> SelfTest:
    line = Line("denoise", "resid_pre", ALL)
    worst = 0.0
    for batch in interchange(checkpoint, pairs, [line]):
        clean, foil = batch.clean.double(), batch.foil.double()
        scale = clean.abs().maximum(foil.abs()).clamp(min=1.0)[:, None]
        gap = ((batch.shift[line].double() - (clean - foil)[:, None]) / scale).abs()
        worst = max(worst, float(gap.max()) if bool(torch.isfinite(gap).all()) else float("inf"))
    allowed = 10 * tolerance.logits
    return SelfTest(
        "denoising every position of one stream restores the clean run",
        worst <= allowed,
        worst,
        allowed,
        "distance to the clean run's logit difference over the larger of the two runs' differences; every block",
    )


def _sign(checkpoint: Checkpoint, foil: Recording, pairs: Sequence[Pair]) -> SelfTest:
    """Adding the answer's unembedding direction to the last stream must raise the logit difference."""
    readout = checkpoint.readout
    tokens = torch.tensor([[pair.answer_id, pair.foil_id] for pair in pairs])
    stream = foil.streams[-1][:, -1]
    at = tokens.to(readout.weight.device)
    direction = (readout.weight[at[:, 0]] - readout.weight[at[:, 1]]).to(stream)
    size = torch.linalg.vector_norm(stream.float(), dim=-1, keepdim=True)
    length = torch.linalg.vector_norm(direction.float(), dim=-1, keepdim=True).clamp(min=1e-30)
    pushed = stream + (direction.float() / length * size).to(stream)
    before, after = (logit_difference(readout, one[None], tokens)[0] for one in (stream, pushed))
    fell = float((before - after).clamp(min=0).max())
    fell = fell if bool(torch.isfinite(after - before).all()) else float("inf")
    return SelfTest(
        "the logit difference rises when the answer's logit is raised",
        fell <= 0.0 and bool((after > before).any()),
        fell,
        0.0,
        "largest fall after a step along the answer's minus the foil's unembedding row",
    )
